package actors

import (
	"context"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"eclipse/actors/messages"
	"eclipse/internal/metrics"
	"eclipse/internal/nextapi"
)

// persistence stores messages through the Next.js API.
//
// Its life: it asks the API whether it has the batch route; until that is known saves wait. Then, while there is room for a
// call and the breaker lets it, the chats that have waited longest go into one batch, so that the first message goes at
// once and the rest gather while calls are in flight. Where the API lacks the batch route each chat's oldest save goes
// by the old route. What may safely be tried again is, until the save's patience is over; then its chat is told. An
// accepted save is tried for as long as it takes. Calls run in goroutines. It never gives up asking an API that is down,
// with or without saves.
//
// A call that is overdue gives its slot up, its chats become suspects, and suspects go apart from the others
// (persistence_calls.go).
type persistence struct {
	mailbox     mailbox
	router      *Router
	self        *actor.PID
	ctx         context.Context
	stop        context.CancelFunc
	queue       *saveQueue
	calls       apiCalls
	settled     []settled // room for those of one call
	breaker     breaker
	denied      bool // the API refuses our secret
	hanging     bool // for some chats
	probing     bool
	probes      int       // without a clear answer, while the route is unknown
	probeAt     time.Time // when the API is asked for the batch route (again), zero = not at all
	expireAt    time.Time // when saves that have waited too long are looked for
	wakeAt      time.Time
	users       users
	gaps        turnstile[gap]
	singlyUntil time.Time // until when the API is asked for each chat's history alone
}

// Which of its routes the API stores by.
const (
	routeUnknown int32 = iota
	routeBatch
	routeSingle
)

// probeBatchEvery is how often an API that lacks the batch route is asked for it again.
const probeBatchEvery = 5 * time.Minute

// expireEvery is how often saves that have waited too long are looked for.
const expireEvery = time.Second

// Messages to persistence besides those of package messages.
type (
	// keep has a message tried until the API has the last word: it was accepted meanwhile.
	keep struct{ chatID, key string }
	// withdraw takes messages back that another instance has to post, or that come later.
	withdraw struct {
		chatID string
		keys   []string
	}
	called struct {
		call    *apiCall
		results []nextapi.Result
		took    time.Duration
	}
	probed struct {
		result nextapi.Result
		round  int
	}
)

func (p *persistence) Receive(ctx actor.Context) {
	defer p.router.guard(metrics.ActorPersistence, ctx, nil)
	switch m := ctx.Message().(type) {
	case *queued:
		p.onSave(m)
	case *keep:
		p.queue.keep(m.chatID, m.key)
	case *withdraw:
		for _, key := range m.keys {
			p.queue.withdraw(m.chatID, key)
		}
	case *called:
		p.onCalled(m)
	case *probed:
		p.onProbed(m)
	case *messages.UserRequest:
		p.onUserRequest(m, ctx.Sender())
	case *userFound:
		p.onUserFound(m)
	case *reconcile:
		p.onReconcile(m, ctx.Sender())
	case *historyFound:
		p.onHistory(m)
	case *wake:
		p.onWake(time.Now())
	case *actor.Started:
		p.start(ctx)
	case *actor.Stopping:
		p.stop()
	case *actor.Stopped:
		p.mailbox.end(p.router.metrics)
	}
}

func (p *persistence) start(ctx actor.Context) {
	p.self = ctx.Self()
	p.ctx, p.stop = context.WithCancel(context.Background())
	p.queue = newSaveQueue(p.router.cfg.MaxSaves)
	p.calls = newAPICalls(p.router.cfg.APIConcurrency, p.router.cfg.AcceptPatience)
	p.users = newUsers()
	now := time.Now()
	p.probeAt = now
	p.run(now)
}

func (p *persistence) onSave(s *queued) {
	now := time.Now()
	if !s.request.Accepted {
		s.expires = now.Add(p.router.cfg.SavePatience)
		// Where nothing is accepted, an outage that has outlasted the patience is not waited for again: the sender is told
		// at once. Otherwise the message keeps its place here until it has one in the outbox.
		if !p.router.accepts() && p.breaker.downFor(now) > p.router.cfg.SavePatience && p.breaker.refuses(now) {
			p.answer(s.from, s.request, messages.PersistResult_UNAVAILABLE, p.breaker.openTill.Sub(now))
			return
		}
	}
	if !p.queue.push(s) {
		p.router.metrics.Drop(metrics.DropUnstoredOverflow)
		p.answer(s.from, s.request, messages.PersistResult_OVERLOADED, 0)
		return
	}
	p.run(now)
}

// run makes calls while there is something to send, room for one and the breaker lets it.
func (p *persistence) run(now time.Time) {
	p.queue.due(now)
	p.probe(now)
	p.free(now)
	for p.next(now, false) || p.next(now, true) {
	}
	p.router.metrics.APIQueued.Set(float64(p.queue.size))
	p.noteSuspects()
	p.sleep(now)
}

// holdBackFor is how long a message waits for a batch route that is gone before it is looked at again.
const holdBackFor = 5 * time.Second

// holdBack keeps a message, and those behind it, that only the batch route may store and that the API has lost.
func (p *persistence) holdBack(s *queued, now time.Time) {
	if !p.router.batchLost.Swap(true) {
		p.router.log.Error("the API has lost its batch route; messages that it may have stored wait until it is back")
	}
	wait := []nextapi.Result{{Class: nextapi.Retry, RetryAfter: holdBackFor}}
	policy := retryPolicy{batch: true, onRetry: func(nextapi.Result) { p.router.metrics.OutboxHeldBack.Inc() }}
	for _, late := range p.queue.done(nil, s.request.ChatId, wait, policy, now) {
		p.settle(late, now)
	}
}

// lapsePause is when a message is looked at again whose lease may have run out.
const lapsePause = 200 * time.Millisecond

// heldUntil keeps an accepted message back while the lease under which it is posted may be another's; zero = it may go.
func (p *persistence) heldUntil(s *queued, now time.Time) (until time.Time) {
	if s.expires.IsZero() && now.UnixNano() > p.router.leasedUntil.Load() {
		until = now.Add(lapsePause)
	}
	return until
}

func (p *persistence) settle(s settled, now time.Time) {
	switch {
	case s.stored:
		p.tell(s.save.from, &messages.PersistResult{Request: s.save.request, Id: s.result.ID, Data: s.result.Data})
	case s.final:
		outcome := messages.PersistResult_REJECTED
		if s.result.Status == statusNotFound {
			outcome = messages.PersistResult_CHAT_NOT_FOUND
		}
		p.tell(s.save.from, &messages.PersistResult{Request: s.save.request, Outcome: outcome, Reason: s.result.Reason})
	case s.unknown() && !s.save.batchOnly():
		p.tell(s.save.from, &messages.PersistResult{
			Request: s.save.request, Outcome: messages.PersistResult_UNKNOWN, Answered: s.result.Status == statusServerError,
		})
	default:
		p.answer(s.save.from, s.save.told(), messages.PersistResult_UNAVAILABLE, max(s.result.RetryAfter, p.breaker.openTill.Sub(now)))
	}
}

func (p *persistence) tell(chat address, r *messages.PersistResult) { chat.post(r, p.mailbox.runner) }

func (p *persistence) answer(chat address, r *messages.PersistRequest, outcome messages.PersistResult_Outcome, after time.Duration) {
	p.tell(chat, &messages.PersistResult{Request: r, Outcome: outcome, RetryAfterMs: max(after.Milliseconds(), 0)})
}

func (p *persistence) onWake(now time.Time) {
	if now.Before(p.wakeAt) {
		return
	}
	p.wakeAt = time.Time{}
	if !now.Before(p.expireAt) {
		p.expireAt = now.Add(expireEvery)
		for _, s := range p.queue.expire(now, p.router.accepts()) {
			p.settle(s, now)
		}
	}
	p.run(now)
}

// sleep sets the alarm for what is due next: a retry, a call that will be overdue, the breaker's next try, a probe, or a
// look at what has expired.
func (p *persistence) sleep(now time.Time) {
	at := p.queue.next
	soonest := func(t time.Time) {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	soonest(p.calls.next(now, p.pressed()))
	if p.queue.size > 0 || p.hanging {
		soonest(p.expireAt)
	}
	if p.breaker.open() {
		soonest(p.breaker.openTill)
	}
	if !p.probing {
		soonest(p.probeAt)
	}
	if at.IsZero() || !p.wakeAt.IsZero() && !at.Before(p.wakeAt) {
		return
	}
	p.wakeAt = at
	p.router.alarm.after(at.Sub(now), p.self)
}
