package actors

import (
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"eclipse/actors/messages"
)

// The outbox as its holder sees it: what is queued goes to persistence, in the order of the queue, and is taken back when
// something comes before it or another instance has to post it.

// take makes a queued message one of ours.
func (c *chat) take(item claimedItem) *save {
	s := c.saves.find(item.request.Key)
	if s == nil {
		s = c.adopted(item.request)
	}
	c.date(s, item.request.SentAt)
	s.batchOnly = s.batchOnly || item.request.BatchOnly
	s.reentered = s.reentered || item.request.Reentered
	if !s.handed && s != c.saves.turn && !slices.Contains(c.saves.queue, s) {
		s.posted = false // whatever became of it, it is queued still
	}
	c.returned(s)
	switch {
	case item.request.Live || s.live(): // logged since it is shown first
		s.at = item.logged
	case item.logged.Offset > 0 && !s.asking && !s.batchOnly: // stored, and its holder died before it left the queue
		c.lookUp(s, true) // the batch route is simply asked again: an instance with live delivery may have shown it
	}
	return s
}

// date notes when a queued message was sent for the first time. One that was posted with a later time is taken back, since that
// may be the wrong place.
func (c *chat) date(s *save, first int64) {
	if s.sentBefore(first) && isPosted(s) {
		c.recall(s)
		c.saves.giveUp(s)
	}
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
	if c.outbox.settling(time.Now()) || c.saves.any(isReentering) || c.outbox.late {
		c.takeBack(nil)
		c.claimWhenSettled()
		return
	}
	if c.outbox.outlived() { // onLeft goes on
		return
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

// isReentered tells whether a message stood in an outbox that was lost.
func isReentered(s *save) bool { return s.reentered }

// isReentering tells whether a message has yet to enter again: it may come before what has entered.
func isReentering(s *save) bool { return s.reentered && s.entering }

// letSettle has the queue wait for what was lost with its predecessor: several instances enter it again, and one sender may
// have been at more than one. Nothing is posted until that has ended for as long as a lease lasts.
func (c *chat) letSettle() {
	c.takeBack(nil)
	c.outbox.settles = time.Now().Add(c.router.cfg.Lease)
	c.outbox.enteredLate()
	c.claimWhenSettled()
}

// claimWhenSettled lists the queue once all that was lost with its predecessor should be in it.
func (c *chat) claimWhenSettled() {
	now := time.Now()
	if c.claimAt = c.outbox.settles; !now.Before(c.claimAt) { // some of ours have yet to enter
		c.claimAt = now.Add(claimRetry)
	}
	c.wakeIn(c.claimAt.Sub(now))
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
