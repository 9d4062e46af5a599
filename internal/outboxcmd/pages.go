package outboxcmd

import (
	"context"
	"flag"
	"iter"

	"eclipse/internal/chatlog"
)

// What is asked for at once. A chat comes with up to a hundred messages.
const (
	chatPage   = 50
	letterPage = 200
	queuedPage = 200
)

// queues goes through the chats with queued messages in the order of their ids. An error is the last of it.
func queues(ctx context.Context, box outbox) iter.Seq2[chatlog.QueueInfo, error] {
	return pages("reading the queues", "", func(info chatlog.QueueInfo) string { return info.ChatID }, func(after string) ([]chatlog.QueueInfo, error) {
		return box.Queues(ctx, after, chatPage)
	})
}

// letters goes through the dead letters, oldest first. An error is the last of it.
func letters(ctx context.Context, box outbox) iter.Seq2[chatlog.Letter, error] {
	return pages("reading the dead letters", "", func(letter chatlog.Letter) string { return letter.ID }, func(after string) ([]chatlog.Letter, error) {
		return box.Letters(ctx, after, letterPage)
	})
}

// messagesOf goes through a chat's queue, of which the first are known.
func messagesOf(ctx context.Context, box outbox, info chatlog.QueueInfo) iter.Seq2[chatlog.Queued, error] {
	return func(yield func(chatlog.Queued, error) bool) {
		last := uint64(0)
		for _, q := range info.Items {
			if last = q.Seq; !yield(q, nil) {
				return
			}
		}
		if info.Left > len(info.Items) {
			further(ctx, box, info.ChatID, last)(yield)
		}
	}
}

func further(ctx context.Context, box outbox, chatID string, after uint64) iter.Seq2[chatlog.Queued, error] {
	return pages("reading a queue", after, func(q chatlog.Queued) uint64 { return q.Seq }, func(after uint64) ([]chatlog.Queued, error) {
		return box.Queued(ctx, chatID, after, queuedPage)
	})
}

// pages asks until a page is empty: a short one is not the last, since queues get empty between two questions.
func pages[T, ID any](what string, first ID, idOf func(T) ID, read func(after ID) ([]T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for after := first; ; {
			page, err := read(after)
			if err != nil {
				yield(*new(T), doing(what, err))
				return
			}
			if len(page) == 0 {
				return
			}
			for _, one := range page {
				if !yield(one, nil) {
					return
				}
			}
			after = idOf(page[len(page)-1])
		}
	}
}

// selection is what list and export look at.
type selection struct {
	chat         string
	queued, dead bool // only these; neither = both
}

func (s *selection) define(flags *flag.FlagSet) {
	flags.StringVar(&s.chat, "chat", "", "only this chat's, by its `id`")
	flags.BoolVar(&s.queued, "queued", false, "only messages that wait")
	flags.BoolVar(&s.dead, "dead", false, "only dead letters")
}

func (s *selection) check() error {
	if s.queued && s.dead {
		return errUsage("-queued and -dead exclude each other; leave both out to have both")
	}
	return nil
}

func (s *selection) has(chatID string) bool { return s.chat == "" || s.chat == chatID }

// eachQueue and eachLetter call a function for what is selected.
func (s *selection) eachQueue(ctx context.Context, box outbox, see func(chatlog.QueueInfo) error) error {
	if s.dead {
		return nil
	}
	return each(queues(ctx, box), func(info chatlog.QueueInfo) bool { return s.has(info.ChatID) }, see)
}

func (s *selection) eachLetter(ctx context.Context, box outbox, see func(chatlog.Letter) error) error {
	if s.queued {
		return nil
	}
	return each(letters(ctx, box), func(letter chatlog.Letter) bool { return s.has(letter.ChatID) }, see)
}

func each[T any](all iter.Seq2[T, error], selected func(T) bool, see func(T) error) error {
	for one, err := range all {
		if err == nil && selected(one) {
			err = see(one)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
