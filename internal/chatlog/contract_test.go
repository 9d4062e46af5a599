package chatlog

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
)

func TestAppendGivesOffsetsWithoutHoles(t *testing.T) {
	onEveryStore(t, 100, func(t *testing.T, f fixture) {
		log, chatID := f.connect(t), newChat()
		start := mustHead(t, log, chatID)
		if len(start.Epoch) != 20 || start.Offset != 0 {
			t.Fatalf("a new log's head = %+v", start)
		}
		var batch []Append
		for i := range 10 {
			batch = append(batch, event(chatID, fmt.Sprint("k", i)))
		}
		for i, got := range log.Append(soon(t), batch) {
			want := Position{start.Epoch, uint64(i + 1)}
			if got.Err != nil || got.Repeat || got.Position != want {
				t.Fatalf("append %d = %+v, want %+v", i, got, want)
			}
			if sealed := Seal(batch[i].Body, want); !bytes.Equal(got.Payload, sealed) {
				t.Fatalf("payload %s, want %s", got.Payload, sealed)
			}
		}
		for i, entry := range readAll(t, log, chatID) {
			if entry.Offset != uint64(i+1) || entry.Key != batch[i].Key || !bytes.Equal(entry.Payload, Seal(batch[i].Body, Position{start.Epoch, entry.Offset})) {
				t.Fatalf("entry %d = %+v", i, entry)
			}
		}
		if head := mustHead(t, log, chatID); head != (Position{start.Epoch, 10}) {
			t.Fatalf("head = %+v", head)
		}
	})
}

func TestConcurrentAppendersShareOneOrder(t *testing.T) {
	onEveryStore(t, 1000, func(t *testing.T, f fixture) {
		const clients, keys = 4, 60
		chatID := newChat()
		offsets := make([][keys]uint64, clients)
		firsts := make([]int, clients)
		var group sync.WaitGroup
		for c := range clients {
			log := f.connect(t)
			group.Go(func() {
				for i := range keys {
					k := (i*7 + c*13) % keys // each in its own order
					got := log.Append(soon(t), []Append{event(chatID, fmt.Sprint("k", k))})[0]
					if got.Err != nil {
						t.Error(got.Err)
						return
					}
					offsets[c][k] = got.Position.Offset
					if !got.Repeat {
						firsts[c]++
					}
				}
			})
		}
		group.Wait()
		total := 0
		for c := range clients {
			total += firsts[c]
			if offsets[c] != offsets[0] {
				t.Errorf("client %d learned other offsets than client 0", c)
			}
		}
		if total != keys {
			t.Errorf("%d appends were the first of their key, want %d", total, keys)
		}
		entries := readAll(t, f.connect(t), chatID)
		if len(entries) != keys {
			t.Fatalf("%d entries, want %d", len(entries), keys)
		}
		for i, entry := range entries {
			var k int
			fmt.Sscanf(entry.Key, "k%d", &k)
			if entry.Offset != uint64(i+1) || entry.Offset != offsets[0][k] {
				t.Fatalf("entry %d = %+v, the appenders learned %d", i, entry, offsets[0][k])
			}
		}
	})
}

func TestRepeatGetsTheEntryAndLogsNothing(t *testing.T) {
	onEveryStore(t, 100, func(t *testing.T, f fixture) {
		log, chatID := f.connect(t), newChat()
		first := mustAppend(t, log, event(chatID, "id-1", "alias-1"))
		mustAppend(t, log, event(chatID, "id-2"))
		other := event(chatID, "id-1")
		other.Body = []byte(`{"other":"content"}`)
		for _, c := range []struct {
			name  string
			again Append
		}{
			{"the same key", other},
			{"a known alias", event(chatID, "id-9", "alias-1")},
			{"the key that this added", event(chatID, "id-9")},
			{"a new alias", event(chatID, "id-1", "alias-2")},
		} {
			got := mustAppend(t, log, c.again)
			if !got.Repeat || got.Position != first.Position || !bytes.Equal(got.Payload, first.Payload) {
				t.Errorf("%s: %+v, want a repeat of %+v", c.name, got, first)
			}
		}
		found, err := log.Lookup(soon(t), chatID, []string{"alias-2", "alias-1", "id-1", "nobody", "id-2"})
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []uint64{1, 1, 1, 0, 2} {
			switch {
			case want == 0 && found[i] != nil:
				t.Errorf("an unknown key found %+v", found[i])
			case want != 0 && (found[i] == nil || found[i].Offset != want || found[i].Key != fmt.Sprint("id-", want)):
				t.Errorf("lookup %d = %+v, want offset %d", i, found[i], want)
			}
		}
	})
}

func TestKeyWinsOverAlias(t *testing.T) {
	onEveryStore(t, 100, func(t *testing.T, f fixture) {
		log, chatID := f.connect(t), newChat()
		mustAppend(t, log, event(chatID, "a", "alias-a"))
		mustAppend(t, log, event(chatID, "b"))
		got := mustAppend(t, log, event(chatID, "b", "alias-a", "alias-b"))
		if !got.Repeat || got.Position.Offset != 2 {
			t.Fatalf("%+v, want a repeat of offset 2", got)
		}
		found, err := log.Lookup(soon(t), chatID, []string{"alias-a", "alias-b"})
		if err != nil || found[0].Offset != 1 || found[1].Offset != 2 {
			t.Fatalf("aliases lead to %+v %+v (%v), want offsets 1 and 2", found[0], found[1], err)
		}
	})
}

func TestRepeatWithinOneBatch(t *testing.T) {
	onEveryStore(t, 100, func(t *testing.T, f fixture) {
		log, one, two := f.connect(t), newChat(), newChat()
		got := log.Append(soon(t), []Append{
			event(one, "a"), event(two, "a"), event(one, "a"), event(one, "b"), event(two, "b", "a"), {ChatID: one, Key: "c", Body: []byte("[]")}, event(one, ""), event(one, "d"),
		})
		for i, want := range []struct {
			offset  uint64
			repeat  bool
			refused bool
		}{{1, false, false}, {1, false, false}, {1, true, false}, {2, false, false}, {1, true, false}, {0, false, true}, {0, false, true}, {3, false, false}} {
			if got[i].Position.Offset != want.offset || got[i].Repeat != want.repeat || errors.Is(got[i].Err, ErrRefused) != want.refused {
				t.Errorf("item %d = %+v, want %+v", i, got[i], want)
			}
		}
	})
}

func TestReadPages(t *testing.T) {
	onEveryStore(t, 100, func(t *testing.T, f fixture) {
		log, chatID := f.connect(t), newChat()
		for i := range 20 {
			mustAppend(t, log, event(chatID, fmt.Sprint("k", i)))
		}
		head := mustHead(t, log, chatID)
		for _, c := range []struct {
			name       string
			after      Position
			limit      int
			from, size uint64
			gap        bool
		}{
			{"from before everything", Position{}, 5, 1, 5, false},
			{"from the epoch's start", Position{head.Epoch, 0}, 100, 1, 20, false},
			{"in the middle", Position{head.Epoch, 12}, 3, 13, 3, false},
			{"the last", Position{head.Epoch, 19}, 3, 20, 1, false},
			{"at the head", head, 3, 0, 0, false},
			{"beyond the head", Position{head.Epoch, 21}, 3, 1, 3, true},
			{"another epoch", Position{"0000", 12}, 3, 1, 3, true},
			{"another epoch at 0", Position{"0000", 0}, 3, 1, 3, true},
			{"less than one", Position{}, 0, 1, 1, false},
		} {
			page := mustRead(t, log, chatID, c.after, c.limit)
			if page.Head != head || page.Gap != c.gap || uint64(len(page.Entries)) != c.size {
				t.Errorf("%s: head %+v, gap %v, %d entries", c.name, page.Head, page.Gap, len(page.Entries))
			}
			for i, entry := range page.Entries {
				if entry.Offset != c.from+uint64(i) {
					t.Errorf("%s: entry %d has offset %d", c.name, i, entry.Offset)
				}
			}
		}
	})
}

func TestTrimmedPartIsAGap(t *testing.T) {
	const window, total = 10, 400
	onEveryStore(t, window, func(t *testing.T, f fixture) {
		log, chatID := f.connect(t), newChat()
		var batch []Append
		for i := range total {
			batch = append(batch, event(chatID, fmt.Sprint("k", i)))
		}
		log.Append(soon(t), batch)
		head := mustHead(t, log, chatID)
		page := mustRead(t, log, chatID, Position{head.Epoch, 3}, 2*total)
		kept := len(page.Entries)
		if !page.Gap || kept < window || kept > window+f.slackTrim || head.Offset != total {
			t.Fatalf("gap %v, %d of %d entries kept, window %d", page.Gap, kept, head.Offset, window)
		}
		for i, entry := range page.Entries {
			if entry.Offset != uint64(total-kept+i+1) {
				t.Fatalf("entry %d has offset %d", i, entry.Offset)
			}
		}
		if mustRead(t, log, chatID, Position{head.Epoch, page.Entries[0].Offset - 1}, 1).Gap {
			t.Error("a gap right before the oldest that is kept")
		}
		again := mustAppend(t, log, batch[0])
		if !again.Repeat || again.Position.Offset != 1 || again.Payload != nil {
			t.Errorf("a repeat of a trimmed entry = %+v", again)
		}
		found, err := log.Lookup(soon(t), chatID, []string{"k0"})
		if err != nil || found[0] == nil || found[0].Offset != 1 || found[0].Key != "k0" || found[0].Payload != nil {
			t.Errorf("lookup of a trimmed entry = %+v, %v", found[0], err)
		}
	})
}

func TestHeadsCreatesAndStays(t *testing.T) {
	onEveryStore(t, 100, func(t *testing.T, f fixture) {
		log, other := f.connect(t), f.connect(t)
		var chatIDs []string
		for range 1100 { // more than one command takes
			chatIDs = append(chatIDs, newChat())
		}
		first, err := log.Heads(soon(t), chatIDs)
		if err != nil || len(first) != len(chatIDs) {
			t.Fatalf("%d heads, %v", len(first), err)
		}
		second, err := other.Heads(soon(t), chatIDs)
		if err != nil || !slices.Equal(first, second) {
			t.Fatalf("another client sees other heads (%v)", err)
		}
		if got := mustAppend(t, other, event(chatIDs[600], "k")); got.Position != (Position{first[600].Epoch, 1}) {
			t.Fatalf("append after Heads = %+v, want epoch %s", got.Position, first[600].Epoch)
		}
		if none, err := log.Heads(soon(t), nil); err != nil || len(none) != 0 {
			t.Fatalf("no heads = %v, %v", none, err)
		}
	})
}
