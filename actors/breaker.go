package actors

import "time"

// breaker stops calls of an API that does not answer. After breakAfter failures in a row it opens for a while that
// grows with each further failure; then one call at a time tries whether the API is back.
type breaker struct {
	failures int
	round    int // calls belong to the round in which they began; a round counts one failure at most
	openTill time.Time
	trying   bool      // half open: the one call of this round is under way
	downFrom time.Time // of the first failure in a row
}

const breakAfter = 5

// allow tells whether a call may be made now, and in which round; while the breaker is half open it allows one.
func (b *breaker) allow(now time.Time) (round int, ok bool) {
	if b.open() {
		if b.trying || now.Before(b.openTill) {
			return 0, false
		}
		b.trying = true
	}
	return b.round, true
}

// unused gives back a permission that was not used.
func (b *breaker) unused() { b.trying = false }

// done takes the outcome of a call.
func (b *breaker) done(round int, ok bool, now time.Time) {
	if ok {
		*b = breaker{round: b.round + 1}
		return
	}
	if round != b.round { // it began before the last failure: the same outage, counted already
		return
	}
	if b.failures == 0 {
		b.downFrom = now
	}
	b.round++
	b.failures++
	b.trying = false
	if b.open() {
		b.openTill = now.Add(backoff(b.failures-breakAfter+1, 100*time.Millisecond, 5*time.Second))
	}
}

func (b *breaker) open() bool { return b.failures >= breakAfter }

// refuses tells whether calls are held back now.
func (b *breaker) refuses(now time.Time) bool {
	return b.open() && (b.trying || now.Before(b.openTill))
}

// downFor is how long no call has succeeded, 0 while the API answers.
func (b *breaker) downFor(now time.Time) time.Duration {
	if !b.open() {
		return 0
	}
	return now.Sub(b.downFrom)
}
