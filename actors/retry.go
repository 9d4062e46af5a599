package actors

import (
	"errors"
	"math/rand/v2"
	"time"

	"eclipse/internal/nextapi"
)

// What may be tried again, and after how long.

// retryPolicy says what may be posted again.
type retryPolicy struct {
	batch   bool // by the batch route, which is idempotent: everything that is not final
	inOrder bool // what is not tried any longer comes again in its place: what is behind it goes back with it
	onRetry func(nextapi.Result)
}

// mayRetry: the old route stores a repeat again, so only what was certainly not stored may be tried again there.
func (p retryPolicy) mayRetry(r nextapi.Result) bool {
	switch r.Class {
	case nextapi.Retry, nextapi.Denied, nextapi.Missing:
		return true
	case nextapi.Ambiguous:
		return p.batch
	}
	return false
}

// Statuses of an item: the API's code failed; its chat does not exist; an earlier item of its chat was not stored.
const (
	statusServerError      = 500
	statusNotFound         = 404
	statusFailedDependency = 424
)

// delay is how long a chat waits after a call: by Retry-After, or full jitter over an exponential up to 30 s. What was
// not tried costs nothing: a batch route that is missing, a batch that was full, a message behind another that failed.
func (c *chatQueue) delay(results []nextapi.Result) (wait time.Duration) {
	failed := false
	for _, r := range results {
		switch r.Class {
		case nextapi.Retry, nextapi.Ambiguous, nextapi.Denied:
			if r.Status != statusFailedDependency && !errors.Is(r.Err, nextapi.ErrNotSent) {
				failed = true
				wait = max(wait, r.RetryAfter)
			}
		}
	}
	if !failed {
		return 0
	}
	c.failures++
	if wait > 0 {
		return wait
	}
	return backoff(c.failures, 100*time.Millisecond, 30*time.Second)
}

// backoff is the wait before the nth try again, n ≥ 1: full jitter over an exponential that is bounded.
func backoff(n int, base, limit time.Duration) time.Duration {
	bound := limit
	if n < 16 {
		bound = min(limit, base<<n)
	}
	return base/2 + rand.N(bound)
}
