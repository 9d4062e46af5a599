package actors

import (
	"time"

	"eclipse/actors/messages"
	"eclipse/internal/wire"
)

// The outbox as its holder sees it: the instance that has the chat's lease posts what is queued, whoever let it in.

// Messages about leases.
type (
	// adopt: the chat's queue has no holder.
	adopt struct{}
	// leaseLost: the lease could not be renewed.
	leaseLost struct{ fence uint64 }
	// claim asks for the chat's lease and the front of its queue; answered by claimed.
	claim   struct{ chatID string }
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
	c.outbox.claiming, c.outbox.again = true, false
	c.claimAt = time.Time{}
	c.router.bridge.request(&claim{c.id}, c.self)
}

// onClaimed lists the front of the queue anew, in its order.
func (c *chat) onClaimed(r *claimed) {
	c.outbox.claiming = false
	if r.failed {
		c.claimAt = time.Now().Add(claimRetry)
		c.wakeIn(claimRetry)
		return
	}
	if r.fence != c.outbox.fence {
		c.lose()
	}
	c.outbox.learn(r.fence, r.left)
	if r.fence != 0 {
		c.outbox.held = nil
		for _, item := range r.items {
			if !c.outbox.leaving[item.request.Key] {
				c.outbox.held = append(c.outbox.held, c.take(item))
			}
		}
		c.feed()
	}
	if c.outbox.again {
		c.claim()
	}
}

// take makes a queued message one of ours.
func (c *chat) take(item claimedItem) *save {
	s := c.saves.underway[item.request.Key]
	if s == nil {
		s = c.adopted(item.request)
	}
	if item.request.Live {
		s.at = item.logged
	} else if item.logged.Offset > 0 && !s.asking { // stored, and its holder died before it left the queue
		s.asking = true
		c.router.bridge.send(&lookUp{chatID: c.id, save: s, pid: c.self})
	}
	return s
}

// adopted begins a message that another instance let in, or this one in an earlier life.
func (c *chat) adopted(r *messages.PersistRequest) *save {
	s := &save{
		key: r.Key, request: r, received: time.UnixMilli(r.SentAt), accepted: true,
		unsure: !r.BatchOnly, seekAt: maxTime(time.UnixMilli(r.NotBefore), time.Now().Add(c.router.cfg.SaveTimeout)),
	}
	s.clientID = r.ClientMessageId
	c.saves.begin(s)
	c.router.acceptedBytes.Add(int64(len(r.Content)))
	c.router.metrics.OutboxHeld.Inc()
	c.router.metrics.OutboxTaken.Inc()
	return s
}

// feed gives persistence what is next in the queue.
func (c *chat) feed() {
	for _, s := range c.outbox.next() {
		if !s.posted && !s.asking {
			c.post(s)
		}
	}
}

// onLeaseLost: unless the lease was won anew meanwhile, another instance has it.
func (c *chat) onLeaseLost(fence uint64) {
	if c.outbox.fence == fence {
		c.router.metrics.OutboxFenced.Inc()
		c.lose()
	}
}

// onQueueHead compares what is known of the queue with what the log tells beside its head.
func (c *chat) onQueueHead(queued bool) {
	switch {
	case c.outbox.fence != 0:
	case queued:
		c.outbox.left = max(c.outbox.left, 1)
		c.claim()
	default:
		c.outbox.left = 0
	}
}

// lose stops posting: another instance does. Who waits here is told by its notices.
func (c *chat) lose() {
	for _, s := range c.outbox.lose() {
		c.withdraw(s)
		if len(s.waiting) == 0 {
			c.saves.end(s, "", false)
			c.ended(s)
		}
	}
	c.wakeIn(c.router.cfg.AcceptCheck)
}

// withdraw takes a message back from persistence, unless a call is under way.
func (c *chat) withdraw(s *save) {
	if s.handed {
		c.router.persistence.send(&withdraw{c.id, s.key})
	}
	s.handed, s.posted = false, false
	if next := c.saves.next(s); next != nil {
		c.hand(next)
	}
}

// withdrawAll leaves the chat's messages to the instance that holds the lease.
func (c *chat) withdrawAll() {
	for _, s := range c.saves.each(func(s *save) bool { return s.posted && (s.accepted || s.entering) }) {
		c.withdraw(s)
	}
}

// seek looks through what the old API has published since a message was first posted: it may be the answer to a call
// that gave none.
func (c *chat) seek(s *save, now time.Time) {
	if wait := s.seekAt.Sub(now); wait > 0 {
		c.wakeIn(wait)
		return
	}
	s.asking = true
	c.router.metrics.LogReads.Inc()
	c.router.bridge.request(&messages.ReadRequest{
		ChatId: c.id, Epoch: s.request.AfterEpoch, Offset: s.request.AfterOffset, Max: readMax, UnnamedFor: s.key,
	}, c.self)
}

// seekDue goes on with the message whose turn it is.
func (c *chat) seekDue(now time.Time) {
	if s := c.saves.turn; s != nil && s.unsure && !s.handed && !s.asking {
		c.seek(s, now)
	}
}

// onSought finishes a message that the log has under an id of the old API, and posts it again otherwise.
func (c *chat) onSought(r *messages.ReadResult) {
	s := c.saves.underway[r.Request.UnnamedFor]
	if s == nil || !s.asking {
		return
	}
	s.asking = false
	if r.Failed {
		s.seekAt = time.Now().Add(readRetry)
		c.wakeIn(readRetry)
		return
	}
	for _, e := range r.Entries {
		p, err := wire.ParsePayload(e.Payload, c.id)
		said, ok := wire.SaidIn(e.Payload)
		if err == nil && ok && said.Content == s.request.Content && said.Role == wire.Role(s.request.Role) && !c.saves.answered(p.MessageID) {
			c.finish(s, p.MessageID, wire.Position{Epoch: r.Epoch, Offset: e.Offset})
			return
		}
	}
	c.router.metrics.OutboxReposted.Inc()
	s.unsure = false
	c.hand(s)
}
