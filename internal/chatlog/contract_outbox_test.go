package chatlog

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

// A lease that ends while a test waits for it, and one that does not.
const (
	shortLease = 20 * time.Millisecond
	longLease  = time.Minute
)

func onEveryOutbox(t *testing.T, lease time.Duration, run func(t *testing.T, f fixture)) {
	withOptions(t, Options{Window: 1000, Lease: lease}, run)
}

// waiting is a step that queues a message with an alias as its name.
func waiting(chatID, name string) Append {
	return Append{ChatID: chatID, Aliases: []string{name}, Queue: &Item{Name: name, Data: []byte("data of " + name)}}
}

// live is a step that logs a message and queues it.
func live(chatID, key, name string) Append {
	item := event(chatID, key, name)
	item.Queue = &Item{Name: name, Data: []byte("data of " + name)}
	return item
}

func finished(chatID, name string, fence uint64) Append {
	return Append{ChatID: chatID, Done: &Done{Name: name, Fence: fence}}
}

// committed is a step that logs a message which was posted, and takes it out.
func committed(chatID, key, name string, fence uint64) Append {
	item := event(chatID, key, name)
	item.Done = &Done{Name: name, Fence: fence}
	return item
}

func mustClaim(t testing.TB, c client, chatID string, after uint64, limit int) Claim {
	t.Helper()
	claim, err := c.Claim(soon(t), chatID, after, limit)
	if err != nil {
		t.Fatalf("claim: %v", err)
	}
	return claim
}

// takeOver claims until the other holder's lease has ended.
func takeOver(t testing.TB, c client, chatID string) (claim Claim) {
	t.Helper()
	eventually(t, "the lease is taken over", func() bool {
		claim = mustClaim(t, c, chatID, 0, 100)
		return claim.Fence != 0
	})
	return claim
}

func namesOf(items []Queued) []string {
	names := make([]string, len(items))
	for i := range items {
		names[i] = items[i].Name
	}
	return names
}

// queuedNames tells what is queued, in order, and takes no lease.
func queuedNames(t testing.TB, c client, chatID string) []string {
	t.Helper()
	infos, err := c.Queues(soon(t), "", 1000)
	if err != nil {
		t.Fatalf("queues: %v", err)
	}
	for _, info := range infos {
		if info.ChatID == chatID {
			return namesOf(info.Items)
		}
	}
	return nil
}

func isQueued(t testing.TB, c client, chatID string) bool {
	t.Helper()
	heads, err := c.Heads(soon(t), []string{newChat(), chatID})
	if err != nil || heads[0].Queued {
		t.Fatalf("heads: %+v, %v", heads, err)
	}
	return heads[1].Queued
}

func TestQueueKeepsOrder(t *testing.T) {
	onEveryOutbox(t, longLease, func(t *testing.T, f fixture) {
		c, chatID := f.connect(t), newChat()
		if isQueued(t, c, chatID) {
			t.Fatal("a new chat has messages")
		}
		again := waiting(chatID, "a")
		again.Queue.Data = []byte("other")
		var fence uint64
		heads, err := c.Heads(soon(t), []string{chatID})
		if err != nil {
			t.Fatal(err)
		}
		for i, got := range c.Append(soon(t), []Append{waiting(chatID, "a"), waiting(chatID, "b"), waiting(chatID, "c"), again}) {
			if i == 0 {
				fence = got.Outbox.Fence
			}
			want := Appended{Position: heads[0].Position, Outbox: OutboxState{Queued: true, Fence: fence, Left: min(i+1, 3)}}
			if got.Err != nil || got.Repeat || got.Position != want.Position || got.Payload != nil || got.Outbox != want.Outbox || fence == 0 {
				t.Fatalf("step %d = %+v, want %+v", i, got, want)
			}
		}
		claim := mustClaim(t, c, chatID, 0, 2)
		if claim.Fence != fence || claim.Left != 3 || !slices.Equal(namesOf(claim.Items), []string{"a", "b"}) || string(claim.Items[0].Data) != "data of a" {
			t.Fatalf("claim = %+v", claim)
		}
		rest := mustClaim(t, c, chatID, claim.Items[1].Seq, 100)
		if rest.Fence != fence || !slices.Equal(namesOf(rest.Items), []string{"c"}) || rest.Items[0].Seq <= claim.Items[1].Seq || claim.Items[1].Seq <= claim.Items[0].Seq {
			t.Fatalf("the rest = %+v after %+v", rest, claim)
		}
		if one := mustClaim(t, c, chatID, 0, 0); len(one.Items) != 1 {
			t.Errorf("claim of less than one = %+v", one)
		}
		if none := mustClaim(t, c, chatID, rest.Items[0].Seq, 1); none.Fence != fence || none.Left != 3 || len(none.Items) != 0 {
			t.Errorf("claim after the last = %+v", none)
		}
		if !isQueued(t, f.connect(t), chatID) {
			t.Error("Heads does not tell that messages wait")
		}
		if head := mustHead(t, c, chatID); head.Offset != 0 {
			t.Errorf("queueing logged something: %+v", head)
		}
	})
}

func TestDoneTakesOut(t *testing.T) {
	onEveryOutbox(t, longLease, func(t *testing.T, f fixture) {
		c, other, chatID := f.connect(t), f.connect(t), newChat()
		for _, name := range []string{"a", "b", "c"} {
			mustAppend(t, c, waiting(chatID, name))
		}
		fence := mustClaim(t, c, chatID, 0, 1).Fence
		for i, name := range []string{"b", "b", "nobody", "a", "c"} { // unknown ones are fine
			want := OutboxState{Fence: fence, Left: []int{2, 2, 2, 1, 0}[i]}
			if want.Left == 0 {
				want.Fence = 0
			}
			if got := mustAppend(t, c, finished(chatID, name, fence)); got.Outbox != want || got.Repeat || got.Payload != nil {
				t.Fatalf("done %s = %+v, want %+v", name, got, want)
			}
		}
		if isQueued(t, c, chatID) || mustClaim(t, c, chatID, 0, 1).Fence != 0 || queuedNames(t, c, chatID) != nil {
			t.Error("something is left")
		}
		if kept, err := c.Renew(soon(t), []Lease{{chatID, fence}}); err != nil || kept[0] {
			t.Errorf("the lease outlives the queue: %v, %v", kept, err)
		}
		if got := mustAppend(t, c, finished(chatID, "c", fence)); got.Outbox != (OutboxState{}) {
			t.Errorf("asked again after a lost answer = %+v", got)
		}
		next := mustAppend(t, other, waiting(chatID, "d")).Outbox
		if next.Fence <= fence || next.Left != 1 {
			t.Errorf("the next holder = %+v after fence %d", next, fence)
		}
		if got := c.Append(soon(t), []Append{finished(chatID, "d", fence)})[0]; !errors.Is(got.Err, ErrFenced) {
			t.Errorf("the former holder's done = %+v", got)
		}
	})
}

func TestLiveMessageIsLoggedAndQueued(t *testing.T) {
	onEveryOutbox(t, longLease, func(t *testing.T, f fixture) {
		c, chatID := f.connect(t), newChat()
		first := mustAppend(t, c, live(chatID, "id", "name"))
		if first.Repeat || first.Position.Offset != 1 || !first.Outbox.Queued || first.Outbox.Left != 1 {
			t.Fatalf("%+v", first)
		}
		fence := first.Outbox.Fence
		check := func(what string, item Append, queued bool, left int) {
			t.Helper()
			got := mustAppend(t, c, item)
			if !got.Repeat || got.Position != first.Position || !bytes.Equal(got.Payload, first.Payload) || got.Outbox.Queued != queued || got.Outbox.Left != left {
				t.Errorf("%s = %+v, want a repeat, queued %v", what, got, queued)
			}
		}
		check("again", live(chatID, "id", "name"), true, 1)
		check("its name alone", waiting(chatID, "name"), true, 1)
		check("its event alone", event(chatID, "id"), false, 0)
		logged := mustClaim(t, c, chatID, 0, 10).Items[0].Logged
		if logged != first.Position {
			t.Errorf("the queued message is logged at %+v, want %+v", logged, first.Position)
		}
		mustAppend(t, c, finished(chatID, "name", fence))
		check("again, when it was posted", live(chatID, "id", "name"), false, 0)
		check("its name alone, when it was posted", waiting(chatID, "name"), false, 0)
		byKey := waiting(chatID, "another name")
		byKey.Key, byKey.Aliases = "id", nil
		check("its key alone", byKey, false, 0)
		if entries := readAll(t, c, chatID); len(entries) != 1 {
			t.Errorf("%d entries", len(entries))
		}
	})
}

func TestCommitIsOneStep(t *testing.T) {
	onEveryOutbox(t, longLease, func(t *testing.T, f fixture) {
		c, other, chatID := f.connect(t), f.connect(t), newChat()
		fence := mustAppend(t, c, waiting(chatID, "a")).Outbox.Fence
		mustAppend(t, other, waiting(chatID, "b"))
		got := c.Append(soon(t), []Append{
			committed(chatID, "k0", "a", fence+1), event(chatID, "k1"), committed(chatID, "k2", "a", fence), finished(chatID, "b", fence-1), committed(chatID, "k3", "b", fence),
		})
		for i, want := range []struct {
			offset uint64
			fenced bool
			left   int
		}{{0, true, 2}, {1, false, 0}, {2, false, 1}, {0, true, 1}, {3, false, 0}} {
			if got[i].Position.Offset != want.offset || errors.Is(got[i].Err, ErrFenced) != want.fenced || got[i].Outbox.Left != want.left {
				t.Errorf("step %d = %+v, want %+v", i, got[i], want)
			}
		}
		if got := other.Append(soon(t), []Append{committed(chatID, "k4", "a", fence)})[0]; !errors.Is(got.Err, ErrFenced) || got.Payload != nil {
			t.Errorf("another handle with the same fence: %+v", got)
		}
		if got := other.Append(soon(t), []Append{committed(newChat(), "k", "a", 0)})[0]; !errors.Is(got.Err, ErrFenced) {
			t.Errorf("done without a queue: %+v", got)
		}
		if entries := readAll(t, c, chatID); len(entries) != 3 {
			t.Errorf("%d entries", len(entries))
		}
		// The entry that the API's own publish made gets the name that it lacks.
		fence = mustAppend(t, c, waiting(chatID, "d")).Outbox.Fence
		mustAppend(t, other, event(chatID, "k5"))
		if got := mustAppend(t, c, committed(chatID, "k5", "d", fence)); !got.Repeat || got.Position.Offset != 4 || got.Outbox.Left != 0 {
			t.Errorf("commit of what is logged = %+v", got)
		}
		if found, err := c.Lookup(soon(t), chatID, []string{"d"}); err != nil || found[0] == nil || found[0].Offset != 4 {
			t.Errorf("its name finds %+v, %v", found[0], err)
		}
	})
}

func TestOneStepMayMoveAMessage(t *testing.T) {
	onEveryOutbox(t, longLease, func(t *testing.T, f fixture) {
		c, chatID := f.connect(t), newChat()
		for _, name := range []string{"a", "b"} {
			mustAppend(t, c, waiting(chatID, name))
		}
		fence := mustClaim(t, c, chatID, 0, 1).Fence
		move := waiting(chatID, "a")
		move.Done = &Done{Name: "a", Fence: fence}
		if got := mustAppend(t, c, move); !got.Outbox.Queued || got.Outbox.Left != 2 || got.Outbox.Fence != fence {
			t.Errorf("moved = %+v", got)
		}
		if names := queuedNames(t, c, chatID); !slices.Equal(names, []string{"b", "a"}) {
			t.Errorf("queued %q", names)
		}
	})
}

func TestRefusedSteps(t *testing.T) {
	onEveryOutbox(t, longLease, func(t *testing.T, f fixture) {
		c, chatID := f.connect(t), newChat()
		nameless, nameOnly := waiting(chatID, ""), waiting(chatID, "a")
		nameOnly.Aliases = nil
		for what, item := range map[string]Append{
			"nothing":               {ChatID: chatID, Key: "k"},
			"a notice alone":        {ChatID: chatID, Notice: []byte("{}")},
			"a nameless message":    nameless,
			"a nameless done":       finished(chatID, "", 1),
			"a body without a key":  {ChatID: chatID, Body: []byte("{}"), Queue: &Item{Name: "a"}},
			"a body that is a list": {ChatID: chatID, Key: "k", Body: []byte("[]"), Queue: &Item{Name: "a"}},
		} {
			got := c.Append(soon(t), []Append{item, event(newChat(), "k")})
			if !errors.Is(got[0].Err, ErrRefused) || got[1].Err != nil {
				t.Errorf("%s: %+v", what, got)
			}
		}
		if isQueued(t, c, chatID) {
			t.Error("a refused step queued something")
		}
		if got := mustAppend(t, c, nameOnly); !got.Outbox.Queued {
			t.Errorf("a name that is no alias = %+v", got)
		}
	})
}

func TestFullQueue(t *testing.T) {
	onEveryOutbox(t, longLease, func(t *testing.T, f fixture) {
		c, chatID := f.connect(t), newChat()
		items := make([]Append, MaxQueued)
		for i := range items {
			items[i] = waiting(chatID, fmt.Sprint("n", i))
		}
		got := c.Append(soon(t), items)
		last := got[MaxQueued-1]
		if last.Err != nil || last.Outbox.Left != MaxQueued {
			t.Fatalf("the last = %+v", last)
		}
		swap := waiting(chatID, "swapped in")
		swap.Done = &Done{Name: "n7", Fence: last.Outbox.Fence, Reason: "no"}
		got = c.Append(soon(t), []Append{waiting(chatID, "more"), live(chatID, "k", "more"), waiting(chatID, "n5"), swap, event(chatID, "k")})
		for i, full := range []bool{true, true, false, false, false} {
			if errors.Is(got[i].Err, ErrFull) != full || errors.Is(got[i].Err, ErrRefused) != full || (got[i].Err != nil) != full {
				t.Errorf("step %d = %+v, want full: %v", i, got[i], full)
			}
		}
		if got[4].Position.Offset != 1 || !got[2].Outbox.Queued || !got[3].Outbox.Queued || got[3].Outbox.Left != MaxQueued {
			t.Errorf("%+v", got)
		}
		letters := mustLetters(t, c, "", 10)
		if revived, err := c.Revive(soon(t), letters[0].ID); revived || !errors.Is(err, ErrFull) || len(mustLetters(t, c, "", 10)) != 1 {
			t.Errorf("revived into a full queue: %v, %v", revived, err)
		}
	})
}

func TestUnnamed(t *testing.T) {
	onEveryOutbox(t, longLease, func(t *testing.T, f fixture) {
		c, chatID := f.connect(t), newChat()
		for i, aliases := range [][]string{nil, {"a"}, nil, {"b", "c"}, nil, nil} {
			mustAppend(t, c, event(chatID, fmt.Sprint("k", i+1), aliases...))
		}
		mustAppend(t, c, event(chatID, "k5", "named later"))
		head := mustHead(t, c, chatID)
		for _, x := range []struct {
			name  string
			after Position
			limit int
			want  []uint64
		}{
			{"from the start", Position{head.Epoch, 0}, 10, []uint64{1, 3, 6}},
			{"before everything", Position{}, 10, []uint64{1, 3, 6}},
			{"after the first", Position{head.Epoch, 1}, 10, []uint64{3, 6}},
			{"two", Position{head.Epoch, 0}, 2, []uint64{1, 3}},
			{"less than one", Position{head.Epoch, 0}, 0, []uint64{1}},
			{"at the head", head, 10, nil},
			{"beyond", Position{head.Epoch, 77}, 10, nil},
			{"another epoch", Position{"0000", 0}, 10, nil},
		} {
			entries, err := c.Unnamed(soon(t), chatID, x.after, x.limit)
			var offsets []uint64
			for _, entry := range entries {
				offsets = append(offsets, entry.Offset)
				if entry.Key != fmt.Sprint("k", entry.Offset) || !bytes.Equal(entry.Payload, Seal(event(chatID, entry.Key).Body, Position{head.Epoch, entry.Offset})) {
					t.Errorf("%s: entry %+v", x.name, entry)
				}
			}
			if err != nil || !slices.Equal(offsets, x.want) {
				t.Errorf("%s: %v (%v), want %v", x.name, offsets, err, x.want)
			}
		}
		if entries, err := c.Unnamed(soon(t), newChat(), Position{}, 10); err != nil || len(entries) != 0 {
			t.Errorf("a new chat has %v, %v", entries, err)
		}
	})
}

func TestUnnamedLooksFarEnough(t *testing.T) {
	withOptions(t, Options{Window: 1000}, func(t *testing.T, f fixture) {
		c, chatID := f.connect(t), newChat()
		items := make([]Append, 900)
		for i := range items {
			items[i] = event(chatID, fmt.Sprint("k", i+1), fmt.Sprint("alias", i+1))
		}
		items[890].Aliases, items[899].Aliases = nil, nil
		c.Append(soon(t), items)
		entries, err := c.Unnamed(soon(t), chatID, Position{}, 10)
		if err != nil || len(entries) != 2 || entries[0].Offset != 891 || entries[1].Offset != 900 {
			t.Fatalf("%d entries, %v", len(entries), err)
		}
	})
}
