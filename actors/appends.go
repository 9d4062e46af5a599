package actors

import (
	"slices"
	"time"

	"eclipse/actors/messages"
)

// appends are a chat's events on their way into the log, oldest first. While the log is away they wait; after a
// patience the chat serves them without an offset, and they stay until the log has them.
type appends struct {
	waiting []*pendingAppend
	away    bool // the log has not answered within the patience: what comes is served at once
}

type pendingAppend struct {
	key     string
	aliases []string
	body    []byte
	since   time.Time
	served  bool   // delivered without an offset
	held    bool   // not sent yet, since the answer of the API that published it is due, and names its sender too
	save    *save  // the message that it belongs to and whose sender waits; nil for other events
	id      string // the message's id

	queue    *messages.PersistRequest // it enters the outbox in the same step: the message is shown before it is stored
	epoch    string                   // of the log that its step is for, which has what was entered before it
	shown    bool                     // but everyone saw it before, so that it is posted as what the outbox tells of it
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

// heldFor is how long what the old API published waits for that API's answer to our call, which comes right after it.
const heldFor = 50 * time.Millisecond

// nextHeld is when the next of those that are held is to be sent without more ado.
func (a *appends) nextHeld() (at time.Time, ok bool) {
	for _, p := range a.waiting {
		if p.held {
			return p.since.Add(heldFor), true
		}
	}
	return at, false
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
