package actors

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"eclipse/internal/metrics"
	"eclipse/internal/workers"
)

// Router is the actor system as the gateway and main see it. It implements GatewayRouter.
type Router struct {
	cfg     Config
	deps    Deps
	metrics *metrics.Metrics
	log     *slog.Logger

	system      *actor.ActorSystem
	rootPID     *actor.PID
	bridge      ref
	persistence ref
	alarm       *alarm
	runners     *runners
	slow        *workers.Pool[func()] // work outside of actors
	started     chan struct{}
	stopped     chan struct{}

	connections atomic.Uint64 // numbers given out
	open        atomic.Int64  // sessions not gone yet
	memberships atomic.Int64  // of all chats
	underway    atomic.Int64  // saves and appends that chats wait for, accepted messages not counted

	acceptedBytes atomic.Int64 // contents of the accepted messages that chats keep until they are stored
	logging       atomic.Int64 // log operations that the bridge has
	loggingBytes  atomic.Int64

	route     atomic.Int32 // by which the API stores
	logDown   atomic.Bool
	busDown   atomic.Bool
	apiDown   atomic.Bool
	apiDenied atomic.Bool
	batchLost atomic.Bool // the API had the batch route, and messages wait for it

	leasedUntil atomic.Int64 // Unix nanoseconds until which no other instance can have taken a lease of ours
	noHistory   atomic.Int64 // Unix seconds until which the API is not asked for history: it lacks the route

	durable bool // the outbox outlives this process
}

// ErrDraining: the instance is going away and takes no new sockets.
var ErrDraining = errors.New("draining")

// Start spawns the root with its bridge and persistence.
func Start(cfg Config, deps Deps) *Router {
	r := &Router{
		cfg: cfg.withDefaults(), deps: deps, metrics: deps.Metrics, log: deps.Logger,
		durable: deps.Outbox.Durable(), runners: newRunners(), slow: newOutside(), started: make(chan struct{}), stopped: make(chan struct{}),
	}
	// The library logs dead letters and failures with the message itself, which is somebody's content: it gets no
	// voice. Dead letters are counted, panics are logged by guard.
	r.system = actor.NewActorSystem(actor.WithDeadLetterThrottleInterval(time.Millisecond), actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger {
		return slog.New(slog.DiscardHandler)
	}))
	r.system.EventStream.Subscribe(func(event any) {
		if e, ok := event.(*actor.DeadLetterEvent); ok && e.Message != any(wakeUp) { // a late alarm is no loss
			r.metrics.Drop(metrics.DropDeadLetter)
		}
	})
	r.alarm = newAlarm(func(pid *actor.PID) { r.send(pid, wakeUp) })
	props := actor.PropsFromProducer(func() actor.Actor { return &root{router: r} },
		actor.WithMailbox(mailboxes(r.runners)), actor.WithSupervisor(resume{}), actor.WithGuardian(resume{}))
	r.rootPID = r.system.Root.Spawn(props)
	<-r.started
	return r
}

// ref is one of the services that every actor may speak to.
type ref struct{ address }

func (s ref) send(message any) { s.post(message, nil) }

// request sends a message whose answer goes to from.
func (s ref) request(message any, from *actor.PID) {
	s.post(&actor.MessageEnvelope{Message: message, Sender: from}, nil)
}

func (r *Router) root() *actor.RootContext { return r.system.Root }

func (r *Router) send(pid *actor.PID, message any) { r.system.Root.Send(pid, message) }

func (r *Router) sendRoot(message any) { r.send(r.rootPID, message) }

// Connect spawns the connection actor and joins the token's chat, which answers with `connected`. It fails with
// ErrDraining, or with the context's error.
func (r *Router) Connect(ctx context.Context, c ConnectRequest) (GatewaySession, error) {
	s := &Session{router: r, socket: c.Socket, number: r.connections.Add(1), v1: c.V1}
	s.primary = newMembership(c.Identity, s.number)
	done := make(chan error, 1)
	r.sendRoot(&connect{session: s, done: done, join: &join{resume: c.Resume}})
	select {
	case err := <-done: // the root answers in microseconds
		if err != nil {
			return nil, err
		}
	case <-r.stopped:
		return nil, ErrDraining
	case <-ctx.Done():
		go s.abandon(done)
		return nil, ctx.Err()
	}
	r.open.Add(1)
	return s, nil
}

// logFull tells whether the log's backlog takes nothing more that is not stored yet.
func (r *Router) logFull() bool {
	return r.logging.Load() >= int64(r.cfg.MaxAppends) || r.loggingBytes.Load() >= maxLogBytes
}

// accepts tells whether messages that the API does not store in time go into the outbox.
func (r *Router) accepts() bool { return r.durable && r.cfg.AcceptPatience > 0 }

// maxAcceptedBytes bounds the contents of the accepted messages that are kept here until they are stored.
const maxAcceptedBytes = 64 << 20

// maxLogBytes bounds the bodies that wait for the log.
const maxLogBytes = 32 << 20

// Status is a snapshot for the health page.
func (r *Router) Status(ctx context.Context) Status {
	answer := make(chan Status, 1)
	r.sendRoot(&statusRequest{answer})
	s := Status{Connections: int(r.open.Load())}
	select {
	case s = <-answer:
	case <-ctx.Done():
	case <-r.stopped:
	}
	s.Degraded = r.degraded()
	return s
}

func (r *Router) degraded() (reasons []string) {
	for _, state := range []struct {
		bad    bool
		reason string
	}{
		{r.logDown.Load(), "redis: commands are not answered"},
		{r.busDown.Load(), "redis: the pub/sub connection is gone"},
		{r.apiDown.Load(), "api: does not answer"},
		{r.apiDenied.Load(), "api: refuses INTERNAL_API_SECRET"},
		{r.batchLost.Load(), "api: has lost its batch route"},
	} {
		if state.bad {
			reasons = append(reasons, state.reason)
		}
	}
	return reasons
}

func (r *Router) setLogUp(up bool) {
	if r.logDown.Swap(!up) == up {
		r.log.Warn("the message log's state changed", "up", up)
	}
	r.metrics.RedisUp(metrics.LinkCommands, up)
}

func (r *Router) setBusUp(up bool) {
	r.busDown.Store(!up)
	r.metrics.RedisUp(metrics.LinkPubSub, up)
}

func (r *Router) setAPIState(down, denied bool) {
	r.apiDown.Store(down)
	r.apiDenied.Store(denied)
}

// comeBackAfter is how long clients are asked to wait after a planned close. The closes are spread, so that those who come
// back are, too.
const comeBackAfter = 500 * time.Millisecond

// Drain takes no new sockets, advises every client, closes the sockets spread over a time, and waits until what was
// accepted is stored and logged. It returns the context's error when that takes longer.
func (r *Router) Drain(ctx context.Context, spread time.Duration) error {
	answer := make(chan []*Session, 1)
	r.sendRoot(&drain{answer})
	var sessions []*Session
	select {
	case sessions = <-answer:
	case <-r.stopped:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
	r.log.Info("draining", "connections", len(sessions))
	start := time.Now()
	due := func(i int) time.Duration { return spread * time.Duration(i+1) / time.Duration(len(sessions)+1) }
	for _, s := range sessions {
		s.advise(comeBackAfter)
	}
	for i, s := range sessions {
		sleep(ctx, time.Until(start.Add(due(i)))) // when the time is up the rest is closed at once
		s.closeForRestart()
	}
	// A chat handles what a socket sent before it hears that the socket left, so with no member left nothing is unseen.
	for r.open.Load() > 0 || r.memberships.Load() > 0 || r.underway.Load() > 0 {
		if !sleep(ctx, 20*time.Millisecond) {
			return ctx.Err()
		}
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(max(d, 0))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Close stops every actor and waits for them. Sockets are closed without a word: Drain first.
func (r *Router) Close() {
	r.system.Root.Stop(r.rootPID)
	<-r.stopped
	r.alarm.close()
	r.runners.close()
	r.slow.Close()
	r.system.Shutdown()
}

var _ GatewayRouter = (*Router)(nil)
