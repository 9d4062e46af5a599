package chatlog

import "testing"

// Of all that enter under one name the earliest time is kept, and each is told it; the place and the data stay.
func TestQueueKeepsTheEarliestTime(t *testing.T) {
	onEveryOutbox(t, longLease, func(t *testing.T, f fixture) {
		c, other, chatID := f.connect(t), f.connect(t), newChat()
		enter := func(by client, name string, sent, want int64) {
			t.Helper()
			item := waiting(chatID, name)
			item.Queue.Sent = sent
			if got := mustAppend(t, by, item); !got.Outbox.Queued || got.Outbox.Sent != want {
				t.Errorf("%s, sent at %d: %+v, want %d", name, sent, got.Outbox, want)
			}
		}
		const ms = 1_795_947_598_672 // more than 32 bits
		enter(c, "a", ms, ms)
		enter(c, "b", 0, 0)
		enter(other, "a", ms+1, ms)
		enter(other, "a", ms-1, ms-1)
		enter(c, "a", 0, ms-1)
		enter(c, "a", ms, ms-1)
		enter(other, "b", ms, ms)
		claim := mustClaim(t, c, chatID, 0, 10)
		if len(claim.Items) != 2 || claim.Items[0].Name != "a" || claim.Items[0].Sent != ms-1 || string(claim.Items[0].Data) != "data of a" || claim.Items[1].Sent != ms {
			t.Fatalf("%+v", claim.Items)
		}
		shown, err := c.Queued(soon(t), chatID, 0, 10)
		if err != nil || len(shown) != 2 || shown[0].Sent != ms-1 || shown[1].Sent != ms {
			t.Errorf("shown %+v, %v", shown, err)
		}
		mustAppend(t, c, finished(chatID, "a", claim.Fence))
		enter(c, "a", ms+2, ms+2) // a new one
		move := waiting(chatID, "a")
		move.Queue.Sent, move.Done = ms, &Done{Name: "a", Fence: claim.Fence}
		if got := mustAppend(t, c, move); got.Outbox.Sent != ms || got.Outbox.Left != 2 {
			t.Errorf("moved to the end: %+v", got.Outbox)
		}
		refused := finished(chatID, "a", claim.Fence)
		refused.Done.Reason = "refused"
		mustAppend(t, c, refused)
		letters, err := c.Letters(soon(t), "", 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, letter := range letters {
			if ok, err := c.Revive(soon(t), letter.ID); letter.ChatID == chatID && (!ok || err != nil || letter.Sent != 0) {
				t.Errorf("%+v: %v, %v", letter, ok, err)
			}
		}
		enter(c, "a", ms+3, ms+3) // its data alone knew when it was sent
	})
}
