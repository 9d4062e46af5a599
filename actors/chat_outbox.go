package actors

import (
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"eclipse/actors/messages"
	"eclipse/internal/metrics"
	"eclipse/internal/wire"
)

// The outbox as a message's senders see it. What the API does not store in time enters the outbox and is acknowledged
// as accepted. What is stored, or refused for good, leaves it, and every socket that waits is told, on any instance.

// accepts tells whether a message that is acknowledged as accepted would survive a crash now.
func (c *chat) accepts() bool { return c.router.accepts() && !c.router.logDown.Load() }

// enter lets a message into the outbox; onEntered takes the answer. Again for one that is in it: that tells what has
// become of it.
func (c *chat) enter(s *save) {
	if s.entering {
		return
	}
	s.entering, s.enteredAt = true, time.Now()
	s.asking = false // the step finds it as well, if the log knows it
	if s.live() {
		if s.anew { // by itself, since one that was sent again meanwhile is a repeat, which publishes nothing
			c.publish(c.queuedNotice(true))
		}
		c.appendLive(s)
		return
	}
	c.outbox.left = max(c.outbox.left, 1) // what comes later waits behind it
	c.step(&messages.AppendRequest{ChatId: c.id, Aliases: []string{s.key}, Queue: c.queued(s), Notice: c.queuedNotice(s.anew)})
}

// queuedNotice has new messages wait behind this one everywhere, and tells of one that enters again since its queue was lost.
func (c *chat) queuedNotice(again bool) []byte {
	return wire.Notice{Type: wire.TypeOutboxQueued, Origin: c.router.cfg.Instance, Epoch: c.sequence.epoch, Again: again}.Encode()
}

func isAccepted(s *save) bool { return s.accepted }
func isEntering(s *save) bool { return s.entering }

// queued is what the outbox keeps of a message: what any instance needs to post it.
func (c *chat) queued(s *save) *messages.PersistRequest {
	q := proto.CloneOf(s.request)
	q.Accepted, q.Reentered = true, s.reentered
	s.batchOnly = s.batchOnly || q.BatchOnly || c.router.route.Load() == routeBatch
	q.BatchOnly = s.batchOnly
	if s.handed && !q.BatchOnly { // a call of the old route may be under way for so long
		q.NotBefore = s.handedAt.Add(c.router.cfg.SaveTimeout).UnixMilli()
	}
	return q
}

// outsideOutbox tells whether a message is on its way with no durable place.
func outsideOutbox(s *save) bool { return !s.entering && !s.accepted }

// enterLate lets in what the API has not stored within the patience, and what follows it.
func (c *chat) enterLate(now time.Time) {
	at, ok := c.saves.firstDue(c.router.cfg.AcceptPatience, outsideOutbox)
	if ok && !now.Before(at) && c.accepts() {
		c.enterAll()
	}
}

func (c *chat) enterAll() {
	for _, s := range c.saves.each(outsideOutbox) {
		c.enter(s)
	}
}

// onEntered takes the answer to a step that lets a message in.
func (c *chat) onEntered(r *messages.AppendResult) {
	s := c.saves.find(r.Request.Queue.Key)
	if s != nil {
		s.entering = false
	}
	at := wire.Position{Epoch: r.Epoch, Offset: r.Offset}
	switch {
	case r.Full:
		c.router.metrics.Drop(metrics.DropUnstoredOverflow)
		if s != nil && !s.handed && !s.accepted {
			c.fail(s, errOverloaded())
		}
	case r.Repeat && !r.Queued: // the API has had it
		c.claim() // what it tells of the queue may be older than a notice
		c.onEnteredLate(s, r.Payload, at)
	default:
		c.onQueued(s, r, at)
	}
}

// onEnteredLate takes a message that the log knows and the outbox does not: it was stored. Only of one that was shown
// before, the API has to be asked: it may have been refused.
func (c *chat) onEnteredLate(s *save, payload []byte, at wire.Position) {
	switch {
	case s == nil:
	case s.live():
		if s.at = at; !s.handed {
			if first, known := wire.SentAt(payload); known { // perhaps earlier, over another instance
				s.sentBefore(first.UnixMilli())
			}
			c.post(s)
		}
	case len(payload) == 0: // the entry was trimmed: only its names tell the id
		c.lookUp(s, true)
	default:
		id := s.request.Id
		if first, err := wire.ParsePayload(payload, c.id); err == nil {
			id = first.MessageID
		}
		c.finish(s, id, at)
	}
}

// onQueued notes that a message stands in the outbox.
func (c *chat) onQueued(s *save, r *messages.AppendResult, at wire.Position) {
	c.learnFrom(r)
	if s != nil {
		s.anew = false
		if s.live() {
			s.at = at
		}
		c.accepted(s)
		c.date(s, r.SentAt)
	}
	held := s != nil && c.outbox.hold(s)
	switch {
	case c.outbox.fence == 0:
		if s != nil {
			s.elsewhere = true
		}
		c.withdrawAll()
		c.wakeIn(c.router.cfg.AcceptCheck)
	case held:
		c.returned(s)
		c.feed()
	case s == nil || c.outbox.wanted(time.Now()): // its senders were answered meanwhile, or there are others in the queue
		c.claim()
		c.feed()
	}
}

// accepted tells a message's senders that it will be stored, whatever happens here.
func (c *chat) accepted(s *save) {
	if s.accepted {
		return
	}
	s.accepted = true
	c.router.underway.Add(-1) // nothing is lost if this instance goes now
	c.router.acceptedBytes.Add(int64(len(s.request.Content)))
	c.router.metrics.OutboxHeld.Inc()
	c.router.metrics.OutboxAccepted.Inc()
	for _, connection := range s.waiting {
		c.ackAccepted(connection, s)
	}
}

func (c *chat) ackAccepted(connection uint64, s *save) {
	c.ack(connection, s.clientID, s.request.Id, wire.AckAccepted, s.at)
}

// onStored takes a message out of the outbox that the API has. One that was not shown yet gets its place in the log in
// the same step.
func (c *chat) onStored(s *save, id string, p *pendingAppend) {
	done := &messages.OutboxDone{Key: s.key, Fence: c.outbox.fence}
	notice := wire.Notice{Type: wire.TypeOutboxStored, Origin: c.router.cfg.Instance, Key: s.key, ID: id}.Encode()
	c.leave(s)
	if p != nil {
		p.done, p.notice = done, notice
		c.append(p)
		return
	}
	c.step(&messages.AppendRequest{ChatId: c.id, Done: done, Notice: notice})
}

// leave notes that a message is on its way out of the outbox: nobody posts it any more.
func (c *chat) leave(s *save) {
	s.posted = false
	c.outbox.leave(s.key)
}

// onRefused takes a message out of the outbox that the API will never store. A frame says so to everyone: it may have
// been shown, and its sender may wait at another instance, or be away.
func (c *chat) onRefused(s *save, e *wire.Error, reason string) {
	c.router.metrics.OutboxDead.Inc()
	c.router.log.Warn("the API refused an accepted message for good; it is among the dead letters", "chat", shortChat(c.id), "id", s.request.Id, "code", string(e.Code))
	done := &messages.OutboxDone{Key: s.key, Fence: c.outbox.fence, Reason: string(e.Code) + ": " + reason}
	notice := wire.Notice{Type: wire.TypeOutboxFailed, Origin: c.router.cfg.Instance, Key: s.key, Code: e.Code}.Encode()
	c.leave(s)
	body := wire.MessageFailedBody(c.id, s.clientID, s.request.Id, e.Code, time.Now())
	c.append(&pendingAppend{key: wire.FailedKey(s.request.Id), body: body, done: done, notice: notice})
	c.fail(s, e)
}

// onLeft takes the answer to a step that takes a message out. A fenced one did nothing, since another instance holds the
// lease by now and answers for the message.
func (c *chat) onLeft(r *messages.AppendResult) {
	key := r.Request.Done.Key
	c.outbox.gone(key, !r.Fenced)
	if r.Fenced {
		c.router.metrics.OutboxFenced.Inc()
		if s := c.saves.find(key); s != nil {
			c.withdraw(s)
		}
		if r.Request.Done.Fence == c.outbox.fence {
			c.lose()
		} else { // under a lease won since it is still queued
			c.listAnew()
		}
		return
	}
	if !r.Again && r.Epoch >= c.sequence.epoch { // else of a queue that was lost with its log
		c.learnFrom(r)
	}
	if s := c.saves.find(key); s != nil && len(r.Request.Body) == 0 && r.Request.Done.Reason == "" {
		c.finish(s, s.request.Id, s.at)
	}
	if c.outbox.short() {
		c.claim()
	}
	c.feed()
}

// onNotice learns what became of a message at another instance.
func (c *chat) onNotice(n wire.Notice) {
	if n.Origin == c.router.cfg.Instance {
		return
	}
	if n.Type == wire.TypeOutboxQueued {
		if c.ready && n.Epoch > c.sequence.epoch { // that instance enters anew what it has; ours belongs among it
			c.restart(n.Epoch)
		}
		if n.Again {
			c.letSettle()
		}
		c.outbox.left, c.outbox.moved = max(c.outbox.left, 1), true
		if c.outbox.whole = false; c.outbox.fence != 0 {
			c.claim()
			c.feed()
		}
		return
	}
	if c.outbox.fence == 0 && c.outbox.left > 0 { // it may have been the last: then new ones need not wait any more
		c.claim()
	}
	s := c.saves.find(n.Key)
	if s == nil {
		return
	}
	if c.outbox.holds(s) { // so it was another's: this instance was paused for longer than its lease
		c.lose()
	}
	if s = c.saves.find(n.Key); s == nil {
		return
	}
	if n.Type == wire.TypeOutboxFailed {
		c.fail(s, wire.NewError(n.Code, ""))
		return
	}
	at := s.at
	if offset, known := c.recent.get(wire.MessageKey(n.ID)); known {
		at = wire.Position{Epoch: c.sequence.epoch, Offset: offset}
	}
	c.finish(s, n.ID, at)
}

// settleElsewhere answers the senders of an accepted message that another instance has stored and logged.
func (c *chat) settleElsewhere(key string, at wire.Position) {
	id, isMessage := strings.CutPrefix(key, wire.MessageKey(""))
	if !isMessage {
		return
	}
	for _, s := range c.saves.underway {
		if s.accepted && !s.live() && s.request.Id == id && !c.outbox.answers(s) {
			c.finish(s, s.request.Id, at)
			return
		}
	}
}

// forgotten tells whether an accepted message is not at hand: another instance has to post it, or it was mislaid here.
func (c *chat) forgotten(s *save) bool { return s.accepted && !s.entering && !c.outbox.answers(s) }

// askAgain asks after messages that others have to post, since a notice can be lost.
func (c *chat) askAgain(now time.Time) {
	for _, s := range c.saves.each(c.forgotten) {
		if now.Sub(s.enteredAt) < c.router.cfg.AcceptCheck || s.asking {
			continue
		}
		if s.enteredAt = now; s.live() { // the API tells whether it was refused
			c.enter(s)
			continue
		}
		s.asking = true
		c.router.bridge.send(&lookUp{chatID: c.id, key: wire.FailedKey(s.request.Id), known: true, refusal: true, save: s, pid: c.self})
	}
}

// onRefusalSought lets a message in again, which tells what has become of it, unless it was refused.
func (c *chat) onRefusalSought(s *save, refusal *messages.Entry) {
	switch {
	case refusal != nil:
		c.fail(s, wire.NewError(wire.FailureIn(refusal.Payload), ""))
	case c.forgotten(s):
		c.enter(s)
	default:
		c.feed()
	}
}

// enterAnew lets everything in again that was accepted here: the outbox was lost with the log. Other instances do the same
// with theirs, so the queue has to settle, also where nothing was accepted.
func (c *chat) enterAnew() {
	known := c.outbox.left
	c.outbox.lose()
	if c.saves.any(isEntering) { // their steps do not tell
		c.publish(c.queuedNotice(true))
	}
	accepted := c.saves.each(isAccepted)
	c.outbox.left = max(len(accepted), min(known, 1))
	c.letSettle()
	for _, s := range accepted {
		c.router.metrics.OutboxReentered.Inc()
		s.reentered, s.anew = true, true
		if p := c.appends.find(wire.MessageKey(s.request.Id)); p != nil && p.queue != nil { // it is being asked after: not behind what follows it
			p.queue = c.queued(s)
			c.send(p)
			continue
		}
		c.enter(s)
	}
}
