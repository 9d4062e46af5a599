package chatlog

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

func mustLetters(t testing.TB, c client, after string, limit int) []Letter {
	t.Helper()
	letters, err := c.Letters(soon(t), after, limit)
	if err != nil {
		t.Fatalf("letters: %v", err)
	}
	return letters
}

func refused(chatID, name string, fence uint64, reason string) Append {
	item := finished(chatID, name, fence)
	item.Done.Reason = reason
	return item
}

func TestRefusedMessagesAreKept(t *testing.T) {
	onEveryOutbox(t, longLease, func(t *testing.T, f fixture) {
		c, chatID, begin := f.connect(t), newChat(), time.Now()
		var fence uint64
		for i := range 4 {
			fence = mustAppend(t, c, waiting(chatID, fmt.Sprint("n", i))).Outbox.Fence
		}
		if got := mustAppend(t, c, refused(chatID, "nobody", fence, "why")); got.Outbox.Left != 4 {
			t.Errorf("%+v", got)
		}
		for i := range 4 {
			mustAppend(t, c, refused(chatID, fmt.Sprint("n", i), fence, fmt.Sprint("reason ", i)))
		}
		all := mustLetters(t, c, "", 10)
		if len(all) != 4 || isQueued(t, c, chatID) {
			t.Fatalf("letters = %+v", all)
		}
		for i, letter := range all {
			name := fmt.Sprint("n", i)
			if letter.ID == "" || letter.ChatID != chatID || letter.Name != name || string(letter.Data) != "data of "+name || letter.Reason != fmt.Sprint("reason ", i) {
				t.Errorf("letter %d = %+v", i, letter)
			}
			if d := letter.At.Sub(begin); d < -time.Second || d > time.Minute {
				t.Errorf("letter %d is of %v, want about %v", i, letter.At, begin)
			}
		}
		first := mustLetters(t, c, "", 3)
		rest := mustLetters(t, c, first[2].ID, 3)
		if len(first) != 3 || len(rest) != 1 || rest[0].ID != all[3].ID || len(mustLetters(t, c, all[3].ID, 3)) != 0 || len(mustLetters(t, c, "", 0)) != 1 {
			t.Errorf("pages of %d and %d letters", len(first), len(rest))
		}
	})
}

func TestReviveAndDiscard(t *testing.T) {
	onEveryOutbox(t, longLease, func(t *testing.T, f fixture) {
		c, tool, chatID := f.connect(t), f.connect(t), newChat()
		var ears heard
		mustSubscribe(t, mustDial(t, c, ears.deliver), chatID)
		fence := mustAppend(t, c, live(chatID, "k", "a")).Outbox.Fence
		for _, name := range []string{"b", "c"} {
			mustAppend(t, c, waiting(chatID, name))
			mustAppend(t, c, refused(chatID, name, fence, "no"))
		}
		mustAppend(t, c, waiting(chatID, "d"))
		mustAppend(t, c, refused(chatID, "a", fence, "no")) // also what is logged comes back
		letters := mustLetters(t, tool, "", 10)

		for i, want := range []struct {
			use  func(id string) (bool, error)
			id   string
			ok   bool
			left []string
		}{
			{func(id string) (bool, error) { return tool.Revive(soon(t), id) }, letters[2].ID, true, []string{"d", "a"}},
			{func(id string) (bool, error) { return tool.Revive(soon(t), id) }, letters[2].ID, false, []string{"d", "a"}},
			{func(id string) (bool, error) { return tool.Discard(soon(t), id) }, letters[2].ID, false, []string{"d", "a"}},
			{func(id string) (bool, error) { return tool.Discard(soon(t), id) }, letters[0].ID, true, []string{"d", "a"}},
			{func(id string) (bool, error) { return tool.Discard(soon(t), id) }, letters[0].ID, false, []string{"d", "a"}},
			{func(id string) (bool, error) { return tool.Revive(soon(t), id) }, letters[0].ID, false, []string{"d", "a"}},
			{func(id string) (bool, error) { return tool.Revive(soon(t), id) }, letters[1].ID, true, []string{"d", "a", "c"}},
			{func(id string) (bool, error) { return tool.Revive(soon(t), id) }, "nobody", false, []string{"d", "a", "c"}},
			{func(id string) (bool, error) { return tool.Discard(soon(t), id) }, "", false, []string{"d", "a", "c"}},
		} {
			ok, err := want.use(want.id)
			if names := queuedNames(t, c, chatID); err != nil || ok != want.ok || !slices.Equal(names, want.left) {
				t.Fatalf("%d: %v, %v, queued %q, want %v and %q", i, ok, err, names, want.ok, want.left)
			}
		}
		if len(mustLetters(t, c, "", 10)) != 0 {
			t.Error("letters are left")
		}
		eventually(t, "the holder hears that messages came back", func() bool {
			n := 0
			for _, payload := range ears.of(chatID) {
				if payload == QueuedNotice {
					n++
				}
			}
			return n == 2
		})
		if claim := mustClaim(t, c, chatID, 0, 10); claim.Fence != fence || string(claim.Items[1].Data) != "data of a" {
			t.Errorf("claim = %+v", claim)
		}
	})
}

// Who revives may not be who posts, so it takes no lease.
func TestRevivedMessageIsAnOrphan(t *testing.T) {
	onEveryOutbox(t, longLease, func(t *testing.T, f fixture) {
		c, tool, chatID := f.connect(t), f.connect(t), newChat()
		fence := mustAppend(t, c, waiting(chatID, "a")).Outbox.Fence
		mustAppend(t, c, refused(chatID, "a", fence, "no"))
		if ok, err := tool.Revive(soon(t), mustLetters(t, tool, "", 1)[0].ID); err != nil || !ok {
			t.Fatalf("%v, %v", ok, err)
		}
		if orphans := mustOrphans(t, c, 10); !slices.Equal(orphans, []string{chatID}) || !isQueued(t, c, chatID) {
			t.Errorf("orphans = %q", orphans)
		}
		if claim := mustClaim(t, c, chatID, 0, 10); claim.Fence <= fence || len(claim.Items) != 1 {
			t.Errorf("claim = %+v after fence %d", claim, fence)
		}
		// What was sent again meanwhile is not queued twice.
		mustAppend(t, c, refused(chatID, "a", mustClaim(t, c, chatID, 0, 1).Fence, "no"))
		mustAppend(t, c, waiting(chatID, "a"))
		if ok, err := tool.Revive(soon(t), mustLetters(t, tool, "", 1)[0].ID); err != nil || !ok {
			t.Fatalf("%v, %v", ok, err)
		}
		if names := queuedNames(t, c, chatID); !slices.Equal(names, []string{"a"}) || len(mustLetters(t, c, "", 1)) != 0 {
			t.Errorf("queued %q", names)
		}
	})
}

func TestQueuesAreShown(t *testing.T) {
	onEveryOutbox(t, longLease, func(t *testing.T, f fixture) {
		c, tool := f.connect(t), f.connect(t)
		if infos, err := tool.Queues(soon(t), "", 10); err != nil || len(infos) != 0 {
			t.Fatalf("%v, %v", infos, err)
		}
		prefix := newChat()
		var chatIDs []string
		for i := range 7 {
			chatIDs = append(chatIDs, fmt.Sprintf("%s-%c", prefix, 'g'-i))
			mustAppend(t, c, live(chatIDs[i], "k", "a"))
			mustAppend(t, c, waiting(chatIDs[i], "b"))
		}
		for i := range 200 {
			mustAppend(t, c, waiting(chatIDs[0], fmt.Sprint("n", i)))
		}
		slices.Sort(chatIDs)
		var shown []QueueInfo
		for after := ""; ; after = shown[len(shown)-1].ChatID {
			infos, err := tool.Queues(soon(t), after, 3)
			if err != nil || len(infos) > 3 {
				t.Fatalf("%d queues, %v", len(infos), err)
			}
			if len(infos) == 0 {
				break
			}
			shown = append(shown, infos...)
		}
		if len(shown) != len(chatIDs) {
			t.Fatalf("%d queues, want %d", len(shown), len(chatIDs))
		}
		holder := shown[0].Holder
		for i, info := range shown {
			left := 2
			if i == len(shown)-1 {
				left = 202
			}
			if info.ChatID != chatIDs[i] || info.Left != left || len(info.Items) != min(left, 100) || info.Holder != holder || holder == "" {
				t.Fatalf("queue %d = %s, %d left, %d items, holder %q", i, info.ChatID, info.Left, len(info.Items), info.Holder)
			}
			if info.Items[0].Logged.Offset != 1 || info.Items[1].Logged != (Position{}) || string(info.Items[1].Data) != "data of b" || info.Items[0].Seq >= info.Items[1].Seq {
				t.Fatalf("items of queue %d = %+v", i, info.Items[:2])
			}
		}
		var names []string
		for _, q := range allQueued(t, tool, chatIDs[6], 90) {
			names = append(names, q.Name)
		}
		if !slices.Equal(names, namesOf(mustClaim(t, c, chatIDs[6], 0, 1000).Items)) {
			t.Errorf("who holds no lease reads %d messages: %q", len(names), names)
		}
		if found, err := tool.Queued(soon(t), newChat(), 0, 10); err != nil || len(found) != 0 {
			t.Errorf("a chat without a queue has %+v, %v", found, err)
		}
	})
}

// allQueued reads a queue without a lease, in pages.
func allQueued(t testing.TB, c client, chatID string, page int) (all []Queued) {
	t.Helper()
	for after := uint64(0); ; after = all[len(all)-1].Seq {
		found, err := c.Queued(soon(t), chatID, after, page)
		if err != nil || len(found) > page {
			t.Fatalf("%d messages, %v", len(found), err)
		}
		if len(found) == 0 {
			return all
		}
		all = append(all, found...)
	}
}

func TestNobodyHoldsALeaseThatEnded(t *testing.T) {
	onEveryOutbox(t, shortLease, func(t *testing.T, f fixture) {
		c, chatID := f.connect(t), newChat()
		mustAppend(t, c, waiting(chatID, "a"))
		eventually(t, "the lease ends", func() bool {
			infos, err := c.Queues(soon(t), "", 10)
			return err == nil && len(infos) == 1 && infos[0].Holder == ""
		})
	})
}

func TestEveryByteSurvivesTheQueue(t *testing.T) {
	onEveryOutbox(t, longLease, func(t *testing.T, f fixture) {
		c := f.connect(t)
		data := make([]byte, 256)
		for i := range data {
			data[i] = byte(i)
		}
		for _, chatID := range allCharacters() {
			item := waiting(chatID, "user one:"+everyCharacter)
			item.Queue.Data = data
			fence := mustAppend(t, c, item).Outbox.Fence
			claim := mustClaim(t, c, chatID, 0, 1)
			if len(claim.Items) != 1 || claim.Items[0].Name != item.Queue.Name || string(claim.Items[0].Data) != string(data) {
				t.Fatalf("%q: %+v", chatID, claim)
			}
			mustAppend(t, c, refused(chatID, item.Queue.Name, fence, "warum nicht? ✗"))
		}
		for _, letter := range mustLetters(t, c, "", 100) {
			if string(letter.Data) != string(data) || letter.Reason != "warum nicht? ✗" {
				t.Fatalf("%+v", letter)
			}
		}
	})
}

func TestDeadLettersExpire(t *testing.T) {
	onEveryOutbox(t, longLease, func(t *testing.T, f fixture) {
		c, chatID := f.connect(t), newChat()
		const n = 150 // more than one look takes
		for i := range n {
			fence := mustAppend(t, c, waiting(chatID, fmt.Sprint("n", i))).Outbox.Fence
			mustAppend(t, c, refused(chatID, fmt.Sprint("n", i), fence, "no"))
		}
		all := mustLetters(t, c, "", n)
		for _, step := range []struct {
			before time.Time
			want   int
		}{{all[0].At, 0}, {all[n-1].At.Add(time.Millisecond), n}, {all[n-1].At.Add(time.Hour), 0}} {
			got, err := ExpireLetters(soon(t), c, step.before)
			if err != nil || got != step.want {
				t.Errorf("%d expired, want %d, %v", got, step.want, err)
			}
		}
		if left := mustLetters(t, c, "", n); len(left) != 0 {
			t.Errorf("%d left", len(left))
		}
	})
}
