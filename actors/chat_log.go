package actors

import (
	"slices"
	"time"

	"eclipse/actors/messages"
	"eclipse/internal/wire"
)

// An event's way into the log, and what happens while the log is away.

// append hands an event to the log.
func (c *chat) append(p *pendingAppend) {
	p.since = time.Now()
	if q := c.appends.find(p.key); q != nil && q.held() { // the same event, of which this says more
		c.appends.remove(q)
		c.router.underway.Add(-1)
	}
	if p.held() {
		c.wakeAtLatest(p.heldUntil)
	} else {
		c.sendHeld(time.Time{}) // or this would overtake it
		c.send(p)
	}
	c.appends.add(p)
	c.router.underway.Add(1)
	if c.appends.away() {
		c.serveAll()
	}
	c.wakeAtLatest(p.since.Add(c.router.cfg.LogPatience))
}

func (c *chat) send(p *pendingAppend) {
	if p.queue != nil {
		p.epoch = c.sequence.epoch
	}
	c.step(&messages.AppendRequest{
		ChatId: c.id, Key: p.key, Aliases: p.aliases, Body: p.body, Queue: p.queue, Done: p.done, Notice: p.notice, Epoch: p.epoch,
	})
}

// sendAnew sends what the log did not take, since it has begun anew: behind what was accepted before, in its order.
func (c *chat) sendAnew() {
	for _, p := range slices.Clone(c.appends.waiting) {
		if p.epoch != "" && p.epoch < c.sequence.epoch {
			c.send(p)
		}
	}
}

// sendHeld sends what was held until a time, zero = all.
func (c *chat) sendHeld(until time.Time) {
	for _, p := range c.appends.waiting {
		if p.held() && (until.IsZero() || !until.Before(p.heldUntil)) {
			p.heldUntil = time.Time{}
			c.send(p)
		}
	}
}

// step asks for a step of log and outbox.
func (c *chat) step(r *messages.AppendRequest) {
	c.router.bridge.post(&logOp{append: r, from: &c.mailbox}, c.mailbox.runner)
}

// onStep takes the answer to a step of log and outbox.
func (c *chat) onStep(r *messages.AppendResult) {
	if r.Cancelled {
		c.onCancelled(r)
		return
	}
	if c.ready && r.Epoch > c.sequence.epoch && (r.Anew || len(r.Request.Body) == 0) {
		c.restart(r.Epoch)
	}
	if r.Anew { // restart has sent it again
		return
	}
	c.outbox.moved = c.outbox.moved || r.Request.Queue != nil || r.Request.Done != nil
	if r.Request.Done != nil {
		c.onLeft(r)
	}
	p := c.appends.find(r.Request.Key)
	switch {
	case len(r.Request.Body) == 0:
	case p == nil:
		return
	case r.Again: // it is stored, and may be shown, whatever became of the queue
		p.done, p.notice = nil, nil
	case r.Full && p.stored: // all that it wants is its place
		p.queue, p.epoch = nil, ""
		c.send(p)
		return
	case r.Full, r.Fenced: // another instance answers for what was refused
		c.appends.remove(p)
		c.router.underway.Add(-1)
	default:
		c.onAppended(r, p)
		return
	}
	if r.Request.Queue != nil {
		c.onEntered(r)
	}
}

// onCancelled forgets a message that was refused before its step began, unless it was sent again meanwhile.
func (c *chat) onCancelled(r *messages.AppendResult) {
	if p := c.appends.find(r.Request.Key); p != nil && (p.save == nil || !c.saves.has(p.save)) {
		c.appends.remove(p)
		c.router.underway.Add(-1)
	}
}

// onAppended takes the log's answer to an event. It may be a repeat: another instance, or the API's own publish, was
// first.
func (c *chat) onAppended(r *messages.AppendResult, p *pendingAppend) {
	at := wire.Position{Epoch: r.Epoch, Offset: r.Offset}
	key, id := p.key, p.id
	if r.Repeat && r.Payload != nil { // known by an alias, perhaps: the log's entry is what counts
		if first, err := wire.ParsePayload(r.Payload, c.id); err == nil {
			key, id = first.Key, first.MessageID
		}
	}
	switch {
	case !c.ready && r.Repeat: // its place may be before ours: the head will tell
		c.early = append(c.early, r)
		return
	case !c.ready:
		c.begins(wire.Position{Epoch: at.Epoch, Offset: at.Offset - 1})
	}
	c.appends.awaySince = 0
	if p.regained && !r.Repeat {
		c.router.metrics.LogReconciled.Inc()
	}
	c.accept(at, key, r.Payload) // a panic in it finds the append still waiting, and answers its sender
	c.appends.remove(p)
	c.router.underway.Add(-1)
	if p.save != nil { // else it is no message, or its delivery has answered the sender
		if _, delivered := c.recent.get(key); !delivered && !c.sequence.behind(at) && r.Payload != nil {
			c.echo(p.save, r.Payload)
		}
		if p.queue == nil {
			c.finish(p.save, id, at)
		}
	}
	if p.queue != nil {
		c.onEntered(r)
	}
}

// echo shows a message to the old clients that sent it, since the place that it has is before they came. Others read of
// it in their ack, and have it from their replay or their history.
func (c *chat) echo(s *save, payload []byte) {
	full := &wire.Frame{Payload: payload, Class: wire.Sequenced}
	for _, connection := range s.waiting {
		if m := c.members.find(connection); m != nil && !m.v1 {
			if f := c.visibleTo(m, full); f != nil {
				c.tell(m, f)
			}
		}
	}
}

// settle answers the sender of a message that has just been delivered, whoever put it into the log.
func (c *chat) settle(key string, at wire.Position) {
	if p := c.appends.find(key); p != nil && p.save != nil {
		c.router.metrics.DeliveryLatency.Observe(time.Since(p.save.received).Seconds())
		if p.queue != nil && !p.stored { // it is shown; what became of it, its own answer will tell
			return
		}
		c.finish(p.save, p.id, at)
		p.save = nil
		return
	}
	c.settleElsewhere(key, at)
}

// serveUnlogged delivers without an offset what the log has kept waiting for too long.
func (c *chat) serveUnlogged(now time.Time) {
	if !c.appends.overdue(now, c.router.cfg.LogPatience) {
		return
	}
	if !c.appends.away() {
		c.appends.awaySince = now.UnixNano()
	}
	c.welcomeAll()
	c.serveAll()
}

// serveAll serves what may be served by now, oldest first, so that none overtakes another.
func (c *chat) serveAll() {
	for _, p := range c.appends.waiting {
		c.serve(p)
	}
}

// serve delivers an event to the sockets here although it has no place in the log. A message that nobody has stored yet
// goes to the API first, once it has waited itself or the log has been away for as long, which it is not after a pause of this process: it
// may be a repeat of what the outbox has with the time at which it was sent first. What is known to be one waits for the outbox.
func (c *chat) serve(p *pendingAppend) {
	if p.served {
		return
	}
	if p.queue != nil && !p.stored {
		now := time.Now()
		waited := max(now.Sub(p.since), c.appends.awayFor(now)) >= c.router.cfg.LogPatience
		if s := p.save; s != nil && !s.posted && !p.shown && waited {
			c.post(s)
		}
		return
	}
	p.served = true
	if _, known := c.recent.get(p.key); !known {
		c.remember(p.key, 0)
		c.router.metrics.LogUnsequenced.Inc()
		c.broadcast(p.body, false)
	}
	c.settle(p.key, wire.Position{})
}
