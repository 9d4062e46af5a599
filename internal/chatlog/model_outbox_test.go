package chatlog

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestRandomOutboxSteps runs random steps of two holders against the simplest outbox that keeps the contract. Leases
// are so short that either takes over from the other now and then; who has one is learned from the answers.
func TestRandomOutboxSteps(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	withOptions(t, Options{Window: 1000, Lease: 3 * time.Millisecond}, func(t *testing.T, f fixture) {
		w := &outboxWalk{t: t, rng: rand.New(rand.NewPCG(seed, 3)), holders: []client{f.connect(t), f.connect(t)}}
		for range 3 {
			w.chats = append(w.chats, &outboxModel{chatID: newChat(), names: make(map[string]uint64), ended: true})
		}
		for range 2500 {
			w.step()
		}
		for _, m := range w.chats {
			w.compare(m)
		}
	})
}

type outboxModel struct {
	chatID  string
	queue   []Queued // without what the model cannot know: seq is 0 until a claim shows it
	names   map[string]uint64
	entries int
	letters int

	holder int // index of the last
	fence  uint64
	ended  bool // with the last message, or not begun
}

type outboxWalk struct {
	t       *testing.T
	rng     *rand.Rand
	holders []client
	chats   []*outboxModel
}

func (w *outboxWalk) step() {
	m, who := w.chats[w.rng.IntN(len(w.chats))], w.rng.IntN(len(w.holders))
	switch n := w.rng.IntN(100); {
	case n < 70:
		w.append(m, who)
	case n < 85:
		w.claim(m, who)
	case n < 92:
		w.renew(m, who)
	case n < 97:
		w.compare(m)
	default:
		w.revive(m)
	}
}

func (w *outboxWalk) name() string { return fmt.Sprint("n", w.rng.IntN(60)) }

// random is a step with any of the parts that a step may have.
func (w *outboxWalk) random(m *outboxModel) Append {
	item := Append{ChatID: m.chatID}
	name := w.name()
	for item.check() != nil {
		if w.rng.IntN(2) == 0 {
			item = event(m.chatID, "id of "+name, name)
		}
		if w.rng.IntN(2) == 0 {
			item.Aliases = []string{name}
			item.Queue = &Item{Name: name, Data: fmt.Append(nil, w.rng.IntN(1000))}
		}
		if w.rng.IntN(2) == 0 {
			item.Done = w.done(m)
		}
	}
	return item
}

func (w *outboxWalk) done(m *outboxModel) *Done {
	done := &Done{Name: w.name(), Fence: m.fence}
	if len(m.queue) > 0 && w.rng.IntN(4) > 0 {
		done.Name = m.queue[w.rng.IntN(len(m.queue))].Name
	}
	if w.rng.IntN(5) == 0 {
		done.Fence -= min(done.Fence, 1)
	}
	if w.rng.IntN(5) == 0 {
		done.Reason = "no"
	}
	return done
}

func (w *outboxWalk) append(m *outboxModel, who int) {
	items := make([]Append, 1+w.rng.IntN(4))
	for i := range items {
		items[i] = w.random(m)
	}
	for i, got := range w.holders[who].Append(soon(w.t), items) {
		w.appended(m, who, items[i], got)
	}
}

func (m *outboxModel) at(name string) int {
	return slices.IndexFunc(m.queue, func(q Queued) bool { return q.Name == name })
}

func (m *outboxModel) known(item Append) uint64 {
	if item.Body == nil && item.Queue == nil {
		return 0
	}
	for _, name := range item.names() {
		if offset := m.names[name]; offset != 0 {
			return offset
		}
	}
	return 0
}

func (w *outboxWalk) appended(m *outboxModel, who int, item Append, got Appended) {
	w.t.Helper()
	if item.Done != nil && (who != m.holder || item.Done.Fence != m.fence || m.fence == 0) {
		if !errors.Is(got.Err, ErrFenced) || got.Position != (Position{}) || got.Payload != nil {
			w.t.Fatalf("%+v by %d = %+v, want it fenced by %d of %d", item, who, got, m.fence, m.holder)
		}
		return
	}
	offset := m.known(item)
	repeat := offset != 0
	if item.Done != nil {
		m.remove(item.Done)
	}
	if item.Body != nil && !repeat {
		m.entries++
		offset = uint64(m.entries)
	}
	if offset != 0 {
		for _, name := range item.names() {
			if m.names[name] == 0 {
				m.names[name] = offset
			}
		}
	}
	entered := item.Queue != nil && !repeat && m.at(item.Queue.Name) < 0
	if entered {
		m.queue = append(m.queue, Queued{Item: *item.Queue})
	}
	if got.Err != nil || got.Repeat != repeat || got.Position.Offset != offset || (got.Payload == nil) != (offset == 0) {
		w.t.Fatalf("%+v = %+v, want offset %d, repeat %v", item, got, offset, repeat)
	}
	if item.Queue == nil && item.Done == nil {
		return
	}
	queued := item.Queue != nil && m.at(item.Queue.Name) >= 0
	if got.Outbox.Left != len(m.queue) || got.Outbox.Queued != queued {
		w.t.Fatalf("%+v = %+v, want %d left, queued %v", item, got, len(m.queue), queued)
	}
	w.fence(m, who, got.Outbox.Fence, entered)
}

func (m *outboxModel) remove(done *Done) {
	i := m.at(done.Name)
	if i < 0 {
		return
	}
	m.queue = slices.Delete(m.queue, i, i+1)
	m.ended = m.ended || len(m.queue) == 0
	if done.Reason != "" {
		m.letters++
	}
}

// fence learns who has the lease from an answer; taking tells whether the call takes one that has ended.
func (w *outboxWalk) fence(m *outboxModel, who int, fence uint64, taking bool) {
	w.t.Helper()
	ours := who == m.holder && !m.ended
	switch {
	case len(m.queue) == 0 && fence == 0:
	case ours && fence == m.fence:
	case taking && !ours && fence > m.fence:
		m.holder, m.fence, m.ended = who, fence, false
	case !ours && fence == 0 && !(taking && m.ended):
	default:
		w.t.Fatalf("%s: %d got fence %d (taking %v); %d had %d (ended %v)", m.chatID, who, fence, taking, m.holder, m.fence, m.ended)
	}
}

func (w *outboxWalk) claim(m *outboxModel, who int) {
	w.t.Helper()
	skip := 0
	after := uint64(0)
	if len(m.queue) > 0 {
		skip = w.rng.IntN(len(m.queue))
	}
	if skip > 0 {
		after = m.queue[skip-1].Seq
	}
	if after == 0 {
		skip = 0
	}
	limit := 1 + w.rng.IntN(20)
	claim := mustClaim(w.t, w.holders[who], m.chatID, after, limit)
	w.fence(m, who, claim.Fence, true)
	want := m.queue[skip:]
	if claim.Fence == 0 {
		want = nil
	}
	w.same(m, claim.Items, want[:min(len(want), limit)])
	if claim.Left != len(m.queue) {
		w.t.Fatalf("%d left, want %d", claim.Left, len(m.queue))
	}
}

// same compares messages and learns their places, which rise and never change.
func (w *outboxWalk) same(m *outboxModel, got, want []Queued) {
	w.t.Helper()
	if len(got) != len(want) {
		w.t.Fatalf("%s: %d messages, want %d", m.chatID, len(got), len(want))
	}
	for i := range got {
		if want[i].Seq == 0 {
			want[i].Seq = got[i].Seq
		}
		if got[i].Name != want[i].Name || string(got[i].Data) != string(want[i].Data) || got[i].Seq != want[i].Seq || got[i].Logged.Offset != m.names[got[i].Name] {
			w.t.Fatalf("%s: message %d = %+v, want %+v at %d", m.chatID, i, got[i], want[i], m.names[got[i].Name])
		}
		if i > 0 && got[i].Seq <= got[i-1].Seq {
			w.t.Fatalf("%s: seq %d after %d", m.chatID, got[i].Seq, got[i-1].Seq)
		}
	}
}

func (w *outboxWalk) renew(m *outboxModel, who int) {
	w.t.Helper()
	lease := Lease{m.chatID, m.fence - min(m.fence, uint64(w.rng.IntN(2)))}
	kept, err := w.holders[who].Renew(soon(w.t), []Lease{lease})
	want := who == m.holder && lease.Fence == m.fence && !m.ended && m.fence != 0
	if err != nil || kept[0] != want {
		w.t.Fatalf("%d renews %+v: %v, %v; %d has %d", who, lease, kept, err, m.holder, m.fence)
	}
}

// compare looks at everything that is queued without taking a lease.
func (w *outboxWalk) compare(m *outboxModel) {
	w.t.Helper()
	c := w.holders[w.rng.IntN(len(w.holders))]
	infos, err := c.Queues(soon(w.t), "", 10)
	if err != nil {
		w.t.Fatal(err)
	}
	var shown QueueInfo
	for _, info := range infos {
		if info.ChatID == m.chatID {
			shown = info
		}
	}
	w.same(m, shown.Items, m.queue)
	if isQueued(w.t, c, m.chatID) != (len(m.queue) > 0) {
		w.t.Fatalf("%s: Heads does not tell that %d wait", m.chatID, len(m.queue))
	}
	letters := 0
	for _, letter := range mustLetters(w.t, c, "", 10_000) {
		if letter.ChatID == m.chatID {
			letters++
		}
	}
	if letters != m.letters {
		w.t.Fatalf("%s: %d letters, want %d", m.chatID, letters, m.letters)
	}
}

func (w *outboxWalk) revive(m *outboxModel) {
	w.t.Helper()
	c := w.holders[w.rng.IntN(len(w.holders))]
	for _, letter := range mustLetters(w.t, c, "", 10_000) {
		if letter.ChatID != m.chatID {
			continue
		}
		if ok, err := c.Revive(soon(w.t), letter.ID); err != nil || !ok {
			w.t.Fatalf("revive: %v, %v", ok, err)
		}
		m.letters--
		if m.at(letter.Name) < 0 {
			m.queue = append(m.queue, Queued{Item: letter.Item})
		}
		return
	}
}
