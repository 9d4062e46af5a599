package actors

import (
	"slices"
	"time"

	"eclipse/internal/nextapi"
)

// Chats for which the API may hang, in the queue of saves. A suspect never shares a call with another chat, and has its
// own few slots, until the API answers for it in time.

// suspectFor is how long a chat stays suspect that nothing is posted for.
const suspectFor = 5 * time.Minute

func (q *saveQueue) suspect(chatID string) bool {
	_, suspect := q.suspects[chatID]
	return suspect
}

// accuse makes a suspect of a chat whose call is overdue.
func (q *saveQueue) accuse(chatID string, now time.Time) { q.suspects[chatID] = now }

// acquit ends that: the API has answered for the chat in time.
func (q *saveQueue) acquit(chatID string) { delete(q.suspects, chatID) }

// forgive acquits the chats that nothing was heard of for long.
func (q *saveQueue) forgive(now time.Time) {
	for chatID, at := range q.suspects {
		if now.Sub(at) > suspectFor {
			delete(q.suspects, chatID)
		}
	}
}

// takeApart is take for the suspect that has waited longest.
func (q *saveQueue) takeApart(limit int, hold func(*queued) (until time.Time)) (batch []*queued) {
	return q.takeFrom(&q.apart, limit, limit, hold)
}

// release takes a chat's saves in flight back from a call of the batch route, which may store them all the same. They go
// again in front of the queue; the call's answer goes to late.
func (q *saveQueue) release(chatID string) {
	c := q.chats[chatID]
	waiting := c.waiting[c.inFlight:]
	var again []*queued
	for _, s := range c.waiting[:c.inFlight] {
		switch {
		case s.gone:
		case s.given:
			q.forget(s)
		default:
			s.tried = true
			again = append(again, s)
		}
	}
	c.waiting, c.inFlight = append(again, waiting...), 0
	if len(c.waiting) == 0 {
		delete(q.chats, chatID)
		return
	}
	q.list(chatID, c)
}

// late takes the results of a call whose saves were released: the API's last words count, the rest is known already.
func (q *saveQueue) late(saves []*queued, results []nextapi.Result) (out []settled) {
	for i, s := range saves {
		s.calls--
		r := results[i]
		if s.gone || r.Class != nextapi.Stored && r.Class != nextapi.Rejected {
			continue
		}
		out = append(out, settled{s, r, r.Class == nextapi.Stored, true})
		q.forget(s)
		c := q.chats[s.request.ChatId]
		if at := slices.Index(c.waiting, s); at >= c.inFlight { // the call that it is in now needs its place
			c.waiting = slices.Delete(c.waiting, at, at+1)
		}
	}
	return out
}

// untried tells whether no save can ask whether the API is back: none waits, or those of suspects only.
func (q *saveQueue) untried() bool { return len(q.ready) == 0 && (q.size == 0 || len(q.apart) > 0) }

// waits is the number of chats of which something may be taken at once.
func (q *saveQueue) waits(apart bool) int {
	if apart {
		return len(q.apart)
	}
	return len(q.ready)
}
