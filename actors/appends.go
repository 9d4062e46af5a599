package actors

import (
	"slices"
	"time"

	"eclipse/actors/messages"
)

// appends are a chat's events on their way into the log, oldest first. While the log is away they wait; after a
// patience the chat serves them without an offset, and they stay until the log has them.
type appends struct {
	waiting   []*pendingAppend
	awaySince int64 // the log has not answered within the patience, and what comes is served at once: since when, Unix ns; 0 = it is not so
}

type pendingAppend struct {
	key     string
	aliases []string
	body    []byte
	since   time.Time
	served  bool   // delivered without an offset
	save    *save  // the message that it belongs to and whose sender waits; nil for other events
	id      string // the message's id

	heldUntil time.Time // then it is sent; zero = it is. The answer of the API that published it is due, and names its sender too

	queue    *messages.PersistRequest // it enters the outbox in the same step: the message is shown before it is stored
	epoch    string                   // of the log that its step is for, which has what was entered before it
	shown    bool                     // but it was shown here before, so that it is posted as what the outbox tells of it
	stored   bool                     // but the API has it by now
	regained bool                     // the API had it and the log, as far as is known, had not
	done     *messages.OutboxDone     // it leaves the outbox in the same step
	notice   []byte
}

func (a *appends) add(p *pendingAppend) {
	a.waiting = append(a.waiting, p)
}

// find returns the append with an event key, nil if there is none.
func (a *appends) find(key string) *pendingAppend {
	for _, p := range a.waiting {
		if p.key == key {
			return p
		}
	}
	return nil
}

// holds tells whether a message that is stored waits for its place.
func (a *appends) holds(s *save) bool {
	return slices.ContainsFunc(a.waiting, func(p *pendingAppend) bool { return p.save == s && (p.queue == nil || p.stored) })
}

// remove takes an append out.
func (a *appends) remove(p *pendingAppend) {
	for i := range a.waiting {
		if a.waiting[i] == p {
			copy(a.waiting[i:], a.waiting[i+1:])
			a.waiting[len(a.waiting)-1] = nil
			a.waiting = a.waiting[:len(a.waiting)-1]
			break
		}
	}
	if len(a.waiting) == 0 {
		a.waiting = nil
	}
}

// overdue tells whether the oldest that was not served has waited for longer than the patience.
func (a *appends) overdue(now time.Time, patience time.Duration) bool {
	at, ok := a.nextDeadline(patience)
	return ok && !now.Before(at)
}

// away tells whether the log is away.
func (a *appends) away() bool { return a.awaySince != 0 }

// awayFor is for how long it is, as far as is known.
func (a *appends) awayFor(now time.Time) time.Duration {
	if a.away() {
		return now.Sub(time.Unix(0, a.awaySince))
	}
	return 0
}

// held tells whether it was not sent yet.
func (p *pendingAppend) held() bool { return !p.heldUntil.IsZero() }

// nextHeld is when the next of those that are held is sent without more ado.
func (a *appends) nextHeld() (at time.Time, ok bool) {
	for _, p := range a.waiting {
		if p.held() && (!ok || p.heldUntil.Before(at)) {
			at, ok = p.heldUntil, true
		}
	}
	return at, ok
}

// nextDeadline is when the next append becomes overdue.
func (a *appends) nextDeadline(patience time.Duration) (at time.Time, ok bool) {
	for _, p := range a.waiting {
		if !p.served && (p.queue == nil || p.stored || p.save != nil && !p.save.posted && !p.shown) {
			return p.since.Add(patience), true
		}
	}
	return at, false
}
