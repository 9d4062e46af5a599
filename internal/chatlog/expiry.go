package chatlog

import (
	"context"
	"time"
)

// ExpireLetters discards the dead letters from before a time, oldest first, and counts those that were still there: of
// several instances that do this at once, each counts its own.
func ExpireLetters(ctx context.Context, o Outbox, before time.Time) (expired int, err error) {
	for {
		letters, err := o.Letters(ctx, "", 100)
		if err != nil || len(letters) == 0 {
			return expired, err
		}
		for _, letter := range letters {
			if !letter.At.Before(before) {
				return expired, nil
			}
			discarded, err := o.Discard(ctx, letter.ID)
			if err != nil {
				return expired, err
			}
			if discarded {
				expired++
			}
		}
	}
}
