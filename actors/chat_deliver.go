package actors

import (
	"time"

	"eclipse/actors/messages"
	"eclipse/internal/metrics"
	"eclipse/internal/wire"
)

// readMax is how many entries are read from the log at once.
const readMax = 200

// readRetry is when a failed read of the log is tried again.
const readRetry = 500 * time.Millisecond

// begins sets the position from which on this chat delivers, and greets whoever waited for it.
func (c *chat) begins(at wire.Position) {
	c.ready = true
	c.sequence.start(at)
	c.welcomeAll()
}

// onHead compares the log's head with what was delivered.
func (c *chat) onHead(h *head) {
	c.appends.away = false
	at := h.position
	if h.subscribed {
		c.tellPresence(true)
	}
	switch {
	case !c.ready:
		c.begins(at)
	case at.Epoch > c.sequence.epoch:
		c.restart(at.Epoch)
	case c.sequence.behind(at):
		c.readLog()
	}
}

// onPayload takes what came over the chat's channel.
func (c *chat) onPayload(payload []byte) {
	if at, sealed := wire.SealedPosition(payload); sealed && c.ready && at.Epoch == c.sequence.epoch && at.Offset <= c.sequence.last {
		c.router.metrics.Drop(metrics.DropOldOffset)
		return
	}
	p, err := wire.ParsePayload(payload, c.id)
	switch {
	case err == wire.ErrTooLarge:
		c.router.metrics.Drop(metrics.DropBusTooLarge)
	case err != nil:
		c.router.metrics.Drop(metrics.DropBusNotOurs)
	case p.Ephemeral:
		c.onEphemeral(&p)
	case p.Sequenced:
		if !c.ready {
			c.begins(wire.Position{Epoch: p.Position.Epoch, Offset: p.Position.Offset - 1})
		}
		c.accept(p.Position, p.Key, p.Body)
	default:
		c.onRaw(&p)
	}
}

// onRaw takes an event that the API published: it has no offset yet, so it goes into the log, where the first wins.
func (c *chat) onRaw(p *wire.Payload) {
	if _, known := c.recent.offset(p.Key); known || c.appends.has(p.Key) {
		c.router.metrics.Drop(metrics.DropKnownKey)
		return
	}
	c.append(&pendingAppend{key: p.Key, body: p.Body}, nil)
}

// accept takes an entry of the log, wherever it was heard, and delivers what is next in order.
func (c *chat) accept(at wire.Position, key string, payload []byte) {
	switch c.sequence.offer(at, payload) {
	case deliver:
		c.deliver(at.Offset, key, payload)
		for next := c.sequence.next(); next != nil; next = c.sequence.next() {
			c.deliver(c.sequence.last, "", next)
		}
	case hole:
		c.router.metrics.LogHoles.Inc()
		c.readLog()
	case old:
		c.router.metrics.Drop(metrics.DropOldOffset)
	case staleEpoch:
		c.router.metrics.Drop(metrics.DropStaleEpoch)
	case newEpoch:
		c.restart(at.Epoch)
	}
}

// restart begins a new epoch: the log was lost. What it holds by now is read from its start; what this chat has
// delivered before is not delivered again, and clients that count offsets are told that theirs are void.
func (c *chat) restart(epoch string) {
	c.router.metrics.LogEpochs.Inc()
	c.sequence.start(wire.Position{Epoch: epoch})
	c.recent.forgetOffsets()
	notice := &wire.Frame{Payload: wire.Resumed(c.id, false, c.sequence.position(), 0), Class: wire.Control}
	for i := range c.members {
		if c.members[i].v1 && c.members[i].welcomed {
			c.router.send(c.members[i].pid, notice)
		}
	}
	c.readLog()
}

// deliver sends the next entry to every member, unless it was served before it had an offset.
func (c *chat) deliver(offset uint64, key string, payload []byte) {
	if payload == nil { // a repeat that the log no longer keeps: everyone here has it or is told of the gap
		return
	}
	if key == "" {
		p, err := wire.ParsePayload(payload, c.id)
		if err != nil {
			c.router.metrics.Drop(metrics.DropBusNotOurs)
			return
		}
		key = p.Key
	}
	_, known := c.recent.offset(key)
	c.recent.add(key, offset)
	if known {
		c.router.metrics.Drop(metrics.DropKnownKey)
		return
	}
	c.broadcast(payload)
}

// broadcast sends one sequenced frame to every member: one immutable frame, at most two encodings.
func (c *chat) broadcast(payload []byte) {
	full := &wire.Frame{Payload: payload, Class: wire.Sequenced}
	public := full
	if c.members.anonymous() {
		public = c.public(full)
	}
	for i := range c.members {
		m := &c.members[i]
		f := public
		if m.sender.Authenticated {
			f = full
		}
		if m.replay == nil && f != nil {
			c.router.send(m.pid, f)
		}
	}
}

// public is a frame as anonymous sockets may see it: the same where it holds no e-mail address, nil where it cannot be
// read, which an entry of the log always can.
func (c *chat) public(f *wire.Frame) *wire.Frame {
	switch stripped := wire.WithoutEmail(f.Payload); {
	case stripped == nil:
		c.router.metrics.Drop(metrics.DropBusNotOurs)
		return nil
	case &stripped[0] == &f.Payload[0]:
		return f
	default:
		return &wire.Frame{Payload: stripped, Class: f.Class}
	}
}

// readLog fetches what follows the last delivered entry.
func (c *chat) readLog() {
	if c.reading {
		return
	}
	c.reading = true
	c.readAt = time.Time{}
	c.router.metrics.LogReads.Inc()
	c.router.bridge.request(&messages.ReadRequest{
		ChatId: c.id, Epoch: c.sequence.epoch, Offset: c.sequence.last, Max: readMax,
	}, c.self)
}

func (c *chat) onRead(r *messages.ReadResult) {
	if r.Request.Connection != 0 {
		c.onReplayRead(r)
		return
	}
	c.reading = false
	if r.Failed {
		c.readAt = time.Now().Add(readRetry)
		c.wakeIn(readRetry)
		return
	}
	if r.Epoch > c.sequence.epoch {
		c.restart(r.Epoch)
		return
	}
	if r.Gap && len(r.Entries) > 0 {
		c.sequence.skip(r.Entries[0].Offset)
	} else if r.Gap {
		c.sequence.skip(r.Head + 1)
	}
	for _, e := range r.Entries {
		c.accept(wire.Position{Epoch: r.Epoch, Offset: e.Offset}, e.Key, e.Payload)
	}
	if c.sequence.behind(wire.Position{Epoch: r.Epoch, Offset: r.Head}) {
		c.readLog()
	}
}

func (c *chat) retryRead(now time.Time) {
	if !c.readAt.IsZero() && !now.Before(c.readAt) {
		c.readLog()
	}
}

// onResume begins a member's replay of what it missed.
func (c *chat) onResume(r *messages.Resume) {
	m := c.members.find(r.Sender.Connection)
	if m == nil || m.replay != nil {
		return
	}
	m.replay = &replay{from: wire.Position{Epoch: r.Epoch, Offset: r.Offset}}
	if m.welcomed {
		c.readFor(m)
	}
}

// readFor reads the log on behalf of a member. Until the replay has reached what the chat has delivered, the member
// gets sequenced frames only from it, so that replay and live frames merge without a hole or a repeat.
func (c *chat) readFor(m *member) {
	c.router.metrics.LogReads.Inc()
	c.router.bridge.request(&messages.ReadRequest{
		ChatId: c.id, Epoch: m.replay.from.Epoch, Offset: m.replay.from.Offset, Max: readMax,
		Connection: m.sender.Connection,
	}, c.self)
}

func (c *chat) onReplayRead(r *messages.ReadResult) {
	m := c.members.find(r.Request.Connection)
	if m == nil || m.replay == nil {
		return
	}
	if r.Failed || r.Epoch != c.sequence.epoch {
		c.endReplay(m, false)
		return
	}
	m.replay.lost = m.replay.lost || r.Gap
	for _, e := range r.Entries {
		if e.Offset > c.sequence.last {
			break // it comes live
		}
		m.replay.from = wire.Position{Epoch: r.Epoch, Offset: e.Offset}
		m.replay.sent++
		f := &wire.Frame{Payload: e.Payload, Class: wire.Sequenced}
		if !m.sender.Authenticated {
			f = c.public(f)
		}
		if f != nil {
			c.router.send(m.pid, f)
		}
	}
	if m.replay.from.Epoch == r.Epoch && m.replay.from.Offset >= c.sequence.last || len(r.Entries) == 0 {
		c.endReplay(m, !m.replay.lost)
		return
	}
	c.readFor(m)
}

func (c *chat) endReplay(m *member, recovered bool) {
	c.control(m, wire.Resumed(c.id, recovered, c.sequence.position(), m.replay.sent))
	m.replay = nil
}
