package actors

import (
	"cmp"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"eclipse/actors/messages"
	"eclipse/internal/metrics"
	"eclipse/internal/wire"
)

// A message's way from its sender's frame to the API: role, repeat, look-up. What the API answers goes on in chat_stored.go, what it
// does not store in time in chat_outbox.go; what is shown before it is stored begins in chat_live.go.

// onChatMessage begins a message's way.
func (c *chat) onChatMessage(m *messages.ChatMessage) {
	if c.members.find(m.Sender.Connection) == nil {
		c.router.metrics.Drop(metrics.DropNotMember)
		return
	}
	if !maySpeakAs(m.Sender, wire.Role(m.Role)) {
		c.refuse(m.Sender.Connection, errRole(m.Role), m.ClientMessageId)
		return
	}
	c.endTyping(func(t typist) bool { return t.connection == m.Sender.Connection && t.origin == "" })
	clientID := m.ClientMessageId
	if clientID == "" {
		clientID = randomID()
	}
	key := saveKey(m.Sender, clientID)
	if s := c.saves.find(key); s != nil {
		s.join(m.Sender.Connection)
		if s.accepted {
			c.ackAccepted(m.Sender.Connection, s)
		}
		return
	}
	if id, done := c.saves.done.get(key); done {
		id = cmp.Or(id, c.deriveID(m.Sender, clientID))
		offset, _ := c.recent.get(wire.MessageKey(id))
		c.ack(m.Sender.Connection, m.ClientMessageId, id, wire.AckStored, wire.Position{Epoch: c.sequence.epoch, Offset: offset})
		return
	}
	if e := c.full(); e != nil {
		c.router.metrics.Drop(metrics.DropUnstoredOverflow)
		c.refuse(m.Sender.Connection, e, m.ClientMessageId)
		return
	}
	c.begin(m, key, clientID)
}

func (c *chat) deriveID(sender *messages.Sender, clientMessageID string) string {
	return wire.DeriveID(c.id, wire.SenderKey(sender.UserId, sender.Authenticated), clientMessageID)
}

// full tells why no further message can be taken now: too many wait for the API, or for the log.
func (c *chat) full() *wire.Error {
	switch {
	case c.router.logFull():
		return errLog()
	case len(c.saves.underway) >= c.router.cfg.MaxSavesPerChat || c.router.acceptedBytes.Load() >= maxAcceptedBytes:
		return errOverloaded()
	}
	return nil
}

func (c *chat) begin(m *messages.ChatMessage, key, clientID string) {
	received := time.Unix(0, m.ReceivedAt)
	s := &save{
		key:      key,
		clientID: m.ClientMessageId,
		received: received,
		request: &messages.PersistRequest{
			ChatId:          c.id,
			Id:              c.deriveID(m.Sender, clientID),
			ClientMessageId: clientID,
			Content:         m.Content,
			Role:            m.Role,
			UserId:          m.Sender.UserId,
			SentAt:          received.UnixMilli(),
			Key:             key,
			AfterEpoch:      c.sequence.epoch,
			AfterOffset:     c.sequence.last,
		},
	}
	s.waiting = append(s.sender[:0], m.Sender.Connection)
	route := c.router.route.Load()
	switch {
	case c.router.cfg.Live && route != routeSingle && !c.saves.any(isUnshown):
		c.beginLive(s, m.Sender)
	case c.outbox.left > 0 || !c.outbox.known && c.accepts(): // it waits behind what is or may be queued, or is refused
		c.enterAll()
		c.enter(s)
	case route == routeBatch && !c.saves.any(isAsking):
		c.post(s)
	default:
		// The old API mints ids and stores a repeat again: the log is asked whether this message was stored before. What
		// cannot be a repeat goes the same way, and so does what comes behind a message that is being asked about when the
		// batch route turns up: the order stays.
		c.lookUp(s, s.clientID != "")
		c.wakeIn(c.router.cfg.LogPatience)
	}
	c.saves.begin(s) // last, so that a panic before leaves nothing behind that would wait for ever
	c.router.underway.Add(1)
	c.wakeIn(c.patience())
}

// patience is how long a message may be under way before something has to be done.
func (c *chat) patience() time.Duration {
	if c.accepts() {
		return c.router.cfg.AcceptPatience
	}
	return c.router.cfg.SavePatience
}

// post sends a message on its way to the API. The old API publishes what it stores by itself, so whoever hears that may
// log it before us: there the next message of a chat waits until the one before has its place, or they could swap.
func (c *chat) post(s *save) {
	s.posted = true
	turn := c.saves.turn
	waits := c.router.route.Load() != routeBatch || len(c.saves.queue) > 0 || turn != nil && turn.unsure
	if turn != nil && turn != s && waits {
		c.saves.queue = append(c.saves.queue, s)
		return
	}
	c.hand(s)
}

// hand gives a message its turn.
func (c *chat) hand(s *save) {
	c.saves.turn = s
	if s.unsure { // also when there is a batch route by now, which knows nothing of the old one's ids
		c.seek(s, time.Now())
		return
	}
	first := s.handedAt.IsZero()
	s.handed, s.handedAt = true, time.Now()
	switch {
	case c.router.route.Load() == routeBatch:
		s.batchOnly = true
	case first && !s.request.Accepted && c.ready: // what was said until now is not what the API makes of this message
		s.request.AfterEpoch, s.request.AfterOffset = c.sequence.epoch, c.sequence.last
	}
	if held := c.outbox.holds(s); held != s.request.Accepted { // what is not ours to post is asked about once
		s.request = proto.CloneOf(s.request)
		s.request.Accepted = held
	}
	c.router.persistence.post(&queued{request: s.request, from: &c.mailbox}, c.mailbox.runner)
}

// ended lets the next message go that has waited for this one.
func (c *chat) ended(s *save) {
	c.outbox.drop(s.key)
	if s.handed {
		c.router.persistence.send(&withdraw{c.id, []string{s.key}})
	}
	if s.accepted {
		c.router.acceptedBytes.Add(-int64(len(s.request.Content)))
		c.router.metrics.OutboxHeld.Dec()
	} else {
		c.router.underway.Add(-1)
	}
	if next := c.saves.next(s); next != nil {
		c.hand(next)
	}
}

// failOverdue tells the senders of messages that were neither accepted nor given to persistence within the patience;
// persistence itself answers for those that it has.
func (c *chat) failOverdue(now time.Time) {
	stuck := func(s *save) bool {
		return !s.handed && !s.accepted && now.Sub(s.received) >= c.router.cfg.SavePatience && !c.appends.holds(s)
	}
	for _, s := range c.saves.each(stuck) {
		e := errUnavailable(0)
		if c.router.logDown.Load() {
			e = errLog()
		}
		c.fail(s, e)
	}
}

func (c *chat) onLookedUp(l *lookedUp) {
	s := l.save
	if c.saves.find(s.key) != s || !s.asking {
		return
	}
	s.asking = false
	switch {
	case l.refusal:
		c.onRefusalSought(s, l.entry)
		return
	case l.entry == nil:
		c.onUnknown(s)
		return
	}
	at := wire.Position{Epoch: l.epoch, Offset: l.entry.Offset}
	c.finish(s, strings.TrimPrefix(l.entry.Key, wire.MessageKey("")), at)
}

// lookUp asks the log whether it knows a message; if it cannot, the question only keeps the message's place.
func (c *chat) lookUp(s *save, known bool) {
	s.asking = true
	c.router.bridge.send(&lookUp{chatID: c.id, key: s.key, save: s, known: known, pid: c.self})
}

func isAsking(s *save) bool { return s.asking }

// isUnshown tells whether a message is shown when it is stored, as all are until the batch route turns up, or where delivery was
// confirmed before: what comes behind it is, too.
func isUnshown(s *save) bool { return !s.live() }

// onUnknown goes on with a message whose name the log does not know.
func (c *chat) onUnknown(s *save) {
	switch {
	case s.unsure && s.posted:
		c.seekUnnamed(s)
	case s.accepted: // unless the lease was lost meanwhile
		c.feed()
	case c.outbox.left > 0 && c.accepts(): // what is queued came before it
		c.enterAll()
	default:
		c.post(s)
	}
}

// postUnasked posts what the log, being away, has not been asked about in time. A repeat among them is stored twice by
// an old API; the batch route knows it by its id.
func (c *chat) postUnasked(now time.Time) {
	late := func(s *save) bool {
		return s.asking && !s.posted && !s.accepted && now.Sub(s.received) >= c.router.cfg.LogPatience
	}
	for _, s := range c.saves.each(late) {
		c.router.metrics.LogUnasked.Inc()
		s.asking = false
		c.post(s)
	}
}
