package outboxcmd

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"eclipse/internal/config"
)

// verb is one of the things that can be done with the outbox.
type verb interface {
	define(flags *flag.FlagSet)
	check(ids []string) error // of the arguments, before anything is opened
	do(ctx context.Context, box outbox, ids []string, p printer) error
}

// printer is where a verb writes: results, and beside them what a person should know.
type printer struct{ out, notes io.Writer }

var verbs = []struct {
	name, args, help string
	make             func() verb
}{
	{"list", "", "show which chats have messages that wait, then the dead letters", func() verb { return new(list) }},
	{"retry", "ID...", "put dead letters back at the end of their chats' queues", func() verb { return new(retry) }},
	{"discard", "ID...", "forget dead letters for good", func() verb { return new(discard) }},
	{"export", "", "write everything as JSON lines, with content, to store it by hand", func() verb { return new(export) }},
}

// errUsage is a mistake in the arguments.
type errUsage string

func (e errUsage) Error() string { return string(e) }

// Run carries out the subcommand and returns the exit code: 0, 1 for a failure, 2 for wrong arguments or settings. args
// are those after the word outbox; load is called once they are right.
func Run(ctx context.Context, args []string, load func() (config.Config, error), stdout, stderr io.Writer) int {
	open := func(ctx context.Context) (store, error) {
		cfg, err := load()
		if err != nil {
			return nil, err
		}
		return openStore(ctx, &cfg, stderr)
	}
	return run(ctx, args, open, printer{stdout, stderr})
}

func run(ctx context.Context, args []string, open func(context.Context) (store, error), p printer) int {
	err := carryOut(ctx, args, open, p)
	var usage errUsage
	var faults config.Faults
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, &usage), errors.As(err, &faults):
		fmt.Fprintln(p.notes, err)
		return 2
	default:
		fmt.Fprintln(p.notes, "outbox:", err)
		return 1
	}
}

func carryOut(ctx context.Context, args []string, open func(context.Context) (store, error), p printer) (err error) {
	v, ids, err := parse(args, p.notes)
	if err != nil {
		return err
	}
	box, err := open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, box.Close()) }()
	out := bufio.NewWriter(p.out)
	err = v.do(ctx, box, ids, printer{out, p.notes})
	return errors.Join(err, out.Flush())
}

// parse finds the verb and reads its flags, which may stand before and after ids.
func parse(args []string, notes io.Writer) (verb, []string, error) {
	if len(args) == 0 {
		return nil, nil, errUsage("outbox list, retry, discard or export? See eclipse outbox -h")
	}
	if args[0] == "-h" || args[0] == "-help" || args[0] == "--help" {
		help(notes)
		return nil, nil, flag.ErrHelp
	}
	for _, known := range verbs {
		if known.name != args[0] {
			continue
		}
		v := known.make()
		ids, err := parseFlags(v, known.name, known.args, args[1:], notes)
		if err == nil {
			err = v.check(ids)
		}
		return v, ids, err
	}
	return nil, nil, errUsage(fmt.Sprintf("outbox %s is unknown; there are list, retry, discard and export, see eclipse outbox -h", shown(args[0])))
}

func parseFlags(v verb, name, takes string, args []string, notes io.Writer) (ids []string, err error) {
	flags := flag.NewFlagSet("outbox "+name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	v.define(flags)
	for {
		switch err := flags.Parse(args); {
		case errors.Is(err, flag.ErrHelp):
			fmt.Fprintln(notes, strings.TrimSpace("Usage: eclipse outbox "+name+" [flags] "+takes)+"\n")
			flags.SetOutput(notes)
			flags.PrintDefaults()
			return nil, err
		case err != nil:
			return nil, errUsage(fmt.Sprintf("%v; see eclipse outbox %s -h", err, name))
		case flags.NArg() == 0:
			return ids, nil
		}
		ids = append(ids, flags.Arg(0))
		args = flags.Args()[1:]
	}
}

func help(w io.Writer) {
	fmt.Fprint(w, "eclipse outbox looks after messages that wait for the API, and dead letters, which it refused for good.\n\n"+
		"Usage: eclipse outbox list|retry|discard|export [flags]\n\n")
	for _, known := range verbs {
		fmt.Fprintf(w, "  %-8s %-6s %s\n", known.name, known.args, known.help)
	}
	fmt.Fprint(w, "\nFlags of each: eclipse outbox list -h, and so on. The environment and .env are read as the router reads them, so run it where\n"+
		"the router runs, or with its REDIS_URL or DATA_DIR. Routers may run meanwhile. Exit codes: 0, 1 for a failure (an unknown id,\n"+
		"nothing reachable), 2 for wrong arguments or settings.\n")
}

// noIDs is the check of verbs that take none.
func noIDs(name string, ids []string) error {
	if len(ids) > 0 {
		return errUsage(fmt.Sprintf("outbox %s takes no ids, and was given %s; -chat restricts it to a chat", name, shown(ids[0])))
	}
	return nil
}
