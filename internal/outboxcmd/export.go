package outboxcmd

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"

	"eclipse/internal/chatlog"
)

// export writes every message with everything that the outbox has of it.
type export struct {
	selection
	file string
}

func (e *export) define(flags *flag.FlagSet) {
	e.selection.define(flags)
	flags.StringVar(&e.file, "o", "", "write to a new `file` that only its owner can read, instead of standard output")
}

func (e *export) check(ids []string) error {
	if err := noIDs("export", ids); err != nil {
		return err
	}
	return e.selection.check()
}

func (e *export) do(ctx context.Context, box outbox, _ []string, p printer) error {
	if e.file == "" {
		return e.write(ctx, box, p.out, p.notes)
	}
	file, err := os.OpenFile(e.file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already; name another file with -o, or remove it", e.file)
	}
	if err != nil {
		return fmt.Errorf("making the file: %w; name another with -o", err)
	}
	buffer := bufio.NewWriter(file)
	err = e.write(ctx, box, buffer, p.notes)
	return errors.Join(err, buffer.Flush(), file.Sync(), file.Close())
}

// write puts queued messages first: one that is refused meanwhile is then written twice instead of never.
func (e *export) write(ctx context.Context, box outbox, out, notes io.Writer) error {
	waiting, dead := 0, 0
	err := e.eachQueue(ctx, box, func(info chatlog.QueueInfo) error {
		return each(messagesOf(ctx, box, info), func(chatlog.Queued) bool { return true }, func(q chatlog.Queued) error {
			waiting++
			return writeLine(out, readItem(queuedState, info.ChatID, q.Item, true))
		})
	})
	if err == nil {
		err = e.eachLetter(ctx, box, func(letter chatlog.Letter) error {
			dead++
			return writeLine(out, readLetter(letter, true))
		})
	}
	if err != nil {
		return fmt.Errorf("the export is not complete, it ends after %s: %w", counted(waiting+dead, "message"), err)
	}
	fmt.Fprintf(notes, "Exported: %d queued, %d dead.\n", waiting, dead)
	return nil
}
