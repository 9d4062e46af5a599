package actors

import (
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"eclipse/actors/messages"
	"eclipse/internal/metrics"
	"eclipse/internal/wire"
)

// chat is one conversation on this instance.
//
// Its life: the root spawns it for the first member; it has the bridge subscribe to its channel and learns the log's
// head; members join and leave; messages are stored (chat_send.go), logged and delivered in order (chat_deliver.go);
// typing, presence and read marks pass by (chat_presence.go). When the last member has left it lingers, then asks the
// root to retire it, and its subscription goes with it.
type chat struct {
	id     string
	router *Router
	self   *actor.PID
	count  *atomic.Int32 // members, for the health page

	members members
	joins   uint64 // joins ever handled; the root compares it with the joins that it sent
	emptied time.Time

	// The log. Before ready nothing sequenced is delivered.
	ready    bool
	sequence sequence
	recent   recent
	reading  bool // a read of the log is under way
	again    bool // read once more when it is back
	readAt   time.Time
	early    []*messages.AppendResult // answers that cannot be judged before the head is known
	appends  appends
	saves    saves

	presence presence
	typists  typists
	read     readMarks

	joined time.Time // when the first member came
	wakeAt time.Time // when the alarm is set for, zero = not set
}

// Messages to a chat besides those of package messages.
type (
	// join adds a member. The root sends it, so that it can tell a chat that is leaving from one that is needed.
	join struct {
		member member
		resume *wire.Position
	}
	leave struct{ connection uint64 }
	// resubscribed: a member asked again for what it has; it is greeted again.
	resubscribed struct{ connection uint64 }
	// head is what the bridge tells: after subscribing, and when the log has moved past what the bridge has seen.
	head struct {
		position   wire.Position
		subscribed bool // the channel is heard from now on
	}
	// instanceBack: an instance that was given up lives.
	instanceBack struct{}
	// instanceGone: another instance died; its users are offline.
	instanceGone struct{ origin string }
	// lookedUp answers a lookUp.
	lookedUp struct {
		save  *save
		entry *messages.Entry // nil: the log does not know it
		epoch string
	}
)

func (c *chat) Receive(ctx actor.Context) {
	defer c.router.guard(metrics.ActorChat, ctx, c.apologise)
	switch m := ctx.Message().(type) {
	case *messages.ChatMessage:
		c.onChatMessage(m)
	case *messages.PersistResult:
		c.onPersisted(m)
	case *messages.AppendResult:
		c.onAppended(m)
	case *messages.Payload:
		c.onPayload(m.Payload)
	case *messages.ReadResult:
		c.onRead(m)
	case *lookedUp:
		c.onLookedUp(m)
	case *head:
		c.onHead(m)
	case *messages.Typing:
		c.onTyping(m)
	case *messages.AgentJoined:
		c.onAgentJoined(m)
	case *messages.UserResult:
		c.onUser(m)
	case *messages.Read:
		c.onReadMark(m)
	case *messages.Resume:
		c.onResume(m)
	case *instanceBack:
		c.askPresence()
	case *instanceGone:
		c.onInstanceGone(m.origin)
	case *resubscribed:
		c.onResubscribed(m.connection)
	case *join:
		c.onJoin(m)
	case *leave:
		c.onLeave(m.connection)
	case *wake:
		c.onWake()
	case *actor.Started:
		c.self = ctx.Self()
		c.joined = time.Now()
		c.router.bridge.send(&subscribe{chatID: c.id, pid: c.self})
	case *actor.Stopping:
		c.router.bridge.send(&unsubscribe{chatID: c.id, pid: c.self})
		c.router.metrics.Chats.Dec()
	}
}

// apologise answers the message that made the chat panic.
func (c *chat) apologise(message any) {
	switch m := message.(type) {
	case *messages.ChatMessage:
		c.refuse(m.Sender.GetConnection(), errInternal(), m.ClientMessageId)
	case *messages.AgentJoined:
		c.refuse(m.Sender.GetConnection(), errInternal(), "")
	case *messages.Resume:
		c.refuse(m.Sender.GetConnection(), errInternal(), "")
	case *lookedUp:
		c.giveUp(m.save.key)
	case *messages.PersistResult:
		c.giveUp(m.Request.Key)
	case *messages.AppendResult:
		if p := c.appends.find(m.Request.Key); p != nil {
			c.appends.remove(p)
			c.router.underway.Add(-1)
			if p.save != nil {
				c.giveUp(p.save.key)
			}
		}
	case *join: // it would wait for its greeting for ever
		c.router.send(m.member.pid, &goodbye{wire.CloseInternal, wire.CloseInternal.Reason()})
	case *wake:
		c.wakeIn(time.Second)
	case *messages.ReadResult:
		if m.Request.Connection != 0 {
			if r := c.members.find(m.Request.Connection); r != nil && r.replay != nil {
				c.endReplay(r, false)
			}
			return
		}
		c.reading = false
		c.readAt = time.Now().Add(readRetry)
		c.wakeIn(readRetry)
	}
}

// giveUp refuses a message whose handling panicked; its sender may try again.
func (c *chat) giveUp(key string) {
	s := c.saves.underway[key]
	if s == nil {
		return
	}
	for _, p := range c.appends.waiting { // it is logged all the same, and nobody waits for that
		if p.save == s {
			p.save = nil
		}
	}
	c.fail(s, errInternal())
}

func (c *chat) onJoin(j *join) {
	c.joins++
	m := j.member
	m.welcomed = false
	first := c.members.sockets(m.sender.UserId) == 0
	c.members = append(c.members, m)
	c.counted(1)
	if first {
		c.announceArrival(&c.members[len(c.members)-1])
	}
	if j.resume != nil {
		c.members[len(c.members)-1].replay = &replay{from: *j.resume}
	}
	if c.ready || c.appends.away {
		c.welcome(&c.members[len(c.members)-1])
		return
	}
	c.wakeIn(c.router.cfg.WelcomeTimeout)
}

// counted keeps the numbers of members true.
func (c *chat) counted(change int64) {
	c.count.Store(int32(len(c.members)))
	c.router.memberships.Add(change)
}

// welcome greets a member, and begins the replay that it asked for.
func (c *chat) welcome(m *member) {
	m.welcomed = true
	now := time.Now()
	switch {
	case m.primary && !m.v1:
		c.greet(m, wire.Connected(c.id, now, nil))
	case m.primary:
		state := c.state()
		c.greet(m, wire.Connected(c.id, now, &state))
	default:
		c.control(m, wire.Subscribed(c.id, now, c.state()))
	}
	if m.replay != nil {
		c.readFor(m)
	}
}

func (c *chat) onResubscribed(connection uint64) {
	if m := c.members.find(connection); m != nil {
		c.control(m, wire.Subscribed(c.id, time.Now(), c.state()))
	}
}

func (c *chat) state() wire.ChatState {
	return wire.ChatState{
		Position: c.sequence.position(),
		Presence: c.presence.snapshot(c.members),
		Read:     c.read.snapshot(),
	}
}

func (c *chat) onLeave(connection uint64) {
	m, ok := c.members.remove(connection)
	if !ok {
		return
	}
	c.counted(-1)
	c.endTyping(func(t typist) bool { return t.connection == connection && t.origin == "" })
	if c.members.sockets(m.sender.UserId) == 0 {
		c.presence.left(m.sender.UserId, m.role(), time.Now().Add(c.router.cfg.OfflineGrace))
		c.wakeIn(c.router.cfg.OfflineGrace)
	}
	if len(c.members) == 0 {
		c.emptied = time.Now()
		c.wakeIn(c.router.cfg.Linger)
	}
}

// onWake does what is due and sets the alarm for what is due next.
func (c *chat) onWake() {
	now := time.Now()
	if now.Before(c.wakeAt) {
		return
	}
	c.wakeAt = time.Time{}
	c.endTyping(func(t typist) bool { return !t.until.After(now) })
	c.announceDepartures(now)
	c.forgetUnconfirmed(now)
	c.postUnasked(now)
	c.failOverdue(now)
	c.serveUnlogged(now)
	c.welcomeLate(now)
	c.retryRead(now)
	c.askToRetire(now)
	c.wakeNext(now)
}

func (c *chat) welcomeLate(now time.Time) {
	if c.ready || now.Sub(c.joined) < c.router.cfg.WelcomeTimeout {
		return
	}
	c.welcomeAll()
}

func (c *chat) welcomeAll() {
	for i := range c.members {
		if !c.members[i].welcomed {
			c.welcome(&c.members[i])
		}
	}
}

func (c *chat) askToRetire(now time.Time) {
	if c.idle() && now.Sub(c.emptied) >= c.router.cfg.Linger {
		c.router.sendRoot(&retire{chatID: c.id, joins: c.joins})
	}
}

// idle tells whether nobody is here and nothing is under way.
func (c *chat) idle() bool {
	return len(c.members) == 0 && len(c.saves.underway) == 0 && len(c.appends.waiting) == 0 && len(c.presence.leaving) == 0
}

// wakeIn makes sure that the chat is woken at most d from now.
func (c *chat) wakeIn(d time.Duration) {
	at := time.Now().Add(d)
	if !c.wakeAt.IsZero() && !at.Before(c.wakeAt) {
		return
	}
	c.wakeAt = at
	c.router.alarm.after(d, c.self)
}

// wakeNext sets the alarm for the earliest deadline.
func (c *chat) wakeNext(now time.Time) {
	var next time.Time
	due := func(at time.Time) {
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	for _, t := range c.typists {
		due(t.until)
	}
	for _, l := range c.presence.leaving {
		due(l.at)
	}
	if !c.presence.confirmBy.IsZero() {
		due(c.presence.confirmBy)
	}
	if len(c.saves.queue) > 0 {
		due(c.saves.queue[0].received.Add(c.router.cfg.SavePatience))
	}
	if c.saves.lookingUp() {
		due(now.Add(c.router.cfg.LogPatience))
	}
	if at, ok := c.appends.nextDeadline(c.router.cfg.LogPatience); ok {
		due(at)
	}
	if !c.ready && len(c.members) > 0 && now.Sub(c.joined) < c.router.cfg.WelcomeTimeout {
		due(c.joined.Add(c.router.cfg.WelcomeTimeout))
	}
	if !c.readAt.IsZero() {
		due(c.readAt)
	}
	if len(c.members) == 0 {
		due(maxTime(c.emptied.Add(c.router.cfg.Linger), now.Add(time.Second)))
	}
	if !next.IsZero() {
		c.wakeIn(next.Sub(now))
	}
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// control sends a frame to one member.
func (c *chat) control(m *member, payload []byte) {
	c.router.send(m.pid, &wire.Frame{Payload: payload, Class: wire.Control})
}

// greet sends the frame that is a socket's first.
func (c *chat) greet(m *member, payload []byte) {
	c.router.send(m.pid, &wire.Frame{Payload: payload, Class: wire.Control, Greeting: true})
}

// refuse answers a connection with an error.
func (c *chat) refuse(connection uint64, e *wire.Error, clientMessageID string) {
	m := c.members.find(connection)
	if m == nil {
		return
	}
	c.router.metrics.Refuse(string(e.Code))
	c.control(m, wire.ErrorFrame(e, m.v1, c.id, clientMessageID))
}
