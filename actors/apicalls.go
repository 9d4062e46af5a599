package actors

import (
	"slices"
	"time"

	"eclipse/internal/metrics"
)

// apiCalls are the calls that store, from when they begin until they end. It is plain data: persistence makes them.
//
// A call holds one of a few slots. One that is overdue gives its slot up and goes on without, so that a chat for which
// the API hangs takes none from the others. When that is follows from how long the API usually takes. While no call that
// began later has been answered, the API may be hanging for everybody: then only as many calls as there are slots give
// theirs up.
//
// An overdue call makes suspects of its chats when a call that began later was answered, after a moment in which it may
// yet be answered too, as all of them are when the API goes on after a pause; and in any case when the patience is over.
type apiCalls struct {
	slots    int // for chats that are not suspect, which share calls
	apart    int // for suspects, which have a call each
	patience time.Duration

	underWay []*apiCall // in the order in which they began
	held     [2]int     // slots in use, by whether they are those of suspects
	chats    int        // of the calls that have one of the others
	overdue  int        // calls without a slot

	usual    time.Duration // about the median of the time until an answer, 0 = there was none
	answered time.Time     // when the youngest of the answered calls began
}

// apiCall is one of them.
type apiCall struct {
	batch []*queued
	chats [][]*queued // the batch by chat
	route metrics.Route
	round int // of the breaker
	began time.Time

	apart     bool      // of one suspect
	overdue   bool      // has given its slot up
	passed    time.Time // when it was seen that a call that began later was answered
	suspected bool      // its chats are suspects
	split     bool      // its chats go on without it, each in a call of its own; what it still answers counts
}

const (
	maxOverdue     = 256                    // calls that go on without a slot
	overdueAfter   = 4                      // times what is usual, but
	leastOverdue   = 250 * time.Millisecond // at least, and at most the patience
	leastPressed   = 100 * time.Millisecond // the same, for giving a slot up while others wait for one
	shareOfApart   = 2                      // suspects have one slot for so many of the others
	usualStep      = 8                      // an answer moves what is usual by this part
	singleCalls    = 8                      // of the old route for one of the batch route: each stores one message, not what has gathered
	defaultOverdue = 2 * time.Second        // the patience of those who accept nothing
)

func newAPICalls(slots int, patience time.Duration) apiCalls {
	if patience <= 0 {
		patience = defaultOverdue
	}
	a := apiCalls{patience: patience}
	a.setSlots(slots)
	return a
}

// setSlots sets how many slots there are; calls that are under way keep theirs.
func (a *apiCalls) setSlots(n int) { a.slots, a.apart = n, slotsApart(n) }

func slotsApart(slots int) int { return max(slots/shareOfApart, 1) }

// MaxAPICalls is how many calls that store can be under way at once, overdue ones and those of suspects included, by
// whatever route.
func MaxAPICalls(concurrency int) int { return maxCalls(concurrency * singleCalls) }

func maxCalls(slots int) int { return slots + slotsApart(slots) + maxOverdue + 2*slots }

// room tells whether a call may begin for so many chats that wait. The second half of the slots is for calls of as many chats as if
// all that are under way were in the first half: under load calls are few and large, and a message by itself waits for the next answer.
func (a *apiCalls) room(apart bool, chats int) bool {
	if apart {
		return a.held[1] < a.apart
	}
	held := a.held[0]
	return held < a.slots && (2*held < a.slots || chats >= 2*a.chats/a.slots)
}

func (a *apiCalls) begin(c *apiCall) {
	a.underWay = append(a.underWay, c)
	a.hold(c, 1)
}

// hold counts what has a slot in or out.
func (a *apiCalls) hold(c *apiCall, change int) {
	a.held[pool(c.apart)] += change
	if !c.apart {
		a.chats += change * len(c.chats)
	}
}

func pool(apart bool) int {
	if apart {
		return 1
	}
	return 0
}

// end takes a call out. alive: an answer came.
func (a *apiCalls) end(c *apiCall, alive bool, took time.Duration) {
	if i := slices.Index(a.underWay, c); i >= 0 {
		a.underWay = slices.Delete(a.underWay, i, i+1)
	}
	if c.overdue {
		a.overdue--
	} else {
		a.hold(c, -1)
	}
	if alive {
		a.answered = maxTime(a.answered, c.began)
		a.learn(took)
	}
}

// learn moves what is usual towards the median, in steps, so that a few calls that take very long change little.
func (a *apiCalls) learn(took time.Duration) {
	switch {
	case a.usual == 0:
		a.usual = took
	case took > a.usual:
		a.usual += a.usual / usualStep
	default:
		a.usual -= a.usual / usualStep
	}
	a.usual = max(a.usual, time.Millisecond)
}

// limit is after how long a call is overdue. Where the API is always slow, most of its calls must not be.
func (a *apiCalls) limit() time.Duration {
	if a.usual == 0 {
		return a.patience
	}
	return max(min(max(overdueAfter*a.usual, leastOverdue), a.patience), 2*a.usual)
}

// yieldAfter is after how long a call gives its slot up; pressed: others wait for one.
func (a *apiCalls) yieldAfter(pressed bool) time.Duration {
	limit := a.limit()
	if pressed && a.usual > 0 {
		limit = min(limit, max(overdueAfter*a.usual, leastPressed))
	}
	return limit
}

// moment is the time within which calls end that the API answers together.
func (a *apiCalls) moment() time.Duration { return a.usual }

// look finds the calls that give up their slots now, and those whose chats become suspects.
func (a *apiCalls) look(now time.Time, pressed bool) (yielded, suspected []*apiCall) {
	limit := a.yieldAfter(pressed)
	var alone [2]int // overdue calls that none has passed, by whose slots they had
	for _, c := range a.underWay {
		if now.Sub(c.began) < limit {
			break
		}
		if c.passed.IsZero() && c.began.Before(a.answered) {
			c.passed = now
		}
		if !c.suspected && !now.Before(a.suspectAt(c)) {
			c.suspected = true
			suspected = append(suspected, c)
		}
		of, passed := pool(c.apart), !c.passed.IsZero()
		if !c.overdue && (passed && a.overdue < maxOverdue || !passed && alone[of] < a.slots) {
			c.overdue = true
			a.hold(c, -1)
			a.overdue++
			yielded = append(yielded, c)
		}
		if c.overdue && !passed {
			alone[of]++
		}
	}
	return yielded, suspected
}

// suspectAt is when an overdue call makes suspects of its chats.
func (a *apiCalls) suspectAt(c *apiCall) time.Time {
	if c.passed.IsZero() {
		return c.began.Add(max(a.limit(), a.patience))
	}
	return maxTime(c.began.Add(a.limit()), c.passed.Add(a.moment()))
}

// next is when there is something to see for look, zero = no time will come.
func (a *apiCalls) next(now time.Time, pressed bool) (at time.Time) {
	limit := a.yieldAfter(pressed)
	for _, c := range a.underWay {
		due := c.began.Add(limit)
		young := due.After(now)
		if !young {
			due = a.suspectAt(c)
		}
		if !c.suspected && (at.IsZero() || due.Before(at)) {
			at = due
		}
		if young {
			break
		}
	}
	return at
}
