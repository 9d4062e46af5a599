package actors

import (
	"bytes"
	"time"

	"eclipse/actors/messages"
	"eclipse/internal/wire"
)

// Whether the old API has stored a message whose call was not answered: before it is posted again the log is looked
// through for what that API has published since.

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
