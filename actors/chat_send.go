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

// A message's way from its sender's frame to the log (chat_log.go): role, repeat, look-up, API. What the API does not
// store in time goes on in chat_outbox.go; what is shown before it is stored begins in chat_live.go.

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
	p := &pendingAppend{key: wire.MessageKey(stored.ID), body: stored.Body, save: s, id: stored.ID}
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
