package web_test

import (
	"slices"
	"time"
)

// said is what somebody said.
type said struct {
	from          *member // nil: somebody without a socket
	id, cmid      string
	role, content string
	name          string
	userID        any
}

func (s said) data() object {
	return object{
		"id": s.id, "content": s.content, "role": s.role, "timestamp": stamp(time.Now()),
		"sender": object{"id": s.userID, "name": s.name, "email": nil, "avatar": nil}, "clientMessageId": s.cmid,
	}
}

// hold accepts a message, again if it is held already. In live mode everyone sees it at once. The lock is held.
func (m *mockRouter) hold(c *mockChat, s said) {
	if i := slices.IndexFunc(c.held, func(o said) bool { return o.cmid == s.cmid }); i >= 0 {
		c.held[i].from = s.from
	} else {
		c.held = append(c.held, s)
		if m.live {
			m.append(c, object{"type": "message", "data": s.data()})
		}
	}
	s.from.send(object{"type": "ack", "chatId": c.id, "clientMessageId": s.cmid, "id": s.id, "status": "accepted"})
}

// release ends the outage: what is held in a chat is stored or, where the API will not have it, refused.
func (m *mockRouter) release(id string, refused bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.chats[id]
	m.holdStores = false
	for _, s := range c.held {
		if refused {
			m.refuseHeld(c, s)
		} else {
			m.storeHeld(c, s)
		}
	}
	c.held = nil
}

func (m *mockRouter) storeHeld(c *mockChat, s said) {
	if m.live {
		c.history = append(c.history, s.data())
	} else {
		m.store(c, s)
	}
	s.from.send(object{"type": "ack", "chatId": c.id, "clientMessageId": s.cmid, "id": s.id, "status": "stored"})
}

func (m *mockRouter) refuseHeld(c *mockChat, s said) {
	if m.live {
		m.append(c, object{"type": "message_failed", "data": object{"id": s.id, "clientMessageId": s.cmid, "code": "API_REJECTED"}})
	}
	s.from.send(object{"type": "error", "chatId": c.id, "error": "Failed to send message", "code": "API_REJECTED", "retryable": false, "clientMessageId": s.cmid})
}

// refuse says of a message that was shown, whoever said it, that it will not be stored.
func (m *mockRouter) refuse(chat, id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.chats[chat]
	c.history = slices.DeleteFunc(c.history, func(d object) bool { return d["id"] == id })
	m.append(c, object{"type": "message_failed", "data": object{"id": id, "code": "API_REJECTED"}})
}
