package actors

import (
	"time"

	"eclipse/actors/messages"
	"eclipse/internal/wire"
)

// After a panic a chat goes on with its members; nobody may wait for what was in its hands.

// apologise answers the message that made the chat panic.
func (c *chat) apologise(message any) {
	switch m := message.(type) {
	case *messages.ChatMessage:
		c.refuse(m.Sender.GetConnection(), errInternal(), m.ClientMessageId)
	case *messages.AgentJoined:
		c.refuse(m.Sender.GetConnection(), errInternal(), "")
	case *messages.Resume:
		c.refuse(m.Sender.GetConnection(), errInternal(), "")
	case *lookedUp:
		c.giveUp(m.save.key)
	case *messages.PersistResult:
		c.giveUp(m.Request.Key)
	case *claimed:
		c.claimAt = time.Now().Add(claimRetry)
		c.wakeIn(claimRetry)
	case *messages.AppendResult:
		if q := m.Request.Queue; q != nil {
			defer c.giveUp(q.Key)
		}
		if done := m.Request.Done; done != nil {
			c.outbox.gone(done.Key, false)
			c.listAnew()
			defer c.giveUp(done.Key)
		}
		if p := c.appends.find(m.Request.Key); p != nil {
			c.appends.remove(p)
			c.router.underway.Add(-1)
			if p.save != nil {
				c.giveUp(p.save.key)
			}
		}
	case *join: // it would wait for its greeting for ever
		c.tell(&m.member, &goodbye{wire.CloseInternal, wire.CloseInternal.Reason()})
	case *wake:
		c.wakeIn(time.Second)
	case *messages.ReadResult:
		if m.Request.Connection != 0 {
			if r := c.members.find(m.Request.Connection); r != nil && r.replay != nil {
				c.endReplay(r, false)
			}
			return
		}
		c.reading = false
		c.readAt = time.Now().Add(readRetry)
		c.wakeIn(readRetry)
	}
}

// giveUp refuses a message whose handling panicked; its sender may try again. An accepted one is not given up: what has
// become of it is asked again.
func (c *chat) giveUp(key string) {
	s := c.saves.find(key)
	if s == nil {
		return
	}
	if s.accepted {
		c.outbox.gone(key, false) // whether it left, another look at the queue will tell
		c.outbox.drop(key)
		s.entering, s.asking = false, false
		c.withdraw(s)
		c.listAnew()
		c.wakeIn(c.router.cfg.AcceptCheck)
		return
	}
	for _, p := range c.appends.waiting { // it is logged all the same, and nobody waits for that
		if p.save == s {
			p.save = nil
		}
	}
	c.fail(s, errInternal())
}
