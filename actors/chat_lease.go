package actors

import (
	"slices"
	"time"

	"eclipse/actors/messages"
	"eclipse/internal/wire"
)

// The lease of a chat's outbox: the instance that has it posts what is queued (chat_feed.go), whoever let it in.

// Messages about leases.
type (
	// adopt: the chat's queue has no holder.
	adopt struct{}
	// leaseLost: the lease could not be renewed.
	leaseLost struct{ fence uint64 }
	// claim asks for the chat's lease and the front of its queue, or all of it; answered by claimed.
	claim struct {
		chatID string
		all    bool
	}
	claimed struct {
		failed bool
		fence  uint64
		left   int
		items  []claimedItem
	}
	claimedItem struct {
		request *messages.PersistRequest
		logged  wire.Position // its place in the log, zero = none
	}
)

// claimRetry is when a failed claim is tried again.
const claimRetry = time.Second

func (c *chat) claim() {
	if c.outbox.claiming {
		c.outbox.again = true
		return
	}
	all := c.outbox.late || c.saves.any(isReentered)
	c.outbox.ask(time.Now())
	c.claimAt = time.Time{}
	c.router.bridge.request(&claim{c.id, all}, c.self)
}

// onClaimed lists the front of the queue anew, in its order.
func (c *chat) onClaimed(r *claimed) {
	c.outbox.claiming = false
	if r.failed {
		c.claimAt = time.Now().Add(claimRetry)
		c.wakeIn(claimRetry)
		return
	}
	if c.outbox.overtaken(r.fence) { // by a step that took the lease after the claim had found nothing
		c.claim()
		return
	}
	left := r.left
	if c.outbox.moved && r.fence == c.outbox.fence { // steps and notices may have told later than the claim
		left = max(left, c.outbox.left)
		c.outbox.again = c.outbox.again || left > r.left
	}
	c.learn(r.fence, left)
	if r.fence != 0 {
		var front []*save
		if c.outbox.settles.IsZero() && slices.ContainsFunc(r.items, isEnteredAgain) { // this chat began after the loss
			c.letSettle()
		}
		for _, item := range r.items {
			if c.outbox.listed(item.request.Key) {
				front = append(front, c.take(item))
			}
		}
		c.outbox.again = c.outbox.list(front, left) || c.outbox.again
		c.feed()
	}
	switch {
	case !c.outbox.again:
	case c.outbox.settling(time.Now()):
		c.claimWhenSettled()
	default:
		c.claim()
	}
}

// listAnew has nothing of the queue posted before it is listed again: what is at hand may come behind what is not.
func (c *chat) listAnew() {
	if c.outbox.fence == 0 {
		return
	}
	c.outbox.enteredLate()
	c.takeBack(nil)
	c.claim()
}

func isEnteredAgain(i claimedItem) bool { return i.request.Reentered }

// learnFrom takes what a step tells of the queue. One that is older than the lease knows nothing of it, or the lease has
// gone: a claim tells. Only an empty queue has no lease, when nothing is at hand.
func (c *chat) learnFrom(r *messages.AppendResult) {
	left := int(r.Left)
	if r.Fence < c.outbox.fence && (left > 0 || len(c.outbox.held) > 0) {
		if left > c.outbox.left { // so what is at hand is not all
			c.outbox.left, c.outbox.whole = left, false
		}
		c.claim()
		return
	}
	c.learn(r.Fence, left)
}

// learn takes what the store tells: the lease that is held and how many messages are queued. Under another lease the
// queue is listed anew, since others may have posted meanwhile.
func (c *chat) learn(fence uint64, left int) {
	if fence != c.outbox.fence {
		c.lose()
	}
	c.outbox.fence, c.outbox.left, c.outbox.known = fence, c.atLeastHere(left), true
}

// atLeastHere is how many messages are queued, when the queue was found empty and some are on their way into it, or were
// accepted here and are not known to have left: then the queue was lost, or their notices are still to come.
func (c *chat) atLeastHere(left int) int {
	queued := func(s *save) bool { return s.entering || s.accepted && !c.outbox.leaves(s.key) }
	if left == 0 && c.saves.any(queued) {
		return 1
	}
	return left
}

// onLeaseLost: unless the lease was won anew meanwhile, another instance has it.
func (c *chat) onLeaseLost(fence uint64) {
	if c.outbox.fence == fence {
		c.router.metrics.OutboxFenced.Inc()
		c.lose()
	}
}

// onQueueHead compares what is known of the queue with what the log tells beside its head. The head may be older than
// what was accepted here since, so it does not say that such a message is gone.
func (c *chat) onQueueHead(queued bool) {
	c.outbox.known = true
	switch {
	case queued: // under a lease of ours too: whatever was forgotten here is listed again
		c.outbox.left = max(c.outbox.left, 1)
		c.claim()
	case c.outbox.left > 0 && c.outbox.fence == 0 && !c.outbox.settling(time.Now()): // it may have been empty before a notice
		c.claim()
	}
}

// lose stops posting: another instance does. Who waits here is told by its notices.
func (c *chat) lose() {
	if c.outbox.fence != 0 { // what is not at hand too: it may have entered after the queue was listed
		c.withdrawAll()
	}
	for _, s := range slices.Backward(c.outbox.lose()) { // so that none is handed in another's place
		c.withdraw(s)
		if c.saves.has(s) && len(s.waiting) == 0 {
			c.saves.end(s, "", false)
			c.ended(s)
		}
	}
	c.wakeIn(c.router.cfg.AcceptCheck)
}
