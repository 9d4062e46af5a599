package actors

import (
	"time"

	"google.golang.org/protobuf/proto"

	"eclipse/actors/messages"
	"eclipse/internal/wire"
)

// A message's way from the API's answer to the log (chat_log.go), and to those who wait for it.

// onPersisted takes the API's outcome: a stored message goes into the log; another is refused, or tried again from the
// outbox.
func (c *chat) onPersisted(r *messages.PersistResult) {
	s := c.saves.find(r.Request.Key)
	late := s != nil && !s.handed && r.Outcome == messages.PersistResult_STORED && !s.batchOnly // the old API would store it again
	if s == nil || !s.handed && !late {
		return
	}
	s.handed, s.asking = false, false
	if r.Outcome != messages.PersistResult_STORED { // what it published is all that tells of it
		c.sendHeld(time.Time{})
	}
	if r.Request.BatchOnly && !s.request.BatchOnly { // the batch route was tried
		s.request = proto.CloneOf(s.request)
		s.request.BatchOnly = true
	}
	switch e := persistError(r); {
	case e == nil:
		c.stored(s, r)
	case !e.Retryable && s.accepted && c.outbox.fence != 0:
		c.onRefused(s, e, r.Reason)
	case e.Retryable && s.accepted:
		if r.Outcome == messages.PersistResult_UNKNOWN {
			c.doubt(s, r.Answered)
			c.hand(s)
			return
		}
		s.posted = false
		c.feed() // or it is asked after again
	case e.Retryable && r.Outcome != messages.PersistResult_OVERLOADED && c.accepts():
		if r.Outcome == messages.PersistResult_UNKNOWN {
			c.doubt(s, r.Answered)
		}
		c.enterAll() // those before it too, or it would overtake them
		s.posted = false
		c.wakeIn(c.router.cfg.SavePatience)
	default:
		c.fail(s, e)
	}
}

// doubt notes that the old API may have stored a message. A call without an answer may still be at work until its time
// is over.
func (c *chat) doubt(s *save, answered bool) {
	s.tries++
	s.unsure = true
	s.seekAt = time.Now().Add(backoff(s.tries, 100*time.Millisecond, 30*time.Second))
	if !answered {
		s.seekAt = maxTime(s.seekAt, s.handedAt.Add(c.router.cfg.SaveTimeout))
	}
}

// stored goes on with a message that the API has.
func (c *chat) stored(s *save, r *messages.PersistResult) {
	held := s.accepted && c.outbox.fence != 0
	if s.live() {
		c.storedLive(s, held)
		return
	}
	stored, err := wire.MessageBody(c.id, r.Data, s.clientID, time.Now())
	if err != nil {
		c.router.log.Error("the API stored a message and answered without a usable one", "chat", shortChat(c.id), "error", err)
		if e := errInternal(); held {
			c.onRefused(s, e, "stored, and answered without a usable message")
		} else {
			c.fail(s, e)
		}
		return
	}
	p := &pendingAppend{key: stored.Key, body: stored.Body, save: s, id: stored.ID}
	if s.clientID != "" || s.accepted || s.entering || c.router.route.Load() != routeBatch {
		p.aliases = []string{s.key} // with the old API one without a name is what a call without an answer may have become
	}
	c.logStored(s, held, p)
}

// logStored gives a stored message its place in the log, and takes it out of the outbox with that.
func (c *chat) logStored(s *save, held bool, p *pendingAppend) {
	if held {
		c.onStored(s, p.id, p)
	} else {
		c.append(p)
	}
}

// finish acknowledges a stored message to every socket that sent it. A zero position: it has no place in the log yet.
func (c *chat) finish(s *save, id string, at wire.Position) {
	if !c.saves.has(s) { // another way of hearing of it was faster
		return
	}
	if c.outbox.holds(s) {
		c.onStored(s, id, nil)
	}
	c.saves.end(s, id, true)
	c.ended(s)
	for _, connection := range s.waiting {
		c.ack(connection, s.clientID, id, wire.AckStored, at)
	}
}

// fail refuses a message to every socket that sent it.
func (c *chat) fail(s *save, e *wire.Error) {
	if !c.saves.has(s) {
		return
	}
	if s.entering { // what is refused should not be shown or stored later
		c.router.bridge.send(&cancel{c.id, s.key})
	}
	c.saves.end(s, "", false)
	c.ended(s)
	for _, connection := range s.waiting {
		c.refuse(connection, e, s.clientID)
	}
}

// ack tells a part-2 client what has become of its message.
func (c *chat) ack(connection uint64, clientID, id string, status wire.AckStatus, at wire.Position) {
	m := c.members.find(connection)
	if m == nil || !m.v1 || clientID == "" {
		return
	}
	fields := wire.AckFields{ChatID: c.id, ClientMessageID: clientID, ID: id, Status: status}
	if at.Offset > 0 {
		fields.Position = at
	}
	c.control(m, wire.Ack(fields))
}
