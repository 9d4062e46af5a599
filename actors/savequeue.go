package actors

import (
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"eclipse/actors/messages"
	"eclipse/internal/nextapi"
)

// saveQueue holds the messages that wait for the API: a queue per chat, at most one call per chat in flight, chats side
// by side, but those for which the API may hang apart from the others (suspects.go). It is plain data: persistence runs
// the calls that it hands out and gives it the results.
type saveQueue struct {
	chats    map[string]*chatQueue
	ready    []string             // chats that have something to send and no call in flight, in the order in which they became ready
	apart    []string             // the same, of suspects
	delayed  []string             // the same, of both, but not before their retryAt
	next     time.Time            // when the first delayed chat is due, zero = none is
	suspects map[string]time.Time // chats with an overdue call that the API has not answered for in time since, and when it was
	size     int                  // saves, those in flight included
	bounded  int                  // of them those that are not accepted: accepted ones are bounded by their chats
	bytes    int                  // of the contents of those
	limit    int                  // of bounded
}

// maxSaveBytes bounds the contents of all saves.
const maxSaveBytes = 32 << 20

type chatQueue struct {
	waiting  []*queued
	inFlight int       // the first inFlight of waiting are under way
	listed   bool      // is in ready, apart or delayed
	retryAt  time.Time // no call before
	failures int
}

// queued is one save in the queue.
type queued struct {
	request *messages.PersistRequest
	from    address   // its chat
	expires time.Time // then the sender is told that it is not stored; zero = it is tried until the API has the last word
	tried   bool      // by the batch route, which may have stored it: it never goes by the old route
	given   bool      // back to its chat while a call was under way: it is not tried again
	calls   int       // that are under way with it: two when it is tried again apart
	gone    bool      // its wait is over
}

// kept tells whether it is tried until the API has the last word.
func (s *queued) kept() bool { return s.expires.IsZero() }

// late tells whether a save has waited for too long at a time.
func (s *queued) late(at time.Time) bool { return !s.kept() && !at.Before(s.expires) }

// batchOnly tells whether a save must not go by a route that mints a new id.
func (s *queued) batchOnly() bool { return s.tried || s.request.BatchOnly }

// told is the request as its chat hears of it: with what the queue has learned.
func (s *queued) told() *messages.PersistRequest {
	if s.batchOnly() == s.request.BatchOnly {
		return s.request
	}
	r := proto.CloneOf(s.request)
	r.BatchOnly = true
	return r
}

func newSaveQueue(limit int) *saveQueue {
	return &saveQueue{chats: make(map[string]*chatQueue), suspects: make(map[string]time.Time), limit: limit}
}

// push queues a save; false = there is no room.
func (q *saveQueue) push(s *queued) bool {
	if !s.kept() && (q.bounded >= q.limit || q.bytes+len(s.request.Content) > maxSaveBytes) {
		return false
	}
	c := q.chats[s.request.ChatId]
	if c == nil {
		c = &chatQueue{}
		q.chats[s.request.ChatId] = c
	}
	c.waiting = append(c.waiting, s)
	q.size++
	q.bind(s, 1)
	q.list(s.request.ChatId, c)
	return true
}

// keep has a save tried until the API has the last word.
func (q *saveQueue) keep(chatID, key string) {
	if c := q.chats[chatID]; c != nil {
		for _, s := range c.waiting {
			if s.request.Key == key && !s.gone {
				q.bind(s, -1)
				s.expires = time.Time{}
			}
		}
	}
}

// withdraw takes a save out. One that is under way is not tried again, so that it does not overtake what its chat posts
// anew or leaves to others.
func (q *saveQueue) withdraw(chatID, key string) {
	c := q.chats[chatID]
	if c == nil {
		return
	}
	for _, s := range c.waiting[:c.inFlight] {
		s.given = s.given || s.request.Key == key
	}
	q.drop(c, key)
	if len(c.waiting) == 0 && !c.listed {
		delete(q.chats, chatID)
	}
}

// drop takes out what waits under a key.
func (q *saveQueue) drop(c *chatQueue, key string) {
	for i := len(c.waiting) - 1; i >= c.inFlight; i-- {
		if c.waiting[i].request.Key == key {
			q.forget(c.waiting[i])
			c.waiting = slices.Delete(c.waiting, i, i+1)
		}
	}
}

// list puts a chat where it belongs: among the ready ones, those apart or the delayed ones.
func (q *saveQueue) list(chatID string, c *chatQueue) {
	switch {
	case c.listed || c.inFlight > 0 || len(c.waiting) == 0:
		return
	case c.retryAt.IsZero():
		q.enlist(chatID)
	default:
		q.delayed = append(q.delayed, chatID)
		if q.next.IsZero() || c.retryAt.Before(q.next) {
			q.next = c.retryAt
		}
	}
	c.listed = true
}

// enlist puts a chat that may go at once in its line.
func (q *saveQueue) enlist(chatID string) {
	if q.suspect(chatID) {
		q.apart = append(q.apart, chatID)
	} else {
		q.ready = append(q.ready, chatID)
	}
}

// due moves the delayed chats whose time has come to those that may go at once.
func (q *saveQueue) due(now time.Time) {
	if q.next.IsZero() || now.Before(q.next) {
		return
	}
	q.next = time.Time{}
	later := q.delayed[:0]
	for _, chatID := range q.delayed {
		c := q.chats[chatID]
		switch {
		case !now.Before(c.retryAt):
			c.retryAt = time.Time{}
			q.enlist(chatID)
		case q.next.IsZero() || c.retryAt.Before(q.next):
			q.next = c.retryAt
			fallthrough
		default:
			later = append(later, chatID)
		}
	}
	q.delayed = later
}

// take hands out up to limit saves of the chats that have waited longest, perChat of each at most, in their order, but none
// of a chat whose first is to be held until a later time. All
// of them are in flight until done is called for each chat.
func (q *saveQueue) take(limit, perChat int, hold func(*queued) (until time.Time)) (batch []*queued) {
	return q.takeFrom(&q.ready, limit, perChat, hold)
}

func (q *saveQueue) takeFrom(line *[]string, limit, perChat int, hold func(*queued) (until time.Time)) (batch []*queued) {
	for len(*line) > 0 && len(batch) < limit {
		chatID := (*line)[0]
		*line = (*line)[1:]
		c := q.chats[chatID]
		c.listed = false
		if len(c.waiting) == 0 { // all of it has expired
			delete(q.chats, chatID)
			continue
		}
		if until := hold(c.waiting[0]); !until.IsZero() {
			c.retryAt = until
			q.list(chatID, c)
			continue
		}
		n := min(len(c.waiting), perChat, limit-len(batch))
		batch = append(batch, c.waiting[:n]...)
		c.inFlight = n
		for _, s := range c.waiting[:n] {
			s.calls++
		}
		if line == &q.apart {
			break
		}
	}
	return batch
}

// settled is a save whose wait is over.
type settled struct {
	save   *queued
	result nextapi.Result
	stored bool // otherwise final, unknown or expired
	final  bool // the API's last word
}

// unknown tells whether a save without an idempotent route may have been stored.
func (s settled) unknown() bool { return !s.stored && !s.final && s.result.Class == nextapi.Ambiguous }

// done takes the results of one chat's saves in flight, in order. It appends those that are settled to out; the rest is
// in front of the queue again, to be tried after a backoff.
func (q *saveQueue) done(out []settled, chatID string, results []nextapi.Result, p retryPolicy, now time.Time) []settled {
	c, first := q.chats[chatID], len(out)
	wait := c.delay(results)
	again, ended := c.waiting[:0], false
	for i, s := range c.waiting[:c.inFlight] {
		r := results[i]
		if s.calls--; s.gone { // another call was answered before
			continue
		}
		s.tried = s.tried || p.batch && r.Class == nextapi.Ambiguous
		switch {
		case r.Class == nextapi.Stored:
			out = append(out, settled{s, r, true, true})
		case r.Class == nextapi.Rejected:
			out = append(out, settled{s, r, false, true})
		case s.given:
			q.forget(s)
		case !p.mayRetry(r) || s.late(now.Add(wait)) || ended && p.inOrder:
			ended = true
			out = append(out, settled{s, r, false, false})
		default:
			again = append(again, s)
			p.onRetry(r)
		}
	}
	c.retryAt = time.Time{}
	if len(again) == 0 {
		c.failures = 0
	} else if wait > 0 {
		c.retryAt = now.Add(wait)
	}
	c.waiting = slices.Delete(c.waiting, len(again), c.inFlight)
	c.inFlight = 0
	if ended && p.inOrder {
		for _, s := range c.waiting[len(again):] {
			out = append(out, settled{save: s})
		}
		c.waiting = again
	}
	for _, s := range out[first:] {
		q.forget(s.save)
		if s.save.given { // what its chat posts anew is known already
			q.drop(c, s.save.request.Key)
		}
	}
	if len(c.waiting) == 0 {
		delete(q.chats, chatID)
		return out
	}
	q.list(chatID, c)
	return out
}

func (q *saveQueue) forget(s *queued) {
	s.gone = true
	q.size--
	q.bind(s, -1)
}

// bind counts a save that is bounded in or out.
func (q *saveQueue) bind(s *queued, change int) {
	if !s.kept() {
		q.bounded += change
		q.bytes += change * len(s.request.Content)
	}
}

// expire takes out the saves that have waited too long without being under way, with inOrder what is behind them as well,
// and the oldest suspicions.
func (q *saveQueue) expire(now time.Time, inOrder bool) (out []settled) {
	q.forgive(now)
	for chatID, c := range q.chats {
		kept, ended := c.waiting[:c.inFlight], false
		for _, s := range c.waiting[c.inFlight:] {
			if ended = ended && inOrder || s.late(now) && s.calls == 0; !ended {
				kept = append(kept, s)
				continue
			}
			out = append(out, settled{save: s})
			q.forget(s)
		}
		c.waiting = kept
		if len(kept) == 0 && !c.listed {
			delete(q.chats, chatID)
		}
	}
	return out
}
