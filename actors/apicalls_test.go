package actors

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

const twenty = 20 * time.Millisecond

// answering is how calls are of an API that answers within 20 ms.
func answering(slots int) apiCalls {
	a := newAPICalls(slots, 2*time.Second)
	a.usual = twenty
	return a
}

func (a *apiCalls) post(apart bool, at time.Time) *apiCall {
	c := &apiCall{apart: apart, began: at}
	a.begin(c)
	return c
}

func TestAnOverdueCallGivesItsSlotUp(t *testing.T) {
	now := time.Now()
	a := answering(2)
	hangs, suspect := a.post(false, now), a.post(true, now)
	if !a.room(false, 1) || a.room(true, 1) {
		t.Fatal("two slots, and one for suspects")
	}
	a.end(a.post(false, now.Add(time.Millisecond)), true, twenty)
	if yielded, suspected := a.look(now.Add(leastOverdue-1), false); yielded != nil || suspected != nil {
		t.Fatal("not overdue yet")
	}
	if at := a.next(now.Add(twenty), false); !at.Equal(now.Add(leastOverdue)) {
		t.Errorf("looked at after %v", at.Sub(now))
	}
	yielded, suspected := a.look(now.Add(leastOverdue), false)
	if !slices.Equal(yielded, []*apiCall{hangs, suspect}) || suspected != nil || !a.room(false, 1) || !a.room(true, 1) {
		t.Fatalf("%d yielded, %d suspected", len(yielded), len(suspected))
	}
	at := a.next(now.Add(leastOverdue), false)
	yielded, suspected = a.look(at, false)
	if yielded != nil || !slices.Equal(suspected, []*apiCall{hangs, suspect}) {
		t.Fatalf("after a moment %d yielded, %d suspected", len(yielded), len(suspected))
	}
	if yielded, suspected = a.look(now.Add(time.Minute), false); yielded != nil || suspected != nil || !a.next(now, false).IsZero() {
		t.Fatal("told twice")
	}
	a.end(hangs, false, time.Minute)
	a.end(suspect, true, time.Minute)
	if a.held != [2]int{} || a.overdue != 0 || len(a.underWay) != 0 {
		t.Errorf("left: %+v", a)
	}
}

// Under load calls are large: half of the slots are enough for them.
func TestCallsAreLargeUnderLoad(t *testing.T) {
	now := time.Now()
	a := answering(4)
	batch := func(n int) *apiCall {
		c := &apiCall{chats: make([][]*queued, n), began: now}
		a.begin(c)
		return c
	}
	large := batch(6)
	if !a.room(false, 1) {
		t.Error("the second of four waits")
	}
	batch(2)
	if a.room(false, 3) || !a.room(false, 4) || !a.room(true, 1) {
		t.Error("the third is not of four at least, or a suspect's is")
	}
	batch(4)
	if a.room(false, 5) || !a.room(false, 6) {
		t.Error("the last is not of six at least")
	}
	if a.end(large, true, twenty); a.room(false, 2) || !a.room(false, 3) {
		t.Error("what has been answered still counts")
	}
	a.look(now.Add(time.Minute), false)
	if !a.room(false, 1) {
		t.Error("what is overdue still counts")
	}
	for range 4 {
		batch(1)
	}
	if a.room(false, 100) {
		t.Error("there are more calls than slots")
	}
	one := answering(1)
	if !one.room(false, 1) {
		t.Error("a single slot is never used")
	}
}

// While others wait for a slot it is given up sooner; suspicion takes its time.
func TestSlotsThatOthersWaitForAreGivenUpSooner(t *testing.T) {
	now := time.Now()
	a := answering(1)
	hangs := a.post(false, now)
	a.answered = now.Add(time.Millisecond)
	if at := a.next(now, true); !at.Equal(now.Add(leastPressed)) {
		t.Errorf("looked at after %v", at.Sub(now))
	}
	if yielded, suspected := a.look(now.Add(leastPressed), false); yielded != nil || suspected != nil {
		t.Fatal("nobody waits")
	}
	yielded, suspected := a.look(now.Add(leastPressed), true)
	if !slices.Equal(yielded, []*apiCall{hangs}) || suspected != nil || !a.room(false, 1) {
		t.Fatalf("%d yielded, %d suspected", len(yielded), len(suspected))
	}
	if at := a.next(now.Add(leastPressed), true); !at.Equal(now.Add(leastOverdue)) {
		t.Errorf("then after %v", at.Sub(now))
	}
	if _, suspected = a.look(now.Add(leastOverdue), false); len(suspected) != 1 {
		t.Error("not suspected")
	}
}

// An API that hangs for everybody gets as many calls again as there are slots.
func TestWhileNobodyIsAnsweredFewGiveTheirSlotsUp(t *testing.T) {
	now := time.Now()
	a := answering(4)
	a.answered = now
	total := 0
	for range 1000 {
		for a.room(false, 1) {
			a.post(false, now)
			now = now.Add(time.Millisecond)
			total++
		}
		now = now.Add(leastOverdue)
		a.look(now, false)
	}
	if total != 8 {
		t.Errorf("%d calls", total)
	}
	for _, c := range a.underWay {
		if !c.suspected {
			t.Error("not suspected")
		}
	}
	// One answer to a later call shows that it hangs for some only.
	a.end(a.underWay[7], true, time.Second)
	if yielded, _ := a.look(now, false); len(yielded) != 3 || !a.room(false, 1) {
		t.Errorf("%d gave their slots up then", len(yielded))
	}
}

// When the API goes on after a pause, what it answers in the first moment was not suspected.
func TestAPauseMakesNoSuspects(t *testing.T) {
	now := time.Now()
	a := answering(4)
	for range 3 {
		a.post(false, now)
		now = now.Add(time.Millisecond)
	}
	now = now.Add(time.Second)
	last := a.post(false, now)
	for _, c := range []*apiCall{last, a.underWay[2], a.underWay[1], a.underWay[0]} {
		now = now.Add(time.Millisecond)
		a.end(c, true, now.Sub(c.began))
		if _, suspected := a.look(now, false); suspected != nil {
			t.Error("suspected")
		}
	}
}

func TestOverdueCallsAreBounded(t *testing.T) {
	now := time.Now()
	a := answering(16)
	for len(a.underWay) < maxCalls(16) && (a.room(false, 1) || a.room(true, 1)) {
		a.post(!a.room(false, 1), now)
		a.answered = now.Add(time.Millisecond)
		now = now.Add(leastOverdue)
		a.look(now, false)
	}
	if a.overdue != maxOverdue || a.room(false, 1) || a.room(true, 1) {
		t.Errorf("%d overdue, slots %v", a.overdue, a.held)
	}
}

func TestWhenACallIsOverdue(t *testing.T) {
	for _, c := range []struct{ usual, patience, want time.Duration }{
		{0, 2 * time.Second, 2 * time.Second}, // nothing is known yet
		{twenty, 2 * time.Second, leastOverdue},
		{twenty, -1, leastOverdue},
		{twenty, 100 * time.Millisecond, 100 * time.Millisecond},
		{300 * time.Millisecond, 2 * time.Second, 1200 * time.Millisecond},
		{800 * time.Millisecond, 2 * time.Second, 2 * time.Second},
		{5 * time.Second, 2 * time.Second, 10 * time.Second}, // it is always slow
	} {
		a := newAPICalls(16, c.patience)
		a.usual = c.usual
		if got := a.limit(); got != c.want {
			t.Errorf("usually %v: after %v, want %v", c.usual, got, c.want)
		}
	}
}

// What is usual follows the median, and calls that take very long do not move it much.
func TestUsualIsAboutTheMedian(t *testing.T) {
	a := newAPICalls(16, 2*time.Second)
	for _, median := range []time.Duration{twenty, 600 * time.Millisecond, twenty} {
		for range 200 {
			took := time.Duration((0.8 + 0.4*rand.Float64()) * float64(median))
			if rand.IntN(5) == 0 {
				took = 10 * time.Second
			}
			a.learn(took)
		}
		if a.usual < median/2 || a.usual > 2*median {
			t.Errorf("usually %v, median %v", a.usual, median)
		}
	}
}
