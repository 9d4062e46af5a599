package outboxcmd

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"eclipse/internal/chatlog"
)

// list shows the chats with queued messages, then the dead letters.
type list struct {
	selection
	json, content bool
}

// chatLine is a chat with queued messages as list -json writes it.
type chatLine struct {
	State    string  `json:"state"`
	ChatID   string  `json:"chatId"`
	Messages int     `json:"messages"`
	Holder   string  `json:"holder"` // the instance that posts them, "" = nobody
	Oldest   *record `json:"oldest,omitempty"`
}

func (l *list) define(flags *flag.FlagSet) {
	l.selection.define(flags)
	flags.BoolVar(&l.json, "json", false, "one JSON object a line")
	flags.BoolVar(&l.content, "content", false, "print what the messages say, too: of a chat the oldest one")
}

func (l *list) check(ids []string) error {
	if err := noIDs("list", ids); err != nil {
		return err
	}
	return l.selection.check()
}

func (l *list) do(ctx context.Context, box outbox, _ []string, p printer) error {
	if l.json {
		return l.asJSON(ctx, box, p.out)
	}
	if !l.dead {
		if err := l.queuedTable(ctx, box, p.out); err != nil {
			return err
		}
	}
	if !l.dead && !l.queued {
		fmt.Fprintln(p.out)
	}
	if l.queued {
		return nil
	}
	return l.deadTable(ctx, box, p.out)
}

func (l *list) line(info chatlog.QueueInfo) chatLine {
	line := chatLine{State: queuedState, ChatID: info.ChatID, Messages: info.Left, Holder: info.Holder}
	if len(info.Items) > 0 {
		oldest := readItem(queuedState, info.ChatID, info.Items[0].Item, l.content)
		line.Oldest = &oldest
	}
	return line
}

func (l *list) asJSON(ctx context.Context, box outbox, out io.Writer) error {
	err := l.eachQueue(ctx, box, func(info chatlog.QueueInfo) error { return writeLine(out, l.line(info)) })
	if err != nil {
		return err
	}
	return l.eachLetter(ctx, box, func(letter chatlog.Letter) error { return writeLine(out, readLetter(letter, l.content)) })
}

func (l *list) queuedTable(ctx context.Context, box outbox, out io.Writer) error {
	table := l.table(out, "QUEUED IN CHAT", "MESSAGES", "OLDEST", "MESSAGE ID", "HOLDER")
	chats, waiting, now := 0, 0, time.Now()
	err := l.eachQueue(ctx, box, func(info chatlog.QueueInfo) error {
		line := l.line(info)
		chats, waiting = chats+1, waiting+info.Left
		holder := line.Holder
		if holder == "" {
			holder = "nobody"
		}
		var oldest record
		if line.Oldest != nil {
			oldest = *line.Oldest
		}
		return l.row(table, oldest, line.ChatID, fmt.Sprint(line.Messages), age(oldest.SentAt, now), oldest.label(), holder)
	})
	if err != nil {
		return err
	}
	if chats == 0 {
		fmt.Fprintln(out, "No message waits.")
		return nil
	}
	err = table.Flush()
	fmt.Fprintf(out, "%s in %s.\n", counted(waiting, "message"), counted(chats, "chat"))
	return err
}

func (l *list) deadTable(ctx context.Context, box outbox, out io.Writer) error {
	table := l.table(out, "DEAD LETTER", "REFUSED AT", "CHAT", "MESSAGE ID", "ROLE", "CODE", "REASON")
	dead := 0
	err := l.eachLetter(ctx, box, func(letter chatlog.Letter) error {
		dead++
		r := readLetter(letter, l.content)
		return l.row(table, r, r.LetterID, r.RefusedAt, r.ChatID, r.label(), r.Role, r.Code, shortened(r.Reason))
	})
	if err != nil {
		return err
	}
	if dead == 0 {
		fmt.Fprintln(out, "No dead letters.")
		return nil
	}
	err = table.Flush()
	fmt.Fprintf(out, "%s.\n", counted(dead, "dead letter"))
	return err
}

// table begins a table whose columns are as wide as what is in them.
func (l *list) table(out io.Writer, columns ...string) *tabwriter.Writer {
	if l.content {
		columns = append(columns, "CONTENT")
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, strings.Join(columns, "\t")) // is kept until Flush
	return table
}

func (l *list) row(table io.Writer, r record, cells ...string) error {
	for i := range cells {
		cells[i] = shown(cells[i])
	}
	if l.content {
		cells = append(cells, r.says())
	}
	_, err := fmt.Fprintln(table, strings.Join(cells, "\t"))
	return err
}

// label is a message's id, or what finds one that cannot be read.
func (r record) label() string {
	if r.ID == "" {
		return r.Name
	}
	return r.ID
}

func (r record) says() string {
	if r.Content == nil {
		return "(cannot be read; see export)"
	}
	return shown(*r.Content)
}
