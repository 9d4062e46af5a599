package chatlog

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"eclipse/internal/chatlog/redistest"
)

const modelWindow = 5

// model is the simplest log that keeps the contract.
type model struct {
	epoch   string // "" = not learned yet
	entries []Entry
	names   map[string]uint64
}

// TestRandomOperations runs random calls of two clients against the model. On Redis keys get lost meanwhile.
func TestRandomOperations(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	t.Run("memory", func(t *testing.T) {
		m := NewMemory(Options{Window: modelWindow})
		w := &walk{t: t, rng: rand.New(rand.NewPCG(seed, 1)), clients: []Log{m, m.Handle()}}
		w.run(6000)
	})
	t.Run("redis", func(t *testing.T) {
		server := redistest.Start(t)
		o := Options{Window: modelWindow}
		w := &walk{t: t, rng: rand.New(rand.NewPCG(seed, 2)), clients: []Log{dialRedis(t, server, o), dialRedis(t, server, o)}, server: server, slack: 200}
		w.run(3000)
	})
}

type walk struct {
	t       *testing.T
	rng     *rand.Rand
	clients []Log
	chats   map[string]*model
	server  *redistest.Server // nil: nothing gets lost
	slack   int
	lost    map[string]string // the epoch that a chat's next one must exceed
}

func (w *walk) run(steps int) {
	w.chats, w.lost = make(map[string]*model), make(map[string]string)
	for range 3 {
		w.chats[newChat()] = &model{names: make(map[string]uint64)}
	}
	for range steps {
		log := w.clients[w.rng.IntN(len(w.clients))]
		for chatID, m := range w.chats { // a random one comes first
			switch n := w.rng.IntN(100); {
			case n < 60:
				w.append(log, chatID, m)
			case n < 75:
				w.read(log, chatID, m)
			case n < 85:
				w.lookup(log, chatID, m)
			case n < 97:
				w.know(chatID, m, mustHead(w.t, log, chatID))
			case w.server != nil:
				w.lose(chatID, m)
			}
			break
		}
		if w.t.Failed() {
			return
		}
	}
}

func (w *walk) name() string { return fmt.Sprint("n", w.rng.IntN(400)) }

// know checks a head, and learns a new log's epoch.
func (w *walk) know(chatID string, m *model, head Position) {
	w.t.Helper()
	if m.epoch == "" {
		if head.Epoch <= w.lost[chatID] || len(head.Epoch) != 20 {
			w.t.Fatalf("%s: epoch %q after %q", chatID, head.Epoch, w.lost[chatID])
		}
		m.epoch = head.Epoch
	}
	if want := (Position{m.epoch, uint64(len(m.entries))}); head != want {
		w.t.Fatalf("%s: head %+v, want %+v", chatID, head, want)
	}
}

func (w *walk) append(log Log, chatID string, m *model) {
	w.t.Helper()
	items := make([]Append, 1+w.rng.IntN(4))
	for i := range items {
		items[i] = event(chatID, w.name())
		for range w.rng.IntN(3) {
			items[i].Aliases = append(items[i].Aliases, w.name())
		}
	}
	for i, got := range log.Append(soon(w.t), items) {
		if got.Err != nil {
			w.t.Fatal(got.Err)
		}
		w.appended(chatID, m, items[i], got)
	}
}

func (w *walk) appended(chatID string, m *model, item Append, got Appended) {
	w.t.Helper()
	names := append([]string{item.Key}, item.Aliases...)
	var offset uint64
	for i := len(names) - 1; i >= 0; i-- {
		if known := m.names[names[i]]; known != 0 {
			offset = known
		}
	}
	repeat := offset != 0
	if m.epoch == "" {
		w.know(chatID, m, Position{Epoch: got.Position.Epoch})
	}
	if !repeat {
		offset = uint64(len(m.entries) + 1)
		m.entries = append(m.entries, Entry{offset, item.Key, Seal(item.Body, Position{m.epoch, offset})})
	}
	for _, name := range names {
		if m.names[name] == 0 {
			m.names[name] = offset
		}
	}
	if got.Repeat != repeat || got.Position != (Position{m.epoch, offset}) {
		w.t.Fatalf("%s: append %q = %+v, want offset %d, repeat %v", chatID, names, got, offset, repeat)
	}
	w.payload(m, offset, got.Payload)
}

// payload may be missing only outside the window.
func (w *walk) payload(m *model, offset uint64, payload []byte) {
	w.t.Helper()
	if payload == nil && offset+modelWindow <= uint64(len(m.entries)) {
		return
	}
	if want := m.entries[offset-1].Payload; !bytes.Equal(payload, want) {
		w.t.Fatalf("payload of offset %d = %q, want %q", offset, payload, want)
	}
}

func (w *walk) read(log Log, chatID string, m *model) {
	w.t.Helper()
	after := Position{m.epoch, uint64(w.rng.IntN(len(m.entries) + 3))}
	if w.rng.IntN(5) == 0 {
		after = Position{w.lost[chatID], 0}
	}
	page := mustRead(w.t, log, chatID, after, 1+w.rng.IntN(10))
	w.know(chatID, m, page.Head)
	same := (after.Epoch == "" || after.Epoch == m.epoch) && after.Offset <= page.Head.Offset
	if !same {
		after.Offset = 0
	}
	gap := !same
	for i, entry := range page.Entries {
		first := page.Entries[0].Offset
		gap = gap || first != after.Offset+1
		if entry.Offset != first+uint64(i) || entry.Key != m.entries[entry.Offset-1].Key {
			w.t.Fatalf("%s: read after %+v has entry %+v at %d", chatID, after, entry, i)
		}
		w.payload(m, entry.Offset, entry.Payload)
	}
	if page.Gap != gap {
		w.t.Fatalf("%s: read after %+v: gap %v, want %v", chatID, after, page.Gap, gap)
	}
	if len(page.Entries) == 0 && after.Offset < page.Head.Offset {
		w.t.Fatalf("%s: read after %+v of %+v is empty", chatID, after, page.Head)
	}
	if len(page.Entries) > 0 {
		if first := page.Entries[0].Offset; first > after.Offset+1 && first+modelWindow > page.Head.Offset+1 {
			w.t.Fatalf("%s: offset %d is the oldest of %d, window %d", chatID, first, page.Head.Offset, modelWindow)
		} else if int(first)+modelWindow+w.slack <= int(page.Head.Offset) {
			w.t.Fatalf("%s: offset %d of %d was never trimmed", chatID, first, page.Head.Offset)
		}
	}
}

func (w *walk) lookup(log Log, chatID string, m *model) {
	w.t.Helper()
	names := []string{w.name(), w.name(), w.name()}
	found, err := log.Lookup(soon(w.t), chatID, names)
	if err != nil || len(found) != len(names) {
		w.t.Fatalf("lookup: %v, %v", found, err)
	}
	for i, name := range names {
		offset := m.names[name]
		if (found[i] == nil) != (offset == 0) {
			w.t.Fatalf("%s: lookup %s = %+v, want offset %d", chatID, name, found[i], offset)
		}
		if found[i] != nil {
			if found[i].Offset != offset {
				w.t.Fatalf("%s: lookup %s = %+v, want offset %d", chatID, name, found[i], offset)
			}
			w.payload(m, offset, found[i].Payload)
		}
	}
}

// lose deletes one of a chat's keys, and the script another time.
func (w *walk) lose(chatID string, m *model) {
	if w.rng.IntN(3) == 0 {
		w.server.Do("SCRIPT", "FLUSH")
	}
	kind := []string{"log", "head", "keys"}[w.rng.IntN(3)]
	if w.server.Do("DEL", kind+":{"+chatID+"}") == "0" {
		return // an empty log has no such key
	}
	if m.epoch != "" && (len(m.entries) > 0 || kind != "head") {
		w.lost[chatID] = m.epoch
	}
	*m = model{names: make(map[string]uint64)}
}
