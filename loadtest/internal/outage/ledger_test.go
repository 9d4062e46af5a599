package outage

import (
	"testing"
	"testing/synctest"
	"time"

	"eclipse/loadtest/internal/report"
)

var (
	calm  = group{home: onSecond}
	stuck = group{home: across, stuck: true}
	keys  = group{home: typists}
)

func TestWhatBelongsToAPhase(t *testing.T) {
	l := newLedger(2)
	l.depart(calm) // warming up
	l.begin(0)
	before := l.depart(calm)
	l.arrive(calm, before, 20*time.Millisecond)
	l.rest()
	l.arrive(calm, l.depart(calm), time.Second) // sent in between: not measured
	l.begin(1)
	l.arrive(calm, before, 40*time.Millisecond) // late, of the first phase
	l.refuse(stuck, "API_UNAVAILABLE", true)    // sent before, refused by this fault
	s := l.depart(calm)
	l.arrive(calm, s, 60*time.Millisecond)
	l.lose(calm, s, 1)
	l.depart(keys)
	l.accept()
	l.repeat()
	l.wrote(time.Millisecond)
	l.rest()
	l.refuse(calm, "API_REJECTED", false)

	o := &report.Outage{Phases: make([]report.Phase, 2)}
	l.fill(phases(time.Second)[:2], o) // quiet, then the API hangs for some
	quiet, hang := o.Phases[0], o.Phases[1]
	if m := quiet.Messages; quiet.Sent != 1 || m.Sent != 1 || m.LatencyMs.Count != 2 || m.P99Ratio != nil || quiet.Typing != nil || len(quiet.Refused) > 0 {
		t.Errorf("quiet: %+v, messages %+v", quiet, m)
	}
	if hang.Sent != 2 || hang.Lost != 1 || hang.Duplicated != 1 || hang.Accepted != 1 || hang.NotRetryable != 1 ||
		hang.Refused["API_UNAVAILABLE"] != 1 || hang.Refused["API_REJECTED"] != 1 || hang.Typing.Sent != 1 || hang.LagMs.Count != 1 {
		t.Errorf("hang: %+v", hang)
	}
	m := hang.Messages
	if m.Sent != 1 || m.Lost != 1 || m.Refused != 1 || m.LatencyMs.Count != 1 || m.P99Ratio != nil {
		t.Errorf("untouched: %+v", m)
	}
	for range 1000 { // what a ratio of percentiles takes
		l.arrive(calm, before, 40*time.Millisecond)
		l.arrive(calm, s, 60*time.Millisecond)
	}
	l.fill(phases(time.Second)[:2], o)
	if m := o.Phases[1].Messages; m.P99Ratio == nil || *m.P99Ratio < 1.49 || *m.P99Ratio > 1.51 {
		t.Errorf("p99 of 60 ms after 40 ms: ratio %v", m.P99Ratio)
	}
}

func TestCaughtUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger(1)
		l.begin(0)
		old, older := l.depart(calm), l.depart(stuck)
		l.over()
		if !l.caughtUpAt().IsZero() {
			t.Error("caught up with two messages on their way")
		}
		time.Sleep(time.Second)
		l.settle(older)
		l.settle(l.depart(calm)) // sent after the fault: does not count
		if !l.caughtUpAt().IsZero() {
			t.Error("caught up with one message on its way")
		}
		time.Sleep(time.Second)
		l.settle(old)
		want := time.Now()
		time.Sleep(time.Second)
		l.settle(l.depart(calm))
		if at := l.caughtUpAt(); !at.Equal(want) {
			t.Errorf("caught up at %v, want %v", at, want)
		}
		l.over()
		if at := l.caughtUpAt(); !at.Equal(time.Now()) {
			t.Error("nothing was on its way, and yet not caught up")
		}
	})
}

func TestLetters(t *testing.T) {
	var s letters
	for seq := uint32(1); seq <= 4; seq++ {
		s.push(seq, letter{left: 2, unstored: true})
	}
	land := func(seq uint32) {
		l := s.get(seq)
		l.left, l.unstored = 0, false
		s.trim()
	}
	land(2)
	if s.get(2) != nil || s.get(1) == nil || s.get(0) != nil || s.get(5) != nil {
		t.Error("2 has landed, 1 has not, and the others were never sent")
	}
	s.get(3).unstored = false // answered, and not delivered everywhere
	if got := s.unanswered(); len(got) != 2 || got[0] != 1 || got[1] != 4 {
		t.Errorf("unanswered: %v", got)
	}
	land(1)
	if s.first != 3 || len(s.list) != 2 {
		t.Errorf("%d letters from %d on; want 2 from 3 on", len(s.list), s.first)
	}
	land(3)
	land(4)
	s.push(5, letter{left: 1})
	if s.get(5) == nil || s.get(5).left != 1 {
		t.Error("5 is lost")
	}
}

func TestGroupsAreOfOneSize(t *testing.T) {
	sizes := map[group]int{}
	for i := range 16 * int(homes) {
		sizes[groupOf(i)]++
	}
	if len(sizes) != 2*int(homes) {
		t.Errorf("groups: %v", sizes)
	}
	for g, n := range sizes {
		if n != 8 {
			t.Errorf("%d chats of %+v, want 8", n, g)
		}
	}
}

func TestEachFaultSparesSome(t *testing.T) {
	all := phases(30 * time.Second)
	for i, p := range all {
		spared, touched := map[bool]int{}, 0 // by whether they type
		for n := range 2 * int(homes) {
			if g := groupOf(n); p.untouched(g) {
				spared[g.types()]++
			} else {
				touched++
			}
		}
		quiet := i == 0 || i == len(all)-1
		if spared[true] != 2 || (touched == 0) != quiet || (p.strike == nil) != quiet {
			t.Errorf("%s: spares %v, touches %d", p.name, spared, touched)
		}
	}
	if all[2].lasts != 30*time.Second || all[3].lasts != 10*time.Second {
		t.Error("the API stays away for as long as asked, and a restart takes a third")
	}
}
