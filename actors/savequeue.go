package actors

import (
	"errors"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"eclipse/actors/messages"
	"eclipse/internal/nextapi"
)

// saveQueue holds the messages that wait for the API: a queue per chat, at most one call per chat in flight, chats side
// by side. It is plain data: persistence runs the calls that it hands out and gives it the results.
type saveQueue struct {
	chats map[string]*chatQueue
	ready []string // chats that have something to send and no call in flight, in the order in which they became ready
	size  int      // saves, those in flight included
	limit int
}

type chatQueue struct {
	waiting  []*queued
	inFlight int       // the first inFlight of waiting are under way
	ready    bool      // is in ready
	retryAt  time.Time // no call before
	failures int
}

// queued is one save in the queue.
type queued struct {
	request *messages.PersistRequest
	from    *actor.PID
	expires time.Time // then the sender is told that it is not stored
	retries int
}

func newSaveQueue(limit int) *saveQueue {
	return &saveQueue{chats: make(map[string]*chatQueue), limit: limit}
}

// push queues a save; false = there is no room.
func (q *saveQueue) push(s *queued) bool {
	if q.size >= q.limit {
		return false
	}
	c := q.chats[s.request.ChatId]
	if c == nil {
		c = &chatQueue{}
		q.chats[s.request.ChatId] = c
	}
	c.waiting = append(c.waiting, s)
	q.size++
	q.makeReady(s.request.ChatId, c)
	return true
}

func (q *saveQueue) makeReady(chatID string, c *chatQueue) {
	if !c.ready && c.inFlight == 0 && len(c.waiting) > 0 {
		c.ready = true
		q.ready = append(q.ready, chatID)
	}
}

// take hands out up to limit saves of the chats that have waited longest, perChat of each at most, in their order. All
// of them are in flight until done is called for each chat.
func (q *saveQueue) take(limit, perChat int, now time.Time) (batch []*queued) {
	var later []string
	for len(q.ready) > 0 && len(batch) < limit {
		chatID := q.ready[0]
		q.ready = q.ready[1:]
		c := q.chats[chatID]
		if len(c.waiting) == 0 { // all of it has expired
			delete(q.chats, chatID)
			continue
		}
		if now.Before(c.retryAt) {
			later = append(later, chatID)
			continue
		}
		n := min(len(c.waiting), perChat, limit-len(batch))
		batch = append(batch, c.waiting[:n]...)
		c.inFlight, c.ready = n, false
	}
	q.ready = append(later, q.ready...)
	return batch
}

// nextRetry is when the next chat may be tried again, zero if none waits.
func (q *saveQueue) nextRetry(now time.Time) (at time.Time) {
	for _, chatID := range q.ready {
		if t := q.chats[chatID].retryAt; t.After(now) && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	return at
}

// settled is a save whose wait is over.
type settled struct {
	save   *queued
	result nextapi.Result
	stored bool // otherwise final, or expired
	final  bool // the API's last word
}

// done takes the results of one chat's saves in flight, in order. It returns those that are settled; the rest is in
// front of the queue again, to be tried after a backoff.
func (q *saveQueue) done(chatID string, results []nextapi.Result, p retryPolicy, now time.Time) (out []settled) {
	c := q.chats[chatID]
	inFlight := c.waiting[:c.inFlight]
	rest := append([]*queued(nil), c.waiting[c.inFlight:]...)
	var again []*queued
	for i, s := range inFlight {
		r := results[i]
		switch {
		case r.Class == nextapi.Stored:
			out = append(out, settled{s, r, true, true})
		case r.Class == nextapi.Rejected:
			out = append(out, settled{s, r, false, true})
		case !p.mayRetry(r) || !now.Before(s.expires):
			out = append(out, settled{s, r, false, false})
		default:
			s.retries++
			again = append(again, s)
			p.onRetry(r)
			c.delay(r, now)
		}
	}
	if len(again) == 0 {
		c.failures = 0
	}
	c.waiting, c.inFlight = append(again, rest...), 0
	q.size -= len(out)
	if len(c.waiting) == 0 {
		delete(q.chats, chatID)
		return out
	}
	q.makeReady(chatID, c)
	return out
}

// retryPolicy says what may be posted again.
type retryPolicy struct {
	idempotent bool // by the batch route: everything that is not final
	onRetry    func(nextapi.Result)
}

// statusFailedDependency is an item's status in the batch route when an earlier item of its chat was not stored.
const statusFailedDependency = 424

// mayRetry: the old route stores a repeat again, so only what was certainly not stored may be tried again there.
func (p retryPolicy) mayRetry(r nextapi.Result) bool {
	switch r.Class {
	case nextapi.Retry, nextapi.Denied, nextapi.Missing:
		return true
	case nextapi.Ambiguous:
		return p.idempotent
	}
	return false
}

// delay puts a chat's next try off: by Retry-After, or full jitter over an exponential up to 30 s. What was not tried
// costs nothing: a batch route that is missing, a batch that was full, a message behind another that failed.
func (c *chatQueue) delay(r nextapi.Result, now time.Time) {
	if r.Class == nextapi.Missing || r.Status == statusFailedDependency || errors.Is(r.Err, nextapi.ErrNotSent) {
		return
	}
	c.failures++
	wait := backoff(c.failures, 100*time.Millisecond, 30*time.Second)
	if r.RetryAfter > 0 {
		wait = r.RetryAfter
	}
	if at := now.Add(wait); at.After(c.retryAt) {
		c.retryAt = at
	}
}

// expire takes out the saves that have waited too long without being under way.
func (q *saveQueue) expire(now time.Time) (out []settled) {
	for chatID, c := range q.chats {
		kept := c.waiting[:c.inFlight]
		for _, s := range c.waiting[c.inFlight:] {
			if now.Before(s.expires) {
				kept = append(kept, s)
				continue
			}
			out = append(out, settled{save: s})
			q.size--
		}
		c.waiting = kept
		if len(kept) == 0 && !c.ready {
			delete(q.chats, chatID)
		}
	}
	return out
}
