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
	early := c.early
	c.early = nil
	for _, r := range early {
		switch p := c.appends.find(r.Request.Key); {
		case p == nil:
		case r.Epoch < at.Epoch: // logged in an epoch that has ended
			p.done, p.notice = nil, nil
			c.send(p)
		default:
			c.onAppended(r, p)
		}
	}
	c.caughtUp()
}

// onHead compares the log's head with what was delivered.
func (c *chat) onHead(h *head) {
	at := h.position
	if h.subscribed {
		c.askPresence()
	}
	c.onQueueHead(h.queued)
	switch {
	case !c.ready:
		c.begins(at)
	case at.Epoch > c.sequence.epoch:
		c.restart(at.Epoch)
	case c.sequence.behind(at):
		c.readLog()
	}
	c.reconcile()
	c.forgetOld(h)
}

// forgetOld gives back what a quiet chat remembers of its last burst. An event may come again behind the log's back only when the log
// has been lost: out of the outbox, or as what the API tells behind the last message that it told. So both must be past what is
// forgotten, as far as this comparison of heads tells.
func (c *chat) forgetOld(h *head) {
	quiet := !c.stirred && !c.busy() && !h.queued && c.outbox.left == 0 && h.position == c.sequence.position()
	if c.stirred = false; quiet && (c.history == nil || c.history.last == "" || c.recent.among(quietKeys/2, wire.MessageKey(c.history.last))) {
		c.recent.trim(quietKeys)
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
	if _, known := c.recent.get(p.Key); known || c.appends.find(p.Key) != nil {
		c.router.metrics.Drop(metrics.DropKnownKey)
		return
	}
	pending := &pendingAppend{key: p.Key, body: p.Body}
	if c.router.logFull() {
		c.router.metrics.Drop(metrics.DropUnloggedOverflow)
		c.serve(pending)
		return
	}
	if c.answerIsDue(p.Body) {
		pending.heldUntil = time.Now().Add(c.router.cfg.PublishPatience)
	}
	c.append(pending)
}

// answerIsDue tells whether the old API is about to answer for what it has published: our call is under way. Then this
// instance has one step for the log instead of two.
func (c *chat) answerIsDue(body []byte) bool {
	s := c.saves.turn
	if s == nil || !s.handed || s.batchOnly || c.appends.away() {
		return false
	}
	said, ok := wire.SaidIn(body)
	return ok && said == wire.Said{Content: s.request.Content, Role: wire.Role(s.request.Role)}
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
	for _, payload := range c.sequence.rest() { // what came past a hole that nobody can fill any more
		c.deliver(0, "", payload)
	}
	c.sequence.start(wire.Position{Epoch: epoch})
	c.recent.forget()
	c.read.forgetOffsets()
	c.noticeLoss()
	c.enterAnew()
	c.sendAnew()
	c.readLog()
}

// noticeLoss tells part-2 clients that entries are gone which they cannot get here: they reload history.
func (c *chat) noticeLoss() {
	notice := &wire.Frame{Payload: wire.Resumed(c.id, false, c.sequence.position(), 0), Class: wire.Control}
	for i := range c.members {
		if part2Only(&c.members[i]) {
			c.tell(&c.members[i], notice)
		}
	}
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
	if c.remember(key, offset) {
		c.router.metrics.Drop(metrics.DropKnownKey)
	} else {
		c.broadcast(payload, true)
	}
	c.settle(key, wire.Position{Epoch: c.sequence.epoch, Offset: offset})
}

// remember notes the key of an event that is delivered, and tells whether it was known.
func (c *chat) remember(key string, offset uint64) (known bool) {
	c.stirred = true
	return c.recent.put(key, offset)
}

// broadcast sends one sequenced frame to every member: one immutable frame, at most two encodings. Who is in a replay
// gets an entry of the log through it, and who is not greeted yet begins at the place that its greeting will tell.
func (c *chat) broadcast(payload []byte, logged bool) {
	full := &wire.Frame{Payload: payload, Class: wire.Sequenced}
	public := full
	if c.members.anonymous() {
		public = c.public(full)
	}
	failure := wire.IsFailure(payload)
	for i := range c.members {
		m := &c.members[i]
		f := public
		if m.signedIn {
			f = full
		}
		if f != nil && (m.welcomed && m.replay == nil || !logged) && (m.v1 || !failure) {
			c.tell(m, f)
		}
	}
}

// visibleTo is a frame as one member may see it, nil if it may not.
func (c *chat) visibleTo(m *member, f *wire.Frame) *wire.Frame {
	switch {
	case !m.v1 && wire.IsFailure(f.Payload): // old clients do not know that type
		return nil
	case m.signedIn:
		return f
	}
	return c.public(f)
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

// readLog fetches what follows the last delivered entry. A chat that knows no head delivers nothing yet.
func (c *chat) readLog() {
	if !c.ready {
		return
	}
	if c.reading {
		c.again = true
		return
	}
	c.reading, c.again = true, false
	c.readAt = time.Time{}
	c.router.metrics.LogReads.Inc()
	c.router.bridge.request(&messages.ReadRequest{
		ChatId: c.id, Epoch: c.sequence.epoch, Offset: c.sequence.last, Max: readMax,
	}, c.self)
}

func (c *chat) onRead(r *messages.ReadResult) {
	switch {
	case r.Request.UnnamedFor != "":
		c.onSought(r)
		return
	case r.Request.Reconcile:
		c.onTail(r)
		return
	case r.Request.Connection != 0:
		c.onReplayRead(r)
		return
	}
	c.reading = false
	if r.Failed {
		c.readAgain()
		return
	}
	switch {
	case r.Request.Epoch != c.sequence.epoch: // asked in an epoch that has ended
		c.readLog()
		return
	case r.Epoch < c.sequence.epoch: // it has gone back to one
		c.readAgain()
		return
	case r.Epoch > c.sequence.epoch:
		c.restart(r.Epoch)
		return
	case r.Gap:
		c.skip(r)
	}
	for _, e := range r.Entries {
		c.accept(wire.Position{Epoch: r.Epoch, Offset: e.Offset}, e.Key, e.Payload)
	}
	if c.again || c.sequence.behind(wire.Position{Epoch: r.Epoch, Offset: r.Head}) {
		c.readLog()
		return
	}
	c.caughtUp()
}

// skip moves past entries that the log no longer keeps.
func (c *chat) skip(r *messages.ReadResult) {
	next := r.Head + 1
	if len(r.Entries) > 0 {
		next = r.Entries[0].Offset
	}
	if next > c.sequence.last+1 {
		c.router.metrics.LogGaps.Inc()
		c.sequence.skip(next)
		c.noticeLoss()
		for payload := c.sequence.next(); payload != nil; payload = c.sequence.next() {
			c.deliver(c.sequence.last, "", payload)
		}
	}
}

// readAgain has what could not be read tried again after a while.
func (c *chat) readAgain() {
	c.readAt = time.Now().Add(readRetry)
	c.wakeIn(readRetry)
}

func (c *chat) retryRead(now time.Time) {
	if !c.readAt.IsZero() && !now.Before(c.readAt) {
		c.readLog()
	}
}
