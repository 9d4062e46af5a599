package actors

import (
	"bytes"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

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
	c.outbox.ask()
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
		for _, item := range r.items {
			if c.outbox.listed(item.request.Key) {
				front = append(front, c.take(item))
			}
		}
		c.outbox.again = c.outbox.list(front, left) || c.outbox.again
		c.feed()
	}
	if c.outbox.again {
		c.claim()
	}
}

// learnFrom takes what a step tells of the queue. One that is older than the lease knows nothing of it, or the lease has
// gone: a claim tells. Only an empty queue has no lease, when nothing is at hand.
func (c *chat) learnFrom(r *messages.AppendResult) {
	if r.Fence < c.outbox.fence && (r.Left > 0 || len(c.outbox.held) > 0) {
		c.claim()
		return
	}
	c.learn(r.Fence, int(r.Left))
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
	queued := func(s *save) bool { return s.entering || s.accepted && !c.outbox.leaving[s.key] }
	if left == 0 && c.saves.any(queued) {
		return 1
	}
	return left
}

// take makes a queued message one of ours.
func (c *chat) take(item claimedItem) *save {
	s := c.saves.find(item.request.Key)
	if s == nil {
		s = c.adopted(item.request)
	}
	if first := c.outbox.sentAt(item.request); first < s.request.SentAt { // it was sent again here, or there
		s.request = proto.CloneOf(s.request)
		s.request.SentAt = first
	}
	s.batchOnly = s.batchOnly || item.request.BatchOnly
	s.reentered = s.reentered || item.request.Reentered
	if !s.handed && s != c.saves.turn && !slices.Contains(c.saves.queue, s) {
		s.posted = false // whatever became of it, it is queued still
	}
	c.returned(s)
	if item.request.Live {
		s.at = item.logged
	} else if item.logged.Offset > 0 && !s.asking { // stored, and its holder died before it left the queue
		c.lookUp(s, true)
	}
	return s
}

// returned readies a message that others may have posted to be posted here. Theirs may be a call of the old API that is
// still at work.
func (c *chat) returned(s *save) {
	if s.handed { // it is tried until the API has the last word
		c.router.persistence.send(&keep{c.id, s.key})
	}
	if !s.elsewhere {
		return
	}
	s.elsewhere = false
	if s.batchOnly {
		s.request = proto.CloneOf(s.request)
		s.request.BatchOnly = true
		return
	}
	s.unsure = true
	s.seekAt = maxTime(s.seekAt, time.Now().Add(c.router.cfg.SaveTimeout))
}

// adopted begins a message that another instance let in, or this one in an earlier life.
func (c *chat) adopted(r *messages.PersistRequest) *save {
	s := &save{
		key: r.Key, clientID: r.ClientMessageId, request: r, received: time.UnixMilli(r.SentAt), accepted: true,
		elsewhere: true, seekAt: time.UnixMilli(r.NotBefore),
	}
	c.saves.begin(s)
	c.router.acceptedBytes.Add(int64(len(r.Content)))
	c.router.metrics.OutboxHeld.Inc()
	c.router.metrics.OutboxTaken.Inc()
	return s
}

// feed gives persistence what is next in the queue, in its order: what persistence has already and comes after a message
// that it has not is taken back first.
func (c *chat) feed() {
	if time.Now().Before(c.outbox.settles) || c.saves.any(isReentering) {
		c.takeBack(nil)
		c.claimWhenSettled()
		return
	}
	if c.outbox.late { // a claim is under way
		return
	}
	if c.outbox.whole { // all that is queued has its time
		c.outbox.first = nil
	}
	next := slices.Clone(c.outbox.next())
	for i, s := range next {
		if s.posted {
			continue
		}
		if s.asking { // its answer brings us here again
			return
		}
		c.takeBack(next[:i])
		c.returned(s)
		c.post(s)
	}
}

// takeBack takes back what is queued, was posted and does not come before, so that it is posted again in its place.
func (c *chat) takeBack(before []*save) {
	late := c.saves.each(func(s *save) bool { return isPosted(s) && !slices.Contains(before, s) })
	c.recall(late...)
	for _, s := range late {
		c.saves.giveUp(s)
	}
}

// isPosted tells whether a message of the queue is on its way to the API.
func isPosted(s *save) bool { return s.posted && (s.accepted || s.entering) }

// isReentering tells whether a message has yet to enter again: it may come before what has entered.
func isReentering(s *save) bool { return s.reentered && s.entering }

// claimWhenSettled lists the queue once all that was lost with its predecessor should be in it.
func (c *chat) claimWhenSettled() {
	now := time.Now()
	if c.claimAt = c.outbox.settles; !now.Before(c.claimAt) { // some of ours have yet to enter
		c.claimAt = now.Add(claimRetry)
	}
	c.wakeIn(c.claimAt.Sub(now))
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
	case c.outbox.left > 0 && c.outbox.fence == 0 && !time.Now().Before(c.outbox.settles): // it may have been empty before a notice
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

// recall takes messages back from persistence, together, so that it posts none of them in between; a call that is under
// way is not repeated. One of the old API may have stored them.
func (c *chat) recall(taken ...*save) {
	w := &withdraw{chatID: c.id}
	for _, s := range taken {
		if s.handed {
			w.keys = append(w.keys, s.key)
			s.elsewhere = s.elsewhere || !s.batchOnly
		}
		s.handed, s.posted = false, false
	}
	if len(w.keys) > 0 {
		c.router.persistence.send(w)
	}
}

// withdraw leaves a message to others.
func (c *chat) withdraw(s *save) {
	c.recall(s)
	s.elsewhere = true
	if next := c.saves.next(s); next != nil {
		c.hand(next)
	}
}

// withdrawAll leaves the chat's messages to the instance that holds the lease.
func (c *chat) withdrawAll() {
	all := c.saves.each(isPosted)
	c.recall(all...)
	for _, s := range slices.Backward(all) { // so that none is handed in another's place
		c.withdraw(s)
	}
}

// seek finds out whether a message is stored: the log may know its name, or have it among what the old API has
// published since it was first posted.
func (c *chat) seek(s *save, now time.Time) {
	if wait := s.seekAt.Sub(now); wait > 0 {
		c.wakeIn(wait)
		return
	}
	c.lookUp(s, true)
}

// seekUnnamed goes on when the log does not know its name.
func (c *chat) seekUnnamed(s *save) {
	if s.request.AfterEpoch == "" { // nobody knows where to begin, and older words must not count as these
		c.repost(s)
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

// onSought goes on with a message that the log has under an id of the old API, and posts it again otherwise.
func (c *chat) onSought(r *messages.ReadResult) {
	s := c.saves.find(r.Request.UnnamedFor)
	if s == nil || !s.asking {
		return
	}
	s.asking = false
	if !s.posted { // withdrawn meanwhile
		c.feed()
		return
	}
	if r.Failed {
		s.seekAt = time.Now().Add(readRetry)
		c.wakeIn(readRetry)
		return
	}
	for _, e := range r.Entries {
		p, err := wire.ParsePayload(e.Payload, c.id)
		said, ok := wire.SaidIn(e.Payload)
		if err == nil && ok && said.Content == s.request.Content && said.Role == wire.Role(s.request.Role) && !c.saves.answered(p.MessageID) {
			s.unsure = false
			c.logStored(s, c.outbox.holds(s), &pendingAppend{
				key: p.Key, aliases: []string{s.key}, body: unsealed(e.Payload), save: s, id: p.MessageID,
			})
			return
		}
	}
	c.repost(s)
}

// unsealed is the body of an entry of the log.
func unsealed(payload []byte) []byte {
	return append(bytes.Clone(payload[:bytes.LastIndex(payload, []byte(`,"offset":`))]), '}')
}

// repost posts a message that the old API may have stored without a trace.
func (c *chat) repost(s *save) {
	c.router.metrics.OutboxReposted.Inc()
	s.unsure = false
	c.hand(s)
}
