package actors

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"eclipse/actors/messages"
	"eclipse/internal/chatlog"
	"eclipse/internal/metrics"
)

// bridge turns what chats want of the log and the bus into calls, and what comes back into messages.
//
// Its life: it dials the bus, subscribes the channel of every active chat in batches, and after each (re)subscription
// compares the heads, since what was published meanwhile was not heard. Appends and look-ups run through lanes, one
// batch in flight each; publishes gather while one is in flight; reads run beside each other. Nothing is done in
// Receive that can wait for Redis. A second ticks by: heads are compared every Config.HeadCheck, a silent connection is
// probed, other instances that fell silent are given up, leases are
// renewed, and queues of accepted messages that nobody posts find a new holder.
type bridge struct {
	mailbox mailbox
	router  *Router
	self    *actor.PID
	ctx     context.Context // ends with the actor
	stop    context.CancelFunc

	lanes [laneCount]lane

	publications []chatlog.Publication
	publishing   bool

	reads turnstile[read]

	feed        chatlog.Feed
	dialing     bool
	dialed      bool // ever
	dialFails   int
	dialAt      time.Time
	upSince     time.Time
	subs        subscriptions
	subscribing bool
	subscribeAt time.Time
	heardAt     time.Time // last payload
	probing     bool
	pending     atomic.Int64 // payloads between the feed and Receive
	pendingSize atomic.Int64 // and their bytes

	leases    map[string]uint64 // fences of the leases that this instance holds, by chat
	renewing  bool
	renewAt   time.Time
	claims    turnstile[claimOf]
	orphansAt time.Time
	searching bool

	tickAt    time.Time
	checking  bool
	checkAt   time.Time
	aliveAt   time.Time
	instances instances
	silent    map[string]bool // instances given up, in case they come back
}

const (
	laneCount       = 4
	maxPublications = 10_000
	maxPending      = 50_000
	maxPendingBytes = 32 << 20
	maxReads        = 32 // under way at once
	maxLookUps      = 16 // calls of one batch under way at once
	probeTimeout    = 5 * time.Second
	bridgeTick      = time.Second

	// instanceChannel carries the instances' signs of life. It cannot be a chat's: ids have no colon.
	instanceChannel = ":instances"
)

type read struct {
	request *messages.ReadRequest
	from    *actor.PID
}

// Messages to the bridge besides those of package messages.
type (
	subscribe struct {
		chatID   string
		pid      *actor.PID
		audience *audience
	}
	unsubscribe struct {
		chatID string
		pid    *actor.PID
	}
	// lookUp asks whether the log has something about a message; answered by lookedUp.
	lookUp struct {
		chatID  string
		key     string // event key or alias
		known   bool   // the log may have it; otherwise the question only keeps the message's place
		refusal bool   // asks for the frame that says that it was refused for good; handed back
		save    *save
		pid     *actor.PID
	}
	// cancel takes a step back that lets a message into the outbox: it was refused meanwhile.
	cancel struct{ chatID, key string }
	// heardInstance: a chat has heard of an instance for the first time.
	heardInstance struct{ origin string }
	heard         struct {
		chatID  string
		payload []byte
	}
	laneDone struct {
		lane    int
		answers []logAnswer // one per operation of the batch
	}
	logAnswer struct {
		appended chatlog.Appended
		found    *chatlog.Entry
		err      error
	}
	publishDone struct {
		sent  []chatlog.Publication
		began time.Time
		err   error
	}
	readDone struct {
		read read
		page chatlog.Page
		err  error
	}
	feedUp struct {
		feed chatlog.Feed
		err  error
	}
	feedDown       struct{ feed chatlog.Feed }
	subscribedDone struct {
		feed        chatlog.Feed
		add, remove []string
		heads       []chatlog.Head
		err         error
	}
	headsDone struct {
		chatIDs []string
		heads   []chatlog.Head
		err     error
	}
	probeDone struct {
		feed chatlog.Feed
		err  error
	}
)

func (b *bridge) Receive(ctx actor.Context) {
	defer b.router.guard(metrics.ActorBridge, ctx, nil)
	switch m := ctx.Message().(type) {
	case *logOp:
		b.enqueue(*m)
	case *lookUp:
		b.enqueue(logOp{lookUp: m})
	case *laneDone:
		b.onLaneDone(m)
	case *heard:
		b.onHeard(m)
	case *heardInstance:
		b.instances.heard(m.origin, time.Now())
	case *messages.Publish:
		b.onPublish(m)
	case *publishDone:
		b.onPublishDone(m)
	case *messages.ReadRequest:
		b.reads.push(read{m, ctx.Sender()})
		b.runReads()
	case *readDone:
		b.onReadDone(m)
	case *cancel:
		b.onCancel(m)
	case *claim:
		b.claims.push(claimOf{chatID: m.chatID, all: m.all, from: ctx.Sender()})
		b.runClaims()
	case *claimDone:
		b.onClaimDone(m)
	case *renewed:
		b.onRenewed(m)
	case *orphansFound:
		b.onOrphans(m)
	case *subscribe:
		b.subs.add(m.chatID, m.pid, m.audience)
		b.runSubscribe()
	case *unsubscribe:
		if b.subs.remove(m.chatID, m.pid) {
			b.dropLease(m.chatID)
		}
		b.runSubscribe()
	case *subscribedDone:
		b.onSubscribed(m)
	case *feedUp:
		b.onFeedUp(m)
	case *feedDown:
		b.onFeedDown(m.feed)
	case *headsDone:
		b.onHeads(m)
	case *probeDone:
		b.onProbe(m)
	case *wake:
		b.onTick(time.Now())
	case *actor.Started:
		b.start(ctx)
	case *actor.Stopping:
		b.stop()
	case *actor.Stopped:
		b.mailbox.end(b.router.metrics)
	}
}

func (b *bridge) start(ctx actor.Context) {
	b.self = ctx.Self()
	b.ctx, b.stop = context.WithCancel(context.Background())
	b.router.metrics.RedisUp(metrics.LinkCommands, true)
	b.tickAt = time.Now().Add(bridgeTick)
	b.router.alarm.after(bridgeTick, b.self)
	b.checkAt = time.Now().Add(b.router.cfg.HeadCheck)
	b.dial()
}

// tell sends the bridge a result from a goroutine outside.
func (b *bridge) tell(message any) { b.router.root().Send(b.self, message) }

// call is the context of one call of the log.
func (b *bridge) call() (context.Context, context.CancelFunc) {
	return context.WithTimeout(b.ctx, b.router.cfg.LogTimeout)
}
