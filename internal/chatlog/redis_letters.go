package chatlog

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// Letters implements Outbox.
func (r *Redis) Letters(ctx context.Context, after string, limit int) ([]Letter, error) {
	from := "-"
	if after != "" {
		if _, ok := parseLetterID(after); !ok {
			return nil, errLetterID(after)
		}
		from = "(" + after
	}
	rows, err := r.ask(ctx, lettersScript, []string{deadKey}, from, atLeastOne(limit))
	if err != nil {
		return nil, named("letters", err)
	}
	var letters []Letter
	for i := range rows {
		letter, err := readLetter(&rows[i])
		if err != nil {
			return nil, named("letters", err)
		}
		letters = append(letters, letter)
	}
	return letters, nil
}

func errLetterID(id string) error { return fmt.Errorf("%w: %q names no dead letter", ErrRefused, id) }

// readLetter reads {"<ms>-<n>", {"c", chat, "n", name, "d", data, "r", reason}}.
func readLetter(row *rueidis.RedisMessage) (Letter, error) {
	parts, err := row.ToArray()
	if err != nil || len(parts) != 2 {
		return Letter{}, errAnswer
	}
	id, err := parts[0].ToString()
	if err != nil {
		return Letter{}, errAnswer
	}
	fields, err := parts[1].AsStrSlice()
	if err != nil || len(fields) != 8 {
		return Letter{}, errAnswer
	}
	at, _, _ := strings.Cut(id, "-")
	ms, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return Letter{}, errAnswer
	}
	return Letter{
		ID: id, ChatID: fields[1], At: time.UnixMilli(ms), Reason: fields[7],
		Item: Item{Name: fields[3], Data: []byte(fields[5])},
	}, nil
}

// Revive implements Outbox.
func (r *Redis) Revive(ctx context.Context, id string) (bool, error) {
	if _, ok := parseLetterID(id); !ok {
		return false, nil
	}
	revived, err := r.run(ctx, reviveScript, []call{{[]string{dueKey, deadKey}, r.args(id, maxQueuedArg)}})[0].AsInt64()
	if err == nil && revived < 0 {
		return false, ErrFull
	}
	return revived == 1, named("revive", err)
}

// Discard implements Outbox.
func (r *Redis) Discard(ctx context.Context, id string) (bool, error) {
	if _, ok := parseLetterID(id); !ok {
		return false, nil
	}
	removed, err := r.do(ctx, []rueidis.Completed{r.client.B().Xdel().Key(deadKey).Id(id).Build()})[0].AsInt64()
	return removed == 1, named("discard", err)
}
