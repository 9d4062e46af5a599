package actors

import (
	"cmp"
	"slices"
	"time"
)

// outbox is what a chat knows of its queue of accepted messages. It is plain data: the chat tells it what the store
// answered and does what it says.
//
// The queue itself stands beside the log, where any instance lets messages in. Only the one that holds the chat's
// lease posts them, its front in the order in which they were sent.
type outbox struct {
	fence   uint64            // of the lease that this instance holds, 0 = none
	left    int               // messages queued, as far as is known
	held    []*save           // under the lease: the front of the queue without those that leave it, by the time of sending
	leaving map[string]uint64 // keys of those whose step out of the queue is under way, with the lease under which it was asked for
	settles time.Time         // the queue was lost: until then other instances may enter again what comes before ours
	known   bool              // the store has told whether messages are queued
	whole   bool              // held and leaving are the whole queue, so that what enters here comes next
	late    bool              // a message has entered that may come before those at hand: nothing is posted until the queue is listed

	claiming  bool            // a claim is under way
	moved     bool            // since it was asked for a step of ours has entered or left, or one of another instance has entered
	again     bool            // claim once more when it is back
	lateSince bool            // late since it was asked for, so that its answer may lack that message
	asked     uint64          // the lease that was held when it was asked for
	since     map[string]bool // those that have left since, which its answer may still list
}

// feedWindow is how many of a chat's accepted messages persistence is given at once, so that one chat's backlog leaves
// room for others; claimMax is how many of the queue are kept at hand.
const (
	feedWindow = 32
	claimMax   = 256
)

// hold adds a message that has entered, if that was under our lease. It returns false when the queue has others that are
// not known here: then it has to be claimed, so that none overtakes another.
func (o *outbox) hold(s *save) bool {
	known := len(o.held) + len(o.leaving)
	switch {
	case slices.Contains(o.held, s):
		return known == o.left
	case s.reentered: // its place is among those of other instances
		o.enteredLate()
		return false
	case o.fence == 0:
		return false
	case o.left == 1:
		o.whole = true // it is alone
	}
	if o.whole = o.whole && known+1 == o.left; o.whole {
		o.held = append(o.held, s)
	}
	return o.whole
}

// enteredLate notes that a message has entered whose place is not behind those at hand.
func (o *outbox) enteredLate() { o.whole, o.late, o.lateSince = false, true, true }

// ask notes that the queue is asked for. While it settles, what comes before those at hand may enter at any time.
func (o *outbox) ask(now time.Time) {
	o.claiming, o.asked, o.moved, o.since, o.again, o.lateSince = true, o.fence, false, nil, false, o.settling(now)
}

// settling tells whether other instances may still enter again what a lost queue had.
func (o *outbox) settling(now time.Time) bool { return now.Before(o.settles) }

// listed tells whether an item of a claim's answer is queued still, and is not about to leave.
func (o *outbox) listed(key string) bool { return !o.leaves(key) && !o.since[key] }

// leaves tells whether a message's step out of the queue is under way.
func (o *outbox) leaves(key string) bool { return o.leaving[key] != 0 }

// outlived tells whether such a step is under way that was asked for under an earlier lease. It may have been carried out, or
// be refused, and then its message is still queued: what comes behind it must not be posted before that is known.
func (o *outbox) outlived() bool {
	for _, fence := range o.leaving {
		if fence != o.fence {
			return true
		}
	}
	return false
}

// list takes the front of the queue as the store told it. It goes by the time at which each was sent, since what instances
// enter again after a loss, or late after a pause, stands behind what its sender has said since over another. What was at
// hand and is not listed has entered since the store was asked, or has left: then it is asked again, and until then nobody
// can say that what is at hand is all.
func (o *outbox) list(front []*save, left int) (again bool) {
	for _, s := range o.held {
		again = again || !slices.Contains(front, s)
	}
	slices.SortStableFunc(front, bySending)
	o.held, o.late = front, o.lateSince
	again = again || o.moved || o.late
	o.whole = !again && !o.again && len(o.held)+len(o.leaving) == left
	return again
}

// bySending compares when messages were sent; of one millisecond those come first that stood in the queue that was lost.
func bySending(a, b *save) int {
	again := func(s *save) int {
		if s.reentered {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(a.request.SentAt, b.request.SentAt), cmp.Compare(again(a), again(b)))
}

// wanted tells whether the queue should be listed now: it is not known whole and could be, or little of it is at hand.
func (o *outbox) wanted(now time.Time) bool {
	return o.fence != 0 && !o.settling(now) && (o.late || !o.whole && o.left <= claimMax || o.short())
}

// holds tells whether this instance has to post a message.
func (o *outbox) holds(s *save) bool { return o.fence != 0 && slices.Contains(o.held, s) }

// answers tells whether what becomes of a message is decided here.
func (o *outbox) answers(s *save) bool { return o.leaves(s.key) || o.holds(s) }

// next returns the messages at the front of the queue that persistence may be given.
func (o *outbox) next() []*save { return o.held[:min(len(o.held), feedWindow)] }

// short tells whether more of the queue is wanted at hand.
func (o *outbox) short() bool {
	return o.fence != 0 && len(o.held) < feedWindow && len(o.held)+len(o.leaving) < o.left
}

// overtaken tells whether a claim's answer is older than the lease that is held by now.
func (o *outbox) overtaken(fence uint64) bool { return fence < o.fence && o.asked != o.fence }

// leave notes that a step which takes a message out is under way.
func (o *outbox) leave(key string) {
	o.drop(key)
	if o.leaving == nil {
		o.leaving = make(map[string]uint64)
	}
	o.leaving[key] = o.fence
}

// gone notes that such a step has ended; left tells whether it took the message out.
func (o *outbox) gone(key string, left bool) {
	if o.claiming && left {
		if o.since == nil {
			o.since = make(map[string]bool)
		}
		o.since[key] = true
	}
	if delete(o.leaving, key); len(o.leaving) == 0 {
		o.leaving = nil
	}
}

// drop takes a message from those at hand.
func (o *outbox) drop(key string) {
	o.held = slices.DeleteFunc(o.held, func(s *save) bool { return s.key == key })
	if len(o.held) == 0 {
		o.held = nil
	}
}

// lose gives the lease up and returns what was held under it.
func (o *outbox) lose() []*save {
	held := o.held
	o.fence, o.held, o.whole, o.late = 0, nil, false, false
	return held
}
