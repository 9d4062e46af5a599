package client

import "time"

// outbox holds a client's messages that are neither stored nor refused, oldest first.
type outbox struct {
	items  []*item
	timers Timers
}

type item struct {
	number    uint32
	unwanted  bool // the API is to refuse it
	phase     phase
	accepted  bool // the server has promised to store it; it stays so while it is asked after
	attempts  int
	notBefore time.Duration
}

type phase uint8

const (
	queued phase = iota
	sent         // and not answered
	aside        // accepted: it lets the next one go, and is asked after when it was not heard of for long
)

// maxItems bounds an outbox, as a browser's is bounded.
const maxItems = 50

// add takes a new message, unless the outbox is full.
func (o *outbox) add(number uint32, unwanted bool) bool {
	if len(o.items) >= maxItems {
		return false
	}
	o.items = append(o.items, &item{number: number, unwanted: unwanted})
	return true
}

// next is the one message that may go next, for the first time or to ask after it, nil if there is none, and how long
// it has to wait. There is at most one without an answer, so none overtakes another.
func (o *outbox) next(now time.Duration) (*item, time.Duration) {
	var first, later *item
	for _, i := range o.items {
		switch {
		case i.phase == sent && i.notBefore > now:
			return i, i.notBefore - now
		case i.phase != aside || i.notBefore <= now:
			if first == nil {
				first = i
			}
		case later == nil || i.notBefore < later.notBefore:
			later = i
		}
	}
	if first == nil {
		first = later
	}
	if first == nil {
		return nil, 0
	}
	return first, max(0, first.notBefore-now)
}

func (o *outbox) sent(i *item, now time.Duration) {
	i.phase = sent
	i.attempts++
	i.notBefore = now + o.timers.Ack
}

func (o *outbox) find(number uint32) *item {
	for _, i := range o.items {
		if i.number == number {
			return i
		}
	}
	return nil
}

// accept notes that a message will be stored.
func (o *outbox) accept(number uint32, now time.Duration) {
	if i := o.find(number); i != nil {
		i.phase, i.accepted, i.attempts, i.notBefore = aside, true, 0, now+o.timers.Stored
	}
}

// drop forgets a message that was stored, or refused for good. It tells whether it was there.
func (o *outbox) drop(number uint32) bool {
	for n, i := range o.items {
		if i.number == number {
			o.items = append(o.items[:n], o.items[n+1:]...)
			return true
		}
	}
	return false
}

// again sends a message once more after a wait.
func (o *outbox) again(number uint32, now, wait time.Duration) {
	if i := o.find(number); i != nil {
		i.phase, i.notBefore = queued, now+wait
	}
}

// reconnected makes everything go again, accepted ones too, to hear when they are stored: those go first, in order,
// since they were sent first.
func (o *outbox) reconnected() {
	for _, i := range o.items {
		i.phase, i.notBefore = queued, 0
		if i.accepted {
			i.phase = aside
		}
	}
}
