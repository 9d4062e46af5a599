package outboxcmd

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"eclipse/internal/chatlog"
)

// retry puts dead letters back into their chats' queues.
type retry struct {
	all  bool
	chat string
}

func (r *retry) define(flags *flag.FlagSet) {
	flags.BoolVar(&r.all, "all", false, "every dead letter that there is now, instead of ids")
	flags.StringVar(&r.chat, "chat", "", "with -all: only this chat's, by its `id`")
}

func (r *retry) check(ids []string) error {
	switch {
	case !r.all && len(ids) == 0:
		return errUsage("outbox retry needs ids of dead letters, or -all; eclipse outbox list -dead shows them")
	case r.all && len(ids) > 0:
		return errUsage("outbox retry takes ids or -all, not both")
	case r.chat != "" && !r.all:
		return errUsage("-chat goes with -all; leave it out where ids are given")
	}
	return nil
}

func (r *retry) do(ctx context.Context, box outbox, ids []string, p printer) (err error) {
	if r.all {
		if ids, err = r.find(ctx, box); err != nil {
			return err
		}
		if len(ids) == 0 {
			fmt.Fprintln(p.out, "No dead letters.")
			return nil
		}
	}
	done, err := apply("retrying", ids, p, func(id string) (bool, error) { return box.Revive(ctx, id) })
	if done > 0 {
		fmt.Fprintf(p.out, "Back at the end of the chats' queues: %s. Running routers take over within seconds; what the API refuses again "+
			"becomes a dead letter under a new id.\n", counted(done, "message"))
	}
	return err
}

// find returns the ids of the present dead letters. It reads all before the first is put back: one that is refused again
// meanwhile would otherwise come up anew, and so on.
func (r *retry) find(ctx context.Context, box outbox) (ids []string, err error) {
	only := selection{chat: r.chat, dead: true}
	err = only.eachLetter(ctx, box, func(letter chatlog.Letter) error {
		ids = append(ids, letter.ID)
		return nil
	})
	return ids, err
}

// discard forgets dead letters.
type discard struct{ yes bool }

func (d *discard) define(flags *flag.FlagSet) {
	flags.BoolVar(&d.yes, "yes", false, "really forget them")
}

func (d *discard) check(ids []string) error {
	if len(ids) == 0 {
		return errUsage("outbox discard needs ids of dead letters; eclipse outbox list -dead shows them")
	}
	if !d.yes {
		return errUsage("nothing was discarded: say -yes to forget " + counted(len(ids), "dead letter") +
			" for good; eclipse outbox export -dead -o FILE keeps a copy")
	}
	return nil
}

func (d *discard) do(ctx context.Context, box outbox, ids []string, p printer) error {
	done, err := apply("discarding", ids, p, func(id string) (bool, error) { return box.Discard(ctx, id) })
	if done > 0 {
		fmt.Fprintf(p.out, "Forgotten for good: %s.\n", counted(done, "dead letter"))
	}
	return err
}

// apply does something with each letter, also after one that is unknown or whose queue is full. It returns how many it was
// done with.
func apply(what string, ids []string, p printer, step func(id string) (bool, error)) (done int, err error) {
	failed := 0
	tried := make(map[string]bool, len(ids))
	for _, id := range ids {
		if tried[id] {
			continue
		}
		tried[id] = true
		switch ok, err := step(id); {
		case errors.Is(err, chatlog.ErrFull):
			failed++
			fmt.Fprintf(p.notes, "%s: its chat has %d queued messages, which is the most; try again when some are stored\n", shown(id), chatlog.MaxQueued)
		case err != nil:
			return done, doing(what+" "+shown(id), err)
		case !ok:
			failed++
			fmt.Fprintf(p.notes, "%s: there is no such dead letter; eclipse outbox list -dead shows which there are\n", shown(id))
		default:
			done++
		}
	}
	if failed > 0 {
		return done, fmt.Errorf("%s failed for %d of %s", what, failed, counted(len(tried), "id"))
	}
	return done, nil
}
