package actors

import (
	"time"

	"eclipse/actors/messages"
	"eclipse/internal/metrics"
	"eclipse/internal/wire"
)

// A member's way back to the present: what it has missed, read from the log and merged with what is delivered live.

// replay is a member's way back to the present: while it lasts, sequenced frames reach the member only through it.
type replay struct {
	from wire.Position // the last entry that the member has
	sent int
	lost bool // some entries are gone for good

	unasked bool // the member is an old client: it gets what is younger than since, and hears no word about it
	since   time.Time

	failures int  // reads of the log in a row that brought it no further
	ahead    bool // the member has seen more than this instance, which reads the log first
}

// maxReplayFailures is how often in a row a read of the log may bring a replay no further before it is given up.
const maxReplayFailures = 3

// unaskedReplay is the way back of an old client, nil if there is nothing that it may have missed: it cannot ask, does
// not load its history again, and skips what it shows.
func (c *chat) unaskedReplay(m *member, now time.Time) *replay {
	cfg := &c.router.cfg
	if m.v1 || !m.primary || cfg.ReplayAge <= 0 || cfg.ReplayMax <= 0 || c.ready && c.sequence.last == 0 {
		return nil
	}
	if !c.ready { // it is greeted before the head is known, and begins its way back with that
		return &replay{unasked: true, ahead: true}
	}
	from := c.sequence.position()
	from.Offset -= min(from.Offset, uint64(cfg.ReplayMax))
	return &replay{from: from, unasked: true, since: now.Add(-cfg.ReplayAge)}
}

// tooOld tells whether a frame is older than what an old client is sent unasked. One that does not say when it was made
// is sent.
func (r *replay) tooOld(payload []byte) bool {
	if !r.unasked {
		return false
	}
	at, ok := wire.MadeAt(payload)
	return ok && at.Before(r.since)
}

// onResume begins a member's replay of what it missed.
func (c *chat) onResume(r *messages.Resume) {
	m := c.members.find(r.Sender.Connection)
	if m == nil {
		c.router.metrics.Drop(metrics.DropNotMember)
		return
	}
	running := m.replay != nil && !m.replay.ahead // a read for it is under way, and its answer goes on with this one
	m.replay = &replay{from: wire.Position{Epoch: r.Epoch, Offset: r.Offset}}
	if m.welcomed && !running {
		c.readFor(m)
	}
}

// readFor reads the log on behalf of a member. Until the replay has reached what the chat has delivered, the member
// gets sequenced frames only from it, so that replay and live frames merge without a hole or a repeat.
func (c *chat) readFor(m *member) {
	c.router.metrics.LogReads.Inc()
	c.router.bridge.request(&messages.ReadRequest{
		ChatId: c.id, Epoch: m.replay.from.Epoch, Offset: m.replay.from.Offset, Max: readMax,
		Connection: m.number,
	}, c.self)
}

func (c *chat) onReplayRead(r *messages.ReadResult) {
	m := c.members.find(r.Request.Connection)
	if m == nil || m.replay == nil {
		return
	}
	if r.Request.Epoch != m.replay.from.Epoch || r.Request.Offset != m.replay.from.Offset { // it has asked anew meanwhile
		c.readFor(m)
		return
	}
	if r.Failed || !c.ready { // it goes on when this instance can read again, and knows where it stands
		m.replay.ahead = true
		c.readLog()
		return
	}
	if r.Epoch != c.sequence.epoch {
		c.endReplay(m, false)
		return
	}
	m.replay.lost = m.replay.lost || r.Gap
	if !r.Gap && m.replay.from.Epoch == r.Epoch && m.replay.from.Offset > c.sequence.last {
		m.replay.ahead = true
		c.readLog()
		return
	}
	before := m.replay.from
	for _, e := range r.Entries {
		if e.Offset > c.sequence.last {
			break // it comes live
		}
		m.replay.from = wire.Position{Epoch: r.Epoch, Offset: e.Offset}
		if m.replay.tooOld(e.Payload) {
			continue
		}
		m.replay.sent++
		if f := c.visibleTo(m, &wire.Frame{Payload: e.Payload, Class: wire.Sequenced}); f != nil {
			c.tell(m, f)
		}
	}
	switch {
	case m.replay.from.Epoch == r.Epoch && m.replay.from.Offset >= c.sequence.last || c.sequence.last == 0:
		c.endReplay(m, !m.replay.lost)
		return
	case m.replay.from != before:
		m.replay.failures = 0
	case m.replay.failures >= maxReplayFailures: // the log does not have what was delivered here
		c.endReplay(m, false)
		return
	default: // entries were delivered live since the log was read, and not to this member
		m.replay.failures++
	}
	c.readFor(m)
}

// caughtUp goes on with the replays that had to wait for this instance to read the log.
func (c *chat) caughtUp() {
	for i := range c.members {
		m := &c.members[i]
		if m.replay == nil || !m.replay.ahead {
			continue
		}
		if m.replay.ahead = false; m.replay.unasked && m.replay.since.IsZero() {
			m.replay = c.unaskedReplay(m, time.Now())
		}
		if m.replay != nil {
			c.readFor(m)
		}
	}
}

func (c *chat) endReplay(m *member, recovered bool) {
	if !m.replay.unasked {
		c.control(m, wire.Resumed(c.id, recovered, c.sequence.position(), m.replay.sent))
	}
	m.replay = nil
}
