package chatlog

import (
	"errors"
	"slices"
	"testing"
)

// A step that knows an epoch is carried out in the log of this epoch, or in one that is older still, such as from a backup.
func TestStepOfAnEpoch(t *testing.T) {
	onEveryOutbox(t, longLease, func(t *testing.T, f fixture) {
		c, chatID := f.connect(t), newChat()
		now := c.Append(soon(t), []Append{live(chatID, "k1", "a")})[0].Position.Epoch
		steps := []Append{live(chatID, "k2", "b"), waiting(chatID, "c"), live(chatID, "k3", "d"), live(chatID, "k1", "a"), live(chatID, "k4", "e")}
		for i, epoch := range []string{"0", "0", now, "0", "z"} {
			steps[i].Epoch = epoch
		}
		for i, got := range c.Append(soon(t), steps) {
			if anew := steps[i].Epoch == "0"; errors.Is(got.Err, ErrEpoch) != anew || got.Position.Epoch != now || anew != (got.Position.Offset == 0) || !anew && got.Err != nil {
				t.Errorf("%d: %+v", i, got)
			}
		}
		if got := queuedNames(t, c, chatID); !slices.Equal(got, []string{"a", "d", "e"}) {
			t.Errorf("queued: %q", got)
		}
		page, err := c.Read(soon(t), chatID, Position{Epoch: now}, 10)
		if err != nil || len(page.Entries) != 3 {
			t.Errorf("logged: %+v, %v", page, err)
		}
	})
}
