package actors

import (
	"time"

	"eclipse/actors/messages"
	"eclipse/internal/metrics"
	"eclipse/internal/wire"
)

// What passes by without a place in the log: typing, presence, read marks; and who joined as agent.

// remoteTypingSlack is how much longer than its own instance a typist elsewhere may be silent.
const remoteTypingSlack = time.Second

func (c *chat) onTyping(t *messages.Typing) {
	if c.members.find(t.Sender.Connection) == nil {
		c.router.metrics.Drop(metrics.DropNotMember)
		return
	}
	now := time.Now()
	until := now.Add(c.router.cfg.TypingTimeout)
	c.typists.set(typist{connection: t.Sender.Connection, userID: t.Sender.UserId, until: until}, t.IsTyping)
	if t.IsTyping {
		c.wakeAtLatest(until)
	}
	c.announceTyping(t.Sender.UserId, t.IsTyping, t.Sender.Connection, now)
}

// announceTyping tells everyone but the typist's own socket, here and elsewhere.
func (c *chat) announceTyping(userID string, isTyping bool, typistConnection uint64, now time.Time) {
	payload := wire.Typing(wire.TypingData{UserID: userID, IsTyping: isTyping, ChatID: c.id}, now)
	c.passBy(payload, func(m *member) bool { return m.number != typistConnection })
	if len(c.presence.remote) == 0 && c.audience.absent(now) {
		c.typists.unheard(typistConnection)
		return
	}
	c.publish(wire.WithOrigin(payload, c.router.cfg.Instance))
}

// endTyping ends the typing of those that match. For typists elsewhere only the sockets here are told.
func (c *chat) endTyping(match func(typist) bool) {
	for _, t := range c.typists.stop(match) {
		now := time.Now()
		if t.origin == "" {
			c.announceTyping(t.userID, false, t.connection, now)
			continue
		}
		data := wire.TypingData{UserID: t.userID, ChatID: c.id}
		c.passBy(wire.Typing(data, now), everyone)
	}
}

// passBy sends an ephemeral frame to the members that match.
func (c *chat) passBy(payload []byte, to func(*member) bool) {
	f := &wire.Frame{Payload: payload, Class: wire.Ephemeral}
	for i := range c.members {
		if c.members[i].welcomed && to(&c.members[i]) {
			c.tell(&c.members[i], f)
		}
	}
}

func everyone(*member) bool    { return true }
func part2Only(m *member) bool { return m.v1 && m.welcomed }

// confirmWithin is how long other instances have to tell again who is connected to them.
const confirmWithin = 3 * time.Second

// publish sends an ephemeral payload to the other instances.
func (c *chat) publish(payload []byte) {
	c.router.bridge.send(&messages.Publish{ChatId: c.id, Payload: payload})
}

// onEphemeral takes what another instance published.
func (c *chat) onEphemeral(p *wire.Payload) {
	if p.Origin != "" && p.Origin == c.router.cfg.Instance || p.Type == wire.TypePresenceState && p.State.Origin == c.router.cfg.Instance {
		c.router.metrics.Drop(metrics.DropOwnEcho)
		return
	}
	now := time.Now()
	switch p.Type {
	case wire.TypeTyping:
		timeout := c.router.cfg.TypingTimeout + remoteTypingSlack
		c.typists.set(typist{origin: orOldServer(p.Origin), userID: p.Typing.UserID, until: now.Add(timeout)}, p.Typing.IsTyping)
		c.wakeIn(timeout)
		c.passBy(wire.Typing(wire.TypingData{UserID: p.Typing.UserID, IsTyping: p.Typing.IsTyping, ChatID: c.id}, now), everyone)
	case wire.TypePresence:
		c.onRemotePresence(p.Origin, p.Presence, now)
	case wire.TypePresenceState:
		c.onPresenceState(p.State, now)
	case wire.TypeRead:
		c.advanceRead(p.Read, nil)
	case wire.TypeOutboxQueued, wire.TypeOutboxStored, wire.TypeOutboxFailed:
		c.onNotice(p.Notice)
	}
}

// orOldServer names the origin of typing that an old server published without one.
func orOldServer(origin string) string {
	if origin == "" {
		return "old server"
	}
	return origin
}

func (c *chat) announceArrival(m *member) {
	now := time.Now()
	p := wire.Presence{UserID: m.sender.UserId, Role: m.role(), Status: wire.Online}
	lingered := c.presence.lingers(m.sender.UserId)
	if !c.presence.arrived(m.sender.UserId) {
		c.passBy(wire.PresenceFrame(p, c.id, "", now), func(o *member) bool { return part2Only(o) && o.number != m.number })
	}
	if !lingered { // the others have not heard that the user left
		c.publish(wire.PresenceFrame(p, c.id, c.router.cfg.Instance, now))
	}
}

func (c *chat) announceDepartures(now time.Time) {
	for _, gone := range c.presence.expire(now) {
		c.publish(wire.PresenceFrame(gone, c.id, c.router.cfg.Instance, now))
		if !c.presence.elsewhere(gone.UserID) {
			c.passBy(wire.PresenceFrame(gone, c.id, "", now), part2Only)
		}
	}
}

func (c *chat) onRemotePresence(origin string, p wire.Presence, now time.Time) {
	before := c.online(p.UserID)
	if c.presence.heard(origin, p) {
		c.router.bridge.send(&heardInstance{origin})
	}
	if after := c.online(p.UserID); after != before {
		c.passBy(wire.PresenceFrame(p, c.id, "", now), part2Only)
	}
}

// online tells whether a user has a socket here, is in grace, or has one elsewhere.
func (c *chat) online(userID string) bool {
	return c.members.sockets(userID) > 0 || c.presence.lingers(userID) || c.presence.elsewhere(userID)
}

// offline tells part-2 clients of those who are gone for good.
func (c *chat) offline(users []wire.Presence) {
	now := time.Now()
	for _, u := range users {
		if !c.online(u.UserID) {
			c.passBy(wire.PresenceFrame(u, c.id, "", now), part2Only)
		}
	}
}

// askPresence asks the other instances who is connected to them, after we may have been deaf.
func (c *chat) askPresence() {
	c.presence.doubt(time.Now().Add(confirmWithin))
	if !c.presence.confirmBy.IsZero() {
		c.wakeIn(confirmWithin)
	}
	c.tellPresence(true)
}

func (c *chat) forgetUnconfirmed(now time.Time) {
	for _, origin := range c.presence.unconfirmed(now) {
		c.offline(c.presence.forget(origin))
	}
}

// onPresenceState learns who is connected to another instance, and answers if asked.
func (c *chat) onPresenceState(s wire.PresenceState, now time.Time) {
	for _, u := range s.Users {
		c.onRemotePresence(s.Origin, u, now)
	}
	c.offline(c.presence.told(s.Origin, s.Users))
	for _, mark := range s.Read {
		c.advanceRead(mark, nil)
	}
	if s.Want {
		c.tellPresence(false)
		c.tellTyping(now)
	}
}

// tellTyping publishes the typing of those here that nobody elsewhere has heard of, since nobody listened.
func (c *chat) tellTyping(now time.Time) {
	for _, userID := range c.typists.takeUnheard() {
		c.publish(wire.Typing(wire.TypingData{UserID: userID, IsTyping: true, ChatID: c.id, Origin: c.router.cfg.Instance}, now))
	}
}

// tellPresence tells the other instances who is connected to this one.
func (c *chat) tellPresence(want bool) {
	if len(c.members) == 0 && !want {
		return
	}
	local := presence{leaving: c.presence.leaving}
	state := wire.PresenceState{Origin: c.router.cfg.Instance, Want: want, Users: local.snapshot(c.members), Read: c.read.snapshot()}
	c.publish(state.Encode())
}

func (c *chat) onInstanceGone(origin string) {
	c.endTyping(func(t typist) bool { return t.origin == origin })
	c.offline(c.presence.forget(origin))
}

func (c *chat) onReadMark(r *messages.Read) {
	if c.members.find(r.Sender.Connection) == nil {
		c.router.metrics.Drop(metrics.DropNotMember)
		return
	}
	mark := wire.ReadMark{UserID: r.Sender.UserId, MessageID: r.MessageId}
	if c.advanceRead(mark, r.Sender) {
		c.publish(wire.ReadFrame(mark, c.id, c.router.cfg.Instance, time.Now()))
	}
}

// advanceRead moves a read mark forward and tells the others; from is nil for a mark from elsewhere.
func (c *chat) advanceRead(mark wire.ReadMark, from *messages.Sender) bool {
	offset, _ := c.recent.get(wire.MessageKey(mark.MessageID))
	if !c.read.advance(mark.UserID, mark.MessageID, offset) {
		c.router.metrics.Drop(metrics.DropReadNotNewer)
		return false
	}
	c.passBy(wire.ReadFrame(mark, c.id, "", time.Now()), func(m *member) bool {
		return part2Only(m) && (from == nil || m.number != from.Connection)
	})
	return true
}

// onAgentJoined asks for the agent's name. Anonymous sockets are nobody's agents.
func (c *chat) onAgentJoined(a *messages.AgentJoined) {
	m := c.members.find(a.Sender.Connection)
	switch {
	case m == nil:
		c.router.metrics.Drop(metrics.DropNotMember)
	case !a.Sender.Authenticated || !maySpeakAs(a.Sender, wire.RoleAgent):
		c.refuse(a.Sender.Connection, errRole(string(wire.RoleAgent)), "")
	default:
		m.agent = true
		c.router.persistence.request(&messages.UserRequest{UserId: a.Sender.UserId, Connection: a.Sender.Connection, AgentJoined: true}, c.self)
	}
}

// onUser announces the agent whose name was asked for.
func (c *chat) onUser(u *messages.UserResult) {
	if !u.Request.AgentJoined {
		c.onProfile(u)
		return
	}
	if u.Failed {
		c.refuse(u.Request.Connection, errAgentInfo(), "")
		return
	}
	now := time.Now()
	body := wire.AgentJoinedBody(c.id, u.Request.UserId, u.Name, now)
	c.append(&pendingAppend{key: wire.HashKey(body), body: body})
	if c.members.find(u.Request.Connection) != nil { // seen in another role from now on
		p := wire.Presence{UserID: u.Request.UserId, Role: wire.RoleAgent, Status: wire.Online}
		c.passBy(wire.PresenceFrame(p, c.id, "", now), part2Only)
		c.publish(wire.PresenceFrame(p, c.id, c.router.cfg.Instance, now))
	}
}
