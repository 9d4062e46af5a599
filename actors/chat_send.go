package actors

import (
	"time"

	"eclipse/actors/messages"
	"eclipse/internal/metrics"
	"eclipse/internal/wire"
)

// onChatMessage begins a message's way: role, repeat, then the API.
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
		c.ack(m.Sender.Connection, m.ClientMessageId, id, offset)
		return
	}
	c.begin(m, key, clientID)
}

func (c *chat) begin(m *messages.ChatMessage, key, clientID string) {
	if len(c.saves.underway) >= c.router.cfg.MaxSavesPerChat {
		c.router.metrics.Drop(metrics.DropUnstoredOverflow)
		c.refuse(m.Sender.Connection, errOverloaded(), m.ClientMessageId)
		return
	}
	s := &save{
		key:      key,
		clientID: m.ClientMessageId,
		waiting:  []uint64{m.Sender.Connection},
		received: time.Unix(0, m.ReceivedAt),
		request: &messages.PersistRequest{
			ChatId:          c.id,
			Id:              wire.DeriveID(c.id, wire.SenderKey(m.Sender.UserId, m.Sender.Authenticated), clientID),
			ClientMessageId: clientID,
			Content:         m.Content,
			Role:            m.Role,
			UserId:          m.Sender.UserId,
			SentAt:          time.Unix(0, m.ReceivedAt).UnixMilli(),
			Key:             key,
		},
	}
	c.saves.begin(s)
	// The old API mints ids and stores a repeat again: ask the log whether this message was stored before.
	if m.ClientMessageId != "" && c.router.singleRoute.Load() {
		c.router.bridge.send(&lookUp{chatID: c.id, save: s, pid: c.self})
		return
	}
	c.router.persistence.request(s.request, c.self)
}

func (c *chat) onLookedUp(l *lookedUp) {
	if c.saves.underway[l.save.key] != l.save {
		return
	}
	if l.failed {
		c.fail(l.save, errLog())
		return
	}
	if !l.found {
		c.router.persistence.request(l.save.request, c.self)
		return
	}
	p, err := wire.ParsePayload(l.entry.Payload, c.id)
	if err != nil {
		c.fail(l.save, errLog())
		return
	}
	c.finish(l.save, p.MessageID, p.Position.Offset)
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
	var aliases []string
	if s.clientID != "" {
		aliases = []string{s.key}
	}
	c.append(&pendingAppend{key: wire.MessageKey(stored.ID), body: stored.Body, save: s, id: stored.ID}, aliases)
}

// append hands an event to the log.
func (c *chat) append(p *pendingAppend, aliases []string) {
	p.since = time.Now()
	c.appends.add(p)
	c.router.bridge.request(&messages.AppendRequest{ChatId: c.id, Key: p.key, Aliases: aliases, Body: p.body}, c.self)
	if c.appends.away {
		c.serveUnlogged(p.since)
		return
	}
	c.wakeIn(c.router.cfg.LogPatience)
}

func (c *chat) onAppended(r *messages.AppendResult) {
	p := c.appends.take(r.Request.Key)
	if r.Refused {
		c.router.metrics.Drop(metrics.DropUnloggedOverflow)
		if p != nil {
			c.serve(p)
		}
		return
	}
	c.appends.away = false
	position := wire.Position{Epoch: r.Epoch, Offset: r.Offset}
	if !c.ready {
		c.begins(wire.Position{Epoch: r.Epoch, Offset: r.Offset - 1})
	}
	c.accept(position, r.Request.Key, r.Payload)
	if p == nil || p.save == nil {
		return
	}
	c.router.metrics.DeliveryLatency.Observe(time.Since(p.save.received).Seconds())
	c.finish(p.save, p.id, r.Offset)
}

// serveUnlogged delivers without an offset what the log has kept waiting for too long.
func (c *chat) serveUnlogged(now time.Time) {
	for _, p := range c.appends.overdue(now, c.router.cfg.LogPatience) {
		c.appends.away = true
		c.serve(p)
	}
	if c.appends.away {
		c.welcomeAll()
	}
}

// serve delivers an event to the sockets here although it has no place in the log.
func (c *chat) serve(p *pendingAppend) {
	p.served = true
	if _, known := c.recent.offset(p.key); !known {
		c.recent.add(p.key, 0)
		c.router.metrics.LogUnsequenced.Inc()
		c.broadcast(p.body)
	}
	if p.save != nil {
		c.finish(p.save, p.id, 0)
		p.save = nil
	}
}

// finish acknowledges a stored message to every socket that sent it.
func (c *chat) finish(s *save, id string, offset uint64) {
	c.saves.end(s, id, true)
	for _, connection := range s.waiting {
		c.ack(connection, s.clientID, id, offset)
	}
}

// fail refuses a message to every socket that sent it.
func (c *chat) fail(s *save, e *wire.Error) {
	c.saves.end(s, "", false)
	for _, connection := range s.waiting {
		c.refuse(connection, e, s.clientID)
	}
}

// ack tells a part-2 client that its message is stored; offset 0 = not in the log yet.
func (c *chat) ack(connection uint64, clientID, id string, offset uint64) {
	m := c.members.find(connection)
	if m == nil || !m.v1 || clientID == "" {
		return
	}
	fields := wire.AckFields{ChatID: c.id, ClientMessageID: clientID, ID: id, Status: wire.AckStored}
	if offset > 0 {
		fields.Position = wire.Position{Epoch: c.sequence.epoch, Offset: offset}
	}
	c.control(m, wire.Ack(fields))
}
