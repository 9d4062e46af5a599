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
// Its life: the root spawns it for the first member, or to post what another instance left in its outbox; it has the
// bridge subscribe to its channel and learns the log's head; members join and leave; messages are stored (chat_send.go, chat_stored.go,
// or chat_live.go where they are shown first), wait in the outbox while they cannot be (chat_outbox.go), from where the
// holder of its lease (chat_lease.go) posts them (chat_feed.go), are logged (chat_log.go) and delivered in order
// (chat_deliver.go); typing, presence and read marks pass by (chat_presence.go). When the last member has left and
// nothing is under way it lingers, then asks the root to retire it, and its subscription goes with it.
type chat struct {
	mailbox mailbox

	id     string
	router *Router
	self   *actor.PID
	count  *atomic.Int32 // members, for the health page

	members members
	joins   uint64 // joins ever handled; the root compares it with the joins that it sent
	emptied time.Time

	// The log. Before ready nothing sequenced is delivered.
	sequence sequence
	recent   places // event keys that were delivered → offset in the present epoch, 0 = none known
	stirred  bool   // an event was delivered since the last comparison of heads
	ready    bool
	reading  bool // a read of the log is under way
	again    bool // read once more when it is back
	readAt   time.Time
	early    []*messages.AppendResult // answers that cannot be judged before the head is known
	appends  appends
	saves    saves
	outbox   outbox
	history  *history  // nil until the API is asked for what was lost
	claimAt  time.Time // when a failed claim is tried again

	presence presence
	typists  typists
	audience audience
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
		queued     bool // messages wait in the outbox
		subscribed bool // the channel is heard from now on
	}
	// instanceBack: an instance that was given up lives.
	instanceBack struct{}
	// instanceGone: another instance died; its users are offline.
	instanceGone struct{ origin string }
	// lookedUp answers a lookUp.
	lookedUp struct {
		save    *save
		refusal bool
		entry   *messages.Entry // nil: the log does not know it
		epoch   string
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
		c.onStep(m)
	case *messages.Payload:
		c.onPayload(m.Payload)
	case *messages.ReadResult:
		c.onRead(m)
	case *claimed:
		c.onClaimed(m)
	case *reconciled:
		c.onReconciled(m)
	case *leaseLost:
		c.onLeaseLost(m.fence)
	case *adopt:
		c.joins++
		c.claim()
		c.wakeIn(c.router.cfg.Linger)
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
		c.emptied = c.joined
		c.router.bridge.send(&subscribe{chatID: c.id, pid: c.self, audience: &c.audience})
	case *actor.Stopping:
		c.router.bridge.send(&unsubscribe{chatID: c.id, pid: c.self})
		c.router.metrics.Chats.Dec()
	case *actor.Stopped:
		c.mailbox.end(c.router.metrics)
	}
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
	c.askProfile(&c.members[len(c.members)-1])
	if j.resume != nil {
		c.members[len(c.members)-1].replay = &replay{from: *j.resume}
	}
	if c.ready || c.appends.away() {
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
	if m.replay == nil {
		m.replay = c.unaskedReplay(m, now)
	}
	if m.replay != nil && !m.replay.ahead {
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

// tell gives a member's connection a message.
func (c *chat) tell(m *member, message any) { m.to.post(message, c.mailbox.runner) }

// control sends a frame to one member.
func (c *chat) control(m *member, payload []byte) {
	c.tell(m, &wire.Frame{Payload: payload, Class: wire.Control})
}

// greet sends the frame that is a socket's first.
func (c *chat) greet(m *member, payload []byte) {
	c.tell(m, &wire.Frame{Payload: payload, Class: wire.Control, Greeting: true})
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
