package chatlog

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestALeaseKeepsOthersOut(t *testing.T) {
	onEveryOutbox(t, longLease, func(t *testing.T, f fixture) {
		holder, other, chatID := f.connect(t), f.connect(t), newChat()
		if claim := mustClaim(t, other, chatID, 0, 1); claim.Fence != 0 || claim.Left != 0 || len(claim.Items) != 0 {
			t.Fatalf("claim of nothing = %+v", claim)
		}
		fence := mustAppend(t, holder, waiting(chatID, "a")).Outbox.Fence
		if got := mustAppend(t, other, waiting(chatID, "b")).Outbox; got != (OutboxState{Queued: true, Left: 2}) {
			t.Errorf("the other's step = %+v", got)
		}
		if claim := mustClaim(t, other, chatID, 0, 10); claim.Fence != 0 || claim.Left != 2 || len(claim.Items) != 0 {
			t.Errorf("the other's claim = %+v", claim)
		}
		if claim := mustClaim(t, holder, chatID, 0, 10); claim.Fence != fence || len(claim.Items) != 2 {
			t.Errorf("the holder's claim = %+v", claim)
		}
		if got := mustAppend(t, holder, waiting(chatID, "c")).Outbox; got.Fence != fence {
			t.Errorf("the holder's next step = %+v", got)
		}
		if orphans := mustOrphans(t, other, 10); slices.Contains(orphans, chatID) {
			t.Errorf("orphans = %q", orphans)
		}
	})
}

func mustOrphans(t testing.TB, c client, limit int) []string {
	t.Helper()
	chatIDs, err := c.Orphans(soon(t), limit)
	if err != nil {
		t.Fatalf("orphans: %v", err)
	}
	return chatIDs
}

func TestALeaseThatEndedIsTaken(t *testing.T) {
	onEveryOutbox(t, shortLease, func(t *testing.T, f fixture) {
		former, next, chatID := f.connect(t), f.connect(t), newChat()
		old := mustAppend(t, former, live(chatID, "id", "a")).Outbox.Fence
		mustAppend(t, former, waiting(chatID, "b"))
		claim := takeOver(t, next, chatID)
		if claim.Fence <= old || claim.Left != 2 || !slices.Equal(namesOf(claim.Items), []string{"a", "b"}) {
			t.Fatalf("claim = %+v after fence %d", claim, old)
		}
		if claim.Items[0].Logged.Offset != 1 || claim.Items[1].Logged != (Position{}) {
			t.Errorf("logged at %+v and %+v", claim.Items[0].Logged, claim.Items[1].Logged)
		}
		got := former.Append(soon(t), []Append{committed(chatID, "late", "b", old), event(chatID, "k")})
		if !errors.Is(got[0].Err, ErrFenced) || got[1].Err != nil || got[1].Position.Offset != 2 {
			t.Errorf("the former holder's commit = %+v", got)
		}
		if kept, err := former.Renew(soon(t), []Lease{{chatID, old}}); err != nil || kept[0] {
			t.Errorf("the former holder renews: %v, %v", kept, err)
		}
		if done := mustAppend(t, next, committed(chatID, "id-b", "b", claim.Fence)); done.Repeat || done.Position.Offset != 3 {
			t.Errorf("the next holder's commit = %+v", done)
		}
	})
}

func TestEnteringTakesALeaseThatEnded(t *testing.T) {
	onEveryOutbox(t, shortLease, func(t *testing.T, f fixture) {
		former, next, chatID := f.connect(t), f.connect(t), newChat()
		old := mustAppend(t, former, waiting(chatID, "a")).Outbox.Fence
		eventually(t, "the lease ends", func() bool { return len(mustOrphans(t, next, 10)) == 1 })
		// Entering is what takes it, so a message that is queued already does not.
		if got := mustAppend(t, next, waiting(chatID, "a")).Outbox; got != (OutboxState{Queued: true, Left: 1}) {
			t.Errorf("the queued message again = %+v", got)
		}
		if got := mustAppend(t, next, waiting(chatID, "b")).Outbox; got.Fence <= old || got.Left != 2 {
			t.Errorf("the next message = %+v after fence %d", got, old)
		}
		if got := former.Append(soon(t), []Append{finished(chatID, "a", old)})[0]; !errors.Is(got.Err, ErrFenced) {
			t.Errorf("the former holder's done = %+v", got)
		}
	})
}

func TestALeaseThatNobodyTookIsStillOurs(t *testing.T) {
	onEveryOutbox(t, shortLease, func(t *testing.T, f fixture) {
		c, other := f.connect(t), f.connect(t)
		for what, use := range map[string]func(chatID string, fence uint64) bool{
			"done": func(chatID string, fence uint64) bool {
				got := mustAppend(t, c, finished(chatID, "a", fence))
				return got.Outbox == OutboxState{Fence: fence, Left: 1}
			},
			"renew": func(chatID string, fence uint64) bool {
				kept, err := c.Renew(soon(t), []Lease{{chatID, fence}})
				return err == nil && kept[0]
			},
			"claim": func(chatID string, fence uint64) bool { return mustClaim(t, c, chatID, 0, 1).Fence == fence },
			"enter": func(chatID string, fence uint64) bool {
				return mustAppend(t, c, waiting(chatID, "c")).Outbox.Fence == fence
			},
		} {
			chatID := newChat()
			fence := mustAppend(t, c, waiting(chatID, "a")).Outbox.Fence
			mustAppend(t, c, waiting(chatID, "b"))
			ended := func() bool { return slices.Contains(mustOrphans(t, other, 10), chatID) }
			eventually(t, "the lease ends", ended)
			if !use(chatID, fence) {
				t.Errorf("%s: the lease is lost", what)
			}
			// Prolonged, it ends anew.
			eventually(t, "the lease ends again", ended)
			mustAppend(t, c, finished(chatID, "a", fence))
		}
	})
}

func TestRenewKeepsLeases(t *testing.T) {
	onEveryOutbox(t, shortLease, func(t *testing.T, f fixture) {
		c, other := f.connect(t), f.connect(t)
		var leases []Lease
		for range 600 { // more than one command takes
			chatID := newChat()
			leases = append(leases, Lease{chatID, mustAppend(t, c, waiting(chatID, "a")).Outbox.Fence})
		}
		eventually(t, "the leases end", func() bool { return len(mustOrphans(t, other, 1000)) == len(leases) })
		asked := append(slices.Clone(leases), Lease{leases[3].ChatID, leases[3].Fence + 1}, Lease{newChat(), 7}, Lease{newChat(), 0})
		eventually(t, "the leases are renewed", func() bool {
			kept, err := c.Renew(soon(t), asked)
			if err != nil || len(kept) != len(asked) {
				t.Fatalf("%d, %v", len(kept), err)
			}
			for i := range kept {
				if kept[i] != (i < len(leases)) {
					t.Fatalf("lease %d %+v: %v", i, asked[i], kept[i])
				}
			}
			return len(mustOrphans(t, other, 1000)) == 0
		})
		if kept, err := other.Renew(soon(t), leases[:1]); err != nil || kept[0] {
			t.Errorf("another handle renews: %v, %v", kept, err)
		}
		if kept, err := c.Renew(soon(t), nil); err != nil || len(kept) != 0 {
			t.Errorf("none = %v, %v", kept, err)
		}
	})
}

func TestOrphans(t *testing.T) {
	onEveryOutbox(t, shortLease, func(t *testing.T, f fixture) {
		gone, c := f.connect(t), f.connect(t)
		var chatIDs []string
		for i := range 5 {
			chatID := fmt.Sprint(9-i, newChat())
			chatIDs = append(chatIDs, chatID)
			mustAppend(t, gone, waiting(chatID, "a"))
			// One after the other, so that the leases end in this order.
			at := time.Now().Truncate(time.Millisecond)
			eventually(t, "the clock goes on", func() bool { return time.Since(at) > 2*time.Millisecond })
		}
		eventually(t, "all leases end", func() bool { return len(mustOrphans(t, c, 10)) == 5 })
		if got := mustOrphans(t, c, 10); !slices.Equal(got, chatIDs) {
			t.Errorf("orphans %q, want %q", got, chatIDs)
		}
		if got := mustOrphans(t, c, 2); !slices.Equal(got, chatIDs[:2]) {
			t.Errorf("two orphans %q, want %q", got, chatIDs[:2])
		}
		for _, chatID := range chatIDs {
			fence := takeOver(t, c, chatID).Fence
			mustAppend(t, c, finished(chatID, "a", fence))
		}
		if got := mustOrphans(t, c, 10); len(got) != 0 {
			t.Errorf("chats without messages are orphans: %q", got)
		}
	})
}

func TestOthersHearOfNewWork(t *testing.T) {
	onEveryOutbox(t, longLease, func(t *testing.T, f fixture) {
		holder, other, chatID := f.connect(t), f.connect(t), newChat()
		var ears heard
		feed := mustDial(t, holder, ears.deliver)
		mustSubscribe(t, feed, chatID)
		fence := mustAppend(t, other, waiting(chatID, "x")).Outbox.Fence // nobody held it, so nobody is told
		mustAppend(t, other, finished(chatID, "x", fence))
		fence = mustAppend(t, holder, waiting(chatID, "a")).Outbox.Fence

		notice := func(item Append) Append {
			item.Notice = []byte(`{"type":"notice"}`)
			return item
		}
		first := mustAppend(t, other, notice(live(chatID, "k", "b")))
		for _, silent := range []Append{
			notice(live(chatID, "k", "b")), notice(waiting(chatID, "b")), waiting(chatID, "b"), // repeats
			waiting(chatID, "a"), // queued already
		} {
			mustAppend(t, other, silent)
		}
		if got := other.Append(soon(t), []Append{notice(finished(chatID, "a", fence))})[0]; !errors.Is(got.Err, ErrFenced) {
			t.Errorf("%+v", got)
		}
		mustAppend(t, other, waiting(chatID, "c"))
		second := mustAppend(t, other, notice(event(chatID, "k2")))
		mustAppend(t, other, notice(event(chatID, "k2"))) // a repeat of an event is no repeat of a message
		want := []string{string(first.Payload), QueuedNotice, `{"type":"notice"}`, QueuedNotice, string(second.Payload), `{"type":"notice"}`, `{"type":"notice"}`}
		own := func(all []string) []string { // what other handles published; Redis lets a feed hear its own too
			return slices.DeleteFunc(all, func(p string) bool { return strings.Contains(p, "own") })
		}
		eventually(t, "the holder hears all", func() bool { return len(own(ears.of(chatID))) >= len(want) })
		if err := feed.Probe(soon(t)); err != nil {
			t.Fatal(err)
		}
		if got := own(ears.of(chatID)); !slices.Equal(got, want) {
			t.Errorf("heard %q, want %q", got, want)
		}
	})
}

func TestANoticeOfDone(t *testing.T) {
	onEveryOutbox(t, longLease, func(t *testing.T, f fixture) {
		holder, other, chatID := f.connect(t), f.connect(t), newChat()
		var ears heard
		feed := mustDial(t, other, ears.deliver)
		mustSubscribe(t, feed, chatID)
		fence := mustAppend(t, holder, waiting(chatID, "a")).Outbox.Fence
		commit := committed(chatID, "k", "a", fence)
		commit.Notice = []byte(`{"type":"notice"}`)
		var want []string
		for range 2 { // the second after a lost answer
			got := mustAppend(t, holder, commit)
			if !got.Repeat {
				want = append(want, string(got.Payload))
			}
			want = append(want, string(commit.Notice))
		}
		eventually(t, "the feed hears all", func() bool { return len(ears.of(chatID)) >= len(want) })
		if err := feed.Probe(soon(t)); err != nil {
			t.Fatal(err)
		}
		if got := ears.of(chatID); !slices.Equal(got, want) {
			t.Errorf("heard %q, want %q", got, want)
		}
	})
}
