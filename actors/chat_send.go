package actors

import (
	"strings"
	"time"

	"eclipse/actors/messages"
	"eclipse/internal/metrics"
	"eclipse/internal/wire"
)

// A message's way from its sender's frame into the log: role, repeat, look-up, API, append.

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
	if s := c.saves.underway[key]; s != nil {
		s.join(m.Sender.Connection)
		return
	}
	if id, done := c.saves.done[key]; done {
		offset, _ := c.recent.offset(wire.MessageKey(id))
		c.ack(m.Sender.Connection, m.ClientMessageId, id, wire.Position{Epoch: c.sequence.epoch, Offset: offset})
		return
	}
	if e := c.full(); e != nil {
		c.router.metrics.Drop(metrics.DropUnstoredOverflow)
		c.refuse(m.Sender.Connection, e, m.ClientMessageId)
		return
	}
	c.begin(m, key, clientID)
}

// full tells why no further message can be accepted now: too many wait for the API, or for the log.
func (c *chat) full() *wire.Error {
	switch {
	case c.router.logFull():
		return errLog()
	case len(c.saves.underway) >= c.router.cfg.MaxSavesPerChat:
		return errOverloaded()
	}
	return nil
}

func (c *chat) begin(m *messages.ChatMessage, key, clientID string) {
	received := time.Unix(0, m.ReceivedAt)
	s := &save{
		key:      key,
		clientID: m.ClientMessageId,
		waiting:  []uint64{m.Sender.Connection},
		received: received,
		request: &messages.PersistRequest{
			ChatId:          c.id,
			Id:              wire.DeriveID(c.id, wire.SenderKey(m.Sender.UserId, m.Sender.Authenticated), clientID),
			ClientMessageId: clientID,
			Content:         m.Content,
			Role:            m.Role,
			UserId:          m.Sender.UserId,
			SentAt:          received.UnixMilli(),
			Key:             key,
		},
	}
	if c.router.route.Load() == routeBatch {
		c.post(s)
	} else {
		// The old API mints ids and stores a repeat again: the log is asked whether this message was stored before. What
		// cannot be a repeat goes the same way, so that the order stays.
		c.router.bridge.send(&lookUp{chatID: c.id, save: s, pid: c.self})
		c.wakeIn(c.router.cfg.LogPatience)
	}
	c.saves.begin(s) // last, so that a panic before leaves nothing behind that would wait for ever
	c.router.underway.Add(1)
}

// post hands a message to persistence. The old API publishes what it stores by itself, so whoever hears that may log it
// before us: there the next message of a chat waits until the one before has its place, or they could swap.
func (c *chat) post(s *save) {
	s.posted = true
	if c.saves.turn != nil && c.router.route.Load() != routeBatch {
		c.saves.queue = append(c.saves.queue, s)
		c.wakeIn(c.router.cfg.SavePatience)
		return
	}
	c.hand(s)
}

// hand gives a message its turn.
func (c *chat) hand(s *save) {
	c.router.persistence.request(s.request, c.self)
	c.saves.turn = s
}

// ended lets the next message go that has waited for this one.
func (c *chat) ended(s *save) {
	c.router.underway.Add(-1)
	if next := c.saves.next(s); next != nil {
		c.hand(next)
	}
}

// failOverdue tells the senders of messages whose turn has not come within the patience.
func (c *chat) failOverdue(now time.Time) {
	for _, s := range c.saves.overdue(now, c.router.cfg.SavePatience) {
		c.fail(s, errUnavailable(0))
	}
}

func (c *chat) onLookedUp(l *lookedUp) {
	s := l.save
	if c.saves.underway[s.key] != s || s.posted {
		return
	}
	if l.entry == nil {
		c.post(s)
		return
	}
	at := wire.Position{Epoch: l.epoch, Offset: l.entry.Offset}
	c.finish(s, strings.TrimPrefix(l.entry.Key, wire.MessageKey("")), at)
}

// postUnasked posts what the log, being away, has not been asked about in time. A repeat among them is stored twice by
// an old API; the batch route knows it by its id.
func (c *chat) postUnasked(now time.Time) {
	for _, s := range c.saves.unasked(now, c.router.cfg.LogPatience) {
		c.router.metrics.LogUnasked.Inc()
		c.post(s)
	}
}

// onPersisted takes the API's outcome: a stored message goes into the log, another is refused.
func (c *chat) onPersisted(r *messages.PersistResult) {
	s := c.saves.underway[r.Request.Key]
	if s == nil {
		return
	}
	if e := persistError(r); e != nil {
		c.fail(s, e)
		return
	}
	stored, err := wire.MessageBody(c.id, r.Data, s.clientID, time.Now())
	if err != nil {
		c.router.log.Error("the API stored a message and answered without a usable one", "chat", shortChat(c.id), "error", err)
		c.fail(s, errInternal())
		return
	}
	p := &pendingAppend{key: wire.MessageKey(stored.ID), body: stored.Body, save: s, id: stored.ID}
	if s.clientID != "" {
		p.aliases = []string{s.key}
	}
	c.append(p)
}

// append hands an event to the log.
func (c *chat) append(p *pendingAppend) {
	p.since = time.Now()
	c.send(p)
	c.appends.add(p)
	c.router.underway.Add(1)
	if c.appends.away {
		c.serve(p)
		return
	}
	c.wakeIn(c.router.cfg.LogPatience)
}

func (c *chat) send(p *pendingAppend) {
	c.router.bridge.request(&messages.AppendRequest{ChatId: c.id, Key: p.key, Aliases: p.aliases, Body: p.body}, c.self)
}

// onAppended takes the log's answer. It may be a repeat: another instance, or the API's own publish, was first.
func (c *chat) onAppended(r *messages.AppendResult) {
	p := c.appends.find(r.Request.Key)
	if p == nil {
		return
	}
	at := wire.Position{Epoch: r.Epoch, Offset: r.Offset}
	key, id := p.key, p.id
	if r.Repeat && r.Payload != nil { // known by an alias, perhaps: the log's entry is what counts
		if first, err := wire.ParsePayload(r.Payload, c.id); err == nil {
			key, id = first.Key, first.MessageID
		}
	}
	_, delivered := c.recent.offset(key)
	switch {
	case !c.ready && r.Repeat: // its place may be before ours: the head will tell
		c.early = append(c.early, r)
		return
	case c.ready && at.Epoch < c.sequence.epoch && !delivered: // logged in an epoch that has ended: nobody will hear of it
		c.send(p)
		return
	case !c.ready:
		c.begins(wire.Position{Epoch: at.Epoch, Offset: at.Offset - 1})
	}
	c.appends.away = false
	c.accept(at, key, r.Payload) // a panic in it finds the append still waiting, and answers its sender
	c.appends.remove(p)
	c.router.underway.Add(-1)
	if p.save == nil { // no message, or its delivery has answered the sender
		return
	}
	if _, delivered := c.recent.offset(key); !delivered && !c.sequence.behind(at) && r.Payload != nil {
		c.echo(p.save, r.Payload)
	}
	c.finish(p.save, id, at)
}

// echo shows a message to those who sent it, since the place that it has is before they came.
func (c *chat) echo(s *save, payload []byte) {
	full := &wire.Frame{Payload: payload, Class: wire.Sequenced}
	for _, connection := range s.waiting {
		if m := c.members.find(connection); m != nil {
			if f := c.visibleTo(m, full); f != nil {
				c.router.send(m.pid, f)
			}
		}
	}
}

// settle answers the sender of a message that has just been delivered, whoever put it into the log.
func (c *chat) settle(key string, at wire.Position) {
	if p := c.appends.find(key); p != nil && p.save != nil {
		c.router.metrics.DeliveryLatency.Observe(time.Since(p.save.received).Seconds())
		c.finish(p.save, p.id, at)
		p.save = nil
	}
}

// serveUnlogged delivers without an offset what the log has kept waiting for too long.
func (c *chat) serveUnlogged(now time.Time) {
	if !c.appends.overdue(now, c.router.cfg.LogPatience) {
		return
	}
	c.appends.away = true
	c.welcomeAll()
	for _, p := range c.appends.waiting {
		c.serve(p)
	}
}

// serve delivers an event to the sockets here although it has no place in the log.
func (c *chat) serve(p *pendingAppend) {
	if p.served {
		return
	}
	p.served = true
	if _, known := c.recent.offset(p.key); !known {
		c.recent.add(p.key, 0)
		c.router.metrics.LogUnsequenced.Inc()
		c.broadcast(p.body, false)
	}
	c.settle(p.key, wire.Position{})
}

// finish acknowledges a stored message to every socket that sent it. A zero position: it has no place in the log yet.
func (c *chat) finish(s *save, id string, at wire.Position) {
	c.saves.end(s, id, true)
	c.ended(s)
	for _, connection := range s.waiting {
		c.ack(connection, s.clientID, id, at)
	}
}

// fail refuses a message to every socket that sent it.
func (c *chat) fail(s *save, e *wire.Error) {
	c.saves.end(s, "", false)
	c.ended(s)
	for _, connection := range s.waiting {
		c.refuse(connection, e, s.clientID)
	}
}

// ack tells a part-2 client that its message is stored.
func (c *chat) ack(connection uint64, clientID, id string, at wire.Position) {
	m := c.members.find(connection)
	if m == nil || !m.v1 || clientID == "" {
		return
	}
	fields := wire.AckFields{ChatID: c.id, ClientMessageID: clientID, ID: id, Status: wire.AckStored}
	if at.Offset > 0 {
		fields.Position = at
	}
	c.control(m, wire.Ack(fields))
}
