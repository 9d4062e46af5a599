package actors

import "time"

// breaker stops calls of an API that does not answer. After breakAfter calls failed in a row it opens for a while that
// grows with each further failure; then one call at a time tries whether the API is back.
type breaker struct {
	failures int
	openTill time.Time
	trying   bool
	downFrom time.Time // of the first failure in a row
}

const breakAfter = 5

// allow tells whether a call may be made now; while the breaker is half open it allows one at a time.
func (b *breaker) allow(now time.Time) bool {
	if b.failures < breakAfter {
		return true
	}
	if b.trying || now.Before(b.openTill) {
		return false
	}
	b.trying = true
	return true
}

// done takes the outcome of a call.
func (b *breaker) done(ok bool, now time.Time) {
	b.trying = false
	if ok {
		*b = breaker{}
		return
	}
	if b.failures == 0 {
		b.downFrom = now
	}
	b.failures++
	if b.failures >= breakAfter {
		b.openTill = now.Add(backoff(b.failures-breakAfter+1, 100*time.Millisecond, 5*time.Second))
	}
}

func (b *breaker) open() bool { return b.failures >= breakAfter }

// downFor is how long no call has succeeded, 0 while the API answers.
func (b *breaker) downFor(now time.Time) time.Duration {
	if !b.open() {
		return 0
	}
	return now.Sub(b.downFrom)
}
