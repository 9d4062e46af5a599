package actors

import (
	"time"

	"eclipse/actors/messages"
	"eclipse/internal/wire"
)

// Live delivery: one step logs a message, shows it to everyone and lets it into the outbox; then it is stored.

// anonymousName is what visitors without an account are called.
const anonymousName = "Anonymous"

// profile is what others see of a user; beside it, when it was asked for.
type profile struct {
	author wire.Author
	asked  time.Time
}

func (c *chat) beginLive(s *save, sender *messages.Sender) {
	s.request.Live, s.request.BatchOnly = true, true
	s.author = c.author(sender)
	c.enter(s)
}

// appendLive shows a message. The first step that succeeds is what everyone sees; another finds it in the log.
func (c *chat) appendLive(s *save) {
	p := c.shown(s)
	p.queue = c.queued(s)
	_, p.shown = c.recent.get(p.key)
	c.append(p)
}

// shown is a message as everyone sees it.
func (c *chat) shown(s *save) *pendingAppend {
	r := s.request
	body := wire.LiveMessage{
		ChatID: c.id, ID: r.Id, Content: r.Content, Role: wire.Role(r.Role), Author: s.author,
		ClientMessageID: s.clientID, SentAt: time.UnixMilli(r.SentAt),
	}.Body(time.Now())
	return &pendingAppend{key: wire.MessageKey(r.Id), aliases: []string{s.key}, body: body, save: s, id: r.Id}
}

// storedLive goes on with a message that was shown and that the API has by now.
func (c *chat) storedLive(s *save, held bool) {
	p := c.appends.find(wire.MessageKey(s.request.Id))
	switch {
	case held:
		c.onStored(s, s.request.Id, nil)
	case p != nil && p.save == s: // the log is away: nobody has seen it, or only before
		p.stored = true
		if c.appends.away() {
			c.serve(p)
		}
	case s.at.Offset == 0: // the outbox was full, so nobody has seen it
		c.append(c.shown(s))
	default:
		c.finish(s, s.request.Id, s.at)
	}
}

// author is who a sender's messages are shown to be from.
func (c *chat) author(sender *messages.Sender) wire.Author {
	m := c.members.find(sender.Connection)
	if !sender.Authenticated {
		return wire.Author{ID: sender.UserId, Name: anonymousName}
	}
	if m == nil || m.profile == nil {
		return wire.Author{ID: sender.UserId}
	}
	if time.Since(m.profile.asked) > userFor {
		c.askProfile(m)
	}
	return m.profile.author
}

// askProfile asks who a member is, before its first message needs it.
func (c *chat) askProfile(m *member) {
	if !c.router.cfg.Live || !m.signedIn {
		return
	}
	if m.profile == nil {
		m.profile = &profile{author: wire.Author{ID: m.sender.UserId}}
	}
	m.profile.asked = time.Now()
	c.router.persistence.request(&messages.UserRequest{UserId: m.sender.UserId, Connection: m.number}, c.self)
}

// onProfile keeps what the API told about a member. While it cannot tell, what is known stays.
func (c *chat) onProfile(u *messages.UserResult) {
	m := c.members.find(u.Request.Connection)
	if m == nil || m.profile == nil || u.Failed {
		return
	}
	m.profile.author = wire.Author{ID: u.Request.UserId, Name: u.Name, Email: u.Email, Avatar: u.Avatar}
}
