package actors

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"eclipse/internal/metrics"
	"eclipse/internal/wire"
)

// Entries in any order, repeated and with early ones forgotten, are delivered once and in order, as long as whoever
// sees a hole reads the log.
func TestSequenceDeliversOnceInOrder(t *testing.T) {
	for range 200 {
		const n = 60
		epoch := "e1"
		var heard []uint64
		for o := uint64(1); o <= n; o++ {
			for range 1 + rand.IntN(2) {
				heard = append(heard, o)
			}
		}
		rand.Shuffle(len(heard), func(i, j int) { heard[i], heard[j] = heard[j], heard[i] })
		var s sequence
		s.start(wire.Position{Epoch: epoch})
		var delivered []uint64
		accept := func(o uint64) verdict {
			v := s.offer(wire.Position{Epoch: epoch, Offset: o}, []byte{byte(o)})
			if v == deliver {
				delivered = append(delivered, o)
				for p := s.next(); p != nil; p = s.next() {
					delivered = append(delivered, uint64(p[0]))
				}
			}
			return v
		}
		for _, o := range heard {
			if accept(o) == hole && rand.IntN(2) == 0 {
				for r := s.last + 1; r <= o; r++ { // read the log
					accept(r)
				}
			}
		}
		if len(delivered) != n || !slices.IsSorted(delivered) || s.early != nil {
			t.Fatalf("delivered %v", delivered)
		}
	}
}

func TestSequenceEpochs(t *testing.T) {
	var s sequence
	s.start(wire.Position{Epoch: "b", Offset: 5})
	for _, c := range []struct {
		at   wire.Position
		want verdict
	}{
		{wire.Position{Epoch: "a", Offset: 6}, staleEpoch},
		{wire.Position{Epoch: "b", Offset: 5}, old},
		{wire.Position{Epoch: "c", Offset: 1}, newEpoch},
		{wire.Position{Epoch: "b", Offset: 8}, hole},
		{wire.Position{Epoch: "b", Offset: 6}, deliver},
	} {
		if got := s.offer(c.at, []byte("x")); got != c.want {
			t.Errorf("%v: %v, want %v", c.at, got, c.want)
		}
	}
	s.skip(8)
	if p := s.next(); string(p) != "x" || s.last != 8 {
		t.Errorf("after skip: %q at %d", p, s.last)
	}
	if !s.behind(wire.Position{Epoch: "b", Offset: 9}) || s.behind(wire.Position{Epoch: "b", Offset: 8}) || !s.behind(wire.Position{Epoch: "c"}) {
		t.Error("behind")
	}
}

func TestSequenceBoundsWhatIsEarly(t *testing.T) {
	var s sequence
	s.start(wire.Position{Epoch: "e"})
	for o := uint64(2); o < 2*maxEarly; o++ {
		s.offer(wire.Position{Epoch: "e", Offset: o}, []byte("x"))
	}
	if len(s.early) != maxEarly {
		t.Errorf("%d early", len(s.early))
	}
}

// Against a map: names without a value cost nothing beside their hash, and those that come back keep their age.
func TestRecentIsAMapOfTheLatest(t *testing.T) {
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 1))
		r := recent[string]{bound: 8}
		var order []string
		values := map[string]string{}
		for range 200 {
			name, value := fmt.Sprint(random.IntN(12)), ""
			if random.IntN(4) == 0 {
				value = fmt.Sprint("v", random.IntN(3))
			}
			if random.IntN(40) == 0 {
				r.forget()
				for n := range values {
					values[n] = ""
				}
			}
			if n := random.IntN(8); random.IntN(40) == 0 && n < len(order) {
				r.trim(n)
				for _, gone := range order[:len(order)-n] {
					delete(values, gone)
				}
				order = order[len(order)-n:]
			}
			_, want := values[name]
			if known := r.put(name, value); known != want {
				t.Fatalf("seed %d: %s was known: %v", seed, name, known)
			}
			if !want {
				order = append(order, name)
			}
			values[name] = value
			if len(order) > 8 {
				delete(values, order[0])
				order = order[1:]
			}
			for n := range 12 {
				if late := slices.Contains(order[max(0, len(order)-3):], fmt.Sprint(n)); r.among(3, fmt.Sprint(n)) != late {
					t.Fatalf("seed %d: %d is among the last three: %v", seed, n, !late)
				}
				want, there := values[fmt.Sprint(n)]
				if got, known := r.get(fmt.Sprint(n)); got != want || known != there {
					t.Fatalf("seed %d: %d is %q, %v, want %q, %v", seed, n, got, known, want, there)
				}
			}
		}
	}
	r := recent[string]{bound: 8}
	if r.put("a", ""); r.ring.values != nil || r.has("x") {
		t.Error("a name without a value has room for one")
	}
	if r.put("b", "x"); !r.has("x") || r.has("y") {
		t.Error("the value is not found")
	}
	p := places{recent[uint32]{bound: 8}}
	p.put("far", 1<<32)
	if at, known := p.get("far"); at != 0 || !known {
		t.Errorf("an offset that does not fit is %d, %v", at, known)
	}
}

func TestRecentForgetsTheOldest(t *testing.T) {
	r := places{recent[uint32]{bound: recentKeys}}
	for i := range recentKeys + 10 {
		r.put(string(rune('a'+i%26))+time.Duration(i).String(), uint64(i+1))
	}
	if _, known := r.get("a0s"); known {
		t.Error("the oldest is still known")
	}
	if o, known := r.get("b" + time.Duration(521).String()); known && o != 522 {
		t.Errorf("offset %d", o)
	}
	if len(r.ring.hashes) != recentKeys {
		t.Errorf("%d keys", len(r.ring.hashes))
	}
	if r.put("again", 6) || !r.put("again", 7) {
		t.Error("what is put first is known, or what is put again is not")
	}
	if o, known := r.get("again"); !known || o != 7 {
		t.Errorf("offset %d, %v", o, known)
	}
	r.forget()
	if o, known := r.get("again"); !known || o != 0 {
		t.Errorf("after an epoch: %d, %v", o, known)
	}
}

func TestBacklogDropsEphemeralFirst(t *testing.T) {
	frame := func(c wire.Class, n int) *wire.Frame { return &wire.Frame{Class: c, Payload: make([]byte, n)} }
	var b backlog
	for _, c := range []struct {
		f       *wire.Frame
		dropped int
		fits    bool
		bytes   int
	}{
		{frame(wire.Ephemeral, 40), 0, true, 40},
		{frame(wire.Sequenced, 40), 0, true, 80},
		{frame(wire.Ephemeral, 40), 1, true, 80},
		{frame(wire.Control, 40), 1, true, 80},
		{frame(wire.Sequenced, 40), 0, false, 120},
	} {
		dropped, fits := b.push(c.f, 100)
		if dropped != c.dropped || fits != c.fits || b.bytes != c.bytes {
			t.Errorf("push: dropped %d, fits %v, %d bytes; want %+v", dropped, fits, b.bytes, c)
		}
	}
	m := metrics.New()
	b.clear(m, metrics.DropSlowReaderClosed)
	if b.bytes != 0 || len(b.frames) != 0 {
		t.Error("not cleared")
	}
}

func TestBreaker(t *testing.T) {
	now := time.Now()
	var b breaker
	allowed := func() bool { _, ok := b.allow(now); return ok }
	fails := func() {
		t.Helper()
		round, ok := b.allow(now)
		if !ok {
			t.Fatal("opened too early")
		}
		b.done(round, false, now)
	}
	first, _ := b.allow(now)
	for range breakAfter {
		fails()
	}
	if !b.open() || allowed() || !b.refuses(now) {
		t.Fatal("not open")
	}
	now = now.Add(time.Minute)
	round, ok := b.allow(now)
	if !ok || allowed() {
		t.Fatal("half open lets one call through")
	}
	b.done(first, false, now) // a late failure of long ago changes nothing
	if allowed() {
		t.Fatal("a second call while half open")
	}
	b.done(round, false, now)
	if allowed() {
		t.Fatal("not open again")
	}
	if b.downFor(now) < time.Minute {
		t.Errorf("down for %v", b.downFor(now))
	}
	now = now.Add(time.Minute)
	round, _ = b.allow(now)
	b.done(round, true, now)
	if b.open() || !allowed() || !allowed() || b.downFor(now) != 0 {
		t.Error("not closed")
	}
}

// Calls that were under way together fail together: that is one failure.
func TestBreakerCountsABlipOnce(t *testing.T) {
	now := time.Now()
	var b breaker
	var rounds []int
	for range 16 {
		round, _ := b.allow(now)
		rounds = append(rounds, round)
	}
	for _, round := range rounds {
		b.done(round, false, now)
	}
	if b.failures != 1 {
		t.Errorf("%d failures", b.failures)
	}
}

func TestReadMarksOnlyAdvance(t *testing.T) {
	var r readMarks
	for _, c := range []struct {
		id     string
		offset uint64
		want   bool
	}{
		{"m5", 5, true}, {"m5", 5, false}, {"m3", 3, false}, {"unknown", 0, false}, {"m6", 6, true},
	} {
		if got := r.advance("u", c.id, c.offset); got != c.want {
			t.Errorf("%s: %v", c.id, got)
		}
	}
	if !r.advance("v", "unknown", 0) || r.advance("v", "other", 0) || !r.advance("v", "m7", 7) {
		t.Error("marks whose place is not known")
	}
	r.advance("anon_1", "m1", 1)
	r.advance("anon_2", "m2", 2) // the same sender with a new id
	if s := r.snapshot(); len(s) != 3 || s[0].MessageID != "m2" || s[1].MessageID != "m6" {
		t.Errorf("snapshot %v", s)
	}
	r.forgetOffsets()
	if !r.advance("u", "first of the new epoch", 1) {
		t.Error("stuck in the old epoch")
	}
}

func TestSubscriptionsKnowTheirOwnEchoes(t *testing.T) {
	s := &subscription{}
	at := func(o uint64) wire.Position { return wire.Position{Epoch: "e", Offset: o} }
	s.appended(at(4))
	s.appended(at(5))
	if s.own(at(3)) || !s.own(at(4)) || !s.own(at(5)) || s.own(at(6)) {
		t.Error("own after 4 and 5")
	}
	// 6 is another instance's
	s.appended(at(7))
	if s.own(at(6)) || !s.own(at(7)) || s.own(at(5)) {
		t.Error("own after a gap")
	}
	if s.own(wire.Position{Epoch: "f", Offset: 7}) {
		t.Error("own in another epoch")
	}
	s.appended(wire.Position{Epoch: "f", Offset: 1})
	s.appended(at(8)) // of the epoch that has ended
	if !s.own(wire.Position{Epoch: "f", Offset: 1}) || s.own(at(7)) || s.own(at(8)) {
		t.Error("own after an epoch")
	}
}

// Typing is kept back only while an answer says that nobody else listens, and nothing foreign has been heard since it was asked for.
func TestAudience(t *testing.T) {
	began := time.Now()
	later := began.Add(time.Millisecond)
	for _, c := range []struct {
		confirmed bool
		listeners int
		foreign   time.Time
		absent    bool
	}{
		{false, 0, time.Time{}, false}, {false, 1, time.Time{}, false}, {true, 0, time.Time{}, false}, {true, 1, time.Time{}, true}, {true, 2, time.Time{}, false},
		{true, 1, began.Add(-time.Millisecond), true}, {true, 1, later, false},
	} {
		s := &subscription{audience: &audience{}, confirmed: c.confirmed}
		s.foreign(c.foreign)
		if s.published(c.listeners, began); s.audience.absent(later) != c.absent {
			t.Errorf("%+v: absent %v", c, !c.absent)
		}
		if s.audience.absent(began.Add(audienceCheck)) {
			t.Errorf("%+v: for longer than an answer holds", c)
		}
		if s.foreign(later); s.audience.absent(later) {
			t.Errorf("%+v: absent though heard", c)
		}
	}
}

func TestPresenceOfOtherInstances(t *testing.T) {
	var p presence
	now := time.Now()
	online := func(id string) wire.Presence {
		return wire.Presence{UserID: id, Role: wire.RoleUser, Status: wire.Online}
	}
	if !p.heard("i1", online("a")) || p.heard("i1", online("b")) || !p.heard("i2", online("b")) {
		t.Error("unknown instances")
	}
	if gone := p.told("i1", []wire.Presence{online("b"), online("c")}); len(gone) != 1 || gone[0].UserID != "a" || gone[0].Status != wire.Offline {
		t.Errorf("gone %v", gone)
	}
	p.doubt(now.Add(time.Second))
	p.told("i1", []wire.Presence{online("c")})
	if got := p.unconfirmed(now); got != nil {
		t.Errorf("too early: %v", got)
	}
	if got := p.unconfirmed(now.Add(time.Second)); !slices.Equal(got, []string{"i2"}) {
		t.Errorf("unconfirmed %v", got)
	}
	if users := p.forget("i2"); len(users) != 1 || p.elsewhere("b") || !p.elsewhere("c") {
		t.Errorf("forgotten %v", users)
	}
	p.left("d", wire.RoleUser, now.Add(time.Second))
	if !p.lingers("d") || !p.arrived("d") || p.lingers("d") || p.arrived("d") {
		t.Error("grace")
	}
}
