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
// Its life: saves wait in a queue per chat; while a call slot is free and the breaker lets it, the chats that have
// waited longest go into one batch, so that the first message goes at once and the rest gather while calls are in
// flight. Where the API lacks the batch route each chat's oldest save goes by the old route. What may safely be tried
// again is, until the save's patience is over; then its sender is told. Calls run in goroutines.
type persistence struct {
	router  *Router
	self    *actor.PID
	ctx     context.Context
	stop    context.CancelFunc
	queue   *saveQueue
	calls   int // under way
	breaker breaker
	denied  bool      // the API refuses our secret
	probeAt time.Time // when the batch route is looked for again
	wakeAt  time.Time
	users   users
}

// probeBatchEvery is how often an API that lacks the batch route is asked for it again.
const probeBatchEvery = 5 * time.Minute

// expireEvery is how often saves that have waited too long are looked for.
const expireEvery = time.Second

// Messages to persistence besides those of package messages.
type called struct {
	batch   []*queued
	results []nextapi.Result
	route   metrics.Route
	took    time.Duration
}

func (p *persistence) Receive(ctx actor.Context) {
	defer p.router.guard(metrics.ActorPersistence, ctx, nil)
	switch m := ctx.Message().(type) {
	case *messages.PersistRequest:
		p.onRequest(m, ctx.Sender())
	case *called:
		p.onCalled(m)
	case *messages.UserRequest:
		p.onUserRequest(m, ctx.Sender())
	case *userFound:
		p.onUserFound(m)
	case *wake:
		p.onWake(time.Now())
	case *actor.Started:
		p.self = ctx.Self()
		p.ctx, p.stop = context.WithCancel(context.Background())
		p.queue = newSaveQueue(p.router.cfg.MaxSaves)
		p.users = newUsers()
	case *actor.Stopping:
		p.stop()
	}
}

func (p *persistence) onRequest(r *messages.PersistRequest, from *actor.PID) {
	now := time.Now()
	// An outage that has outlasted the patience is not waited for again: the sender is told at once, unless this save
	// can be the one that tries whether the API is back.
	if p.breaker.downFor(now) > p.router.cfg.SavePatience && (p.breaker.trying || now.Before(p.breaker.openTill)) {
		p.answer(r, from, messages.PersistResult_UNAVAILABLE, p.breaker.openTill.Sub(now))
		return
	}
	if !p.queue.push(&queued{request: r, from: from, expires: now.Add(p.router.cfg.SavePatience)}) {
		p.router.metrics.Drop(metrics.DropUnstoredOverflow)
		p.answer(r, from, messages.PersistResult_OVERLOADED, 0)
		return
	}
	p.run(now)
}

// run makes calls while there is something to send, a slot is free and the breaker lets it.
func (p *persistence) run(now time.Time) {
	for p.calls < p.router.cfg.APIConcurrency {
		if len(p.queue.ready) == 0 || !p.breaker.allow(now) {
			break
		}
		limit, perChat, route := p.shape(now)
		batch := p.queue.take(limit, perChat, now)
		if len(batch) == 0 {
			p.breaker.trying = false
			break
		}
		p.calls++
		go p.call(batch, route)
	}
	p.router.saving.Store(int64(p.queue.size))
	p.router.metrics.APIQueued.Set(float64(p.queue.size))
	p.sleep(now)
}

// shape says how the next call looks: a batch, or one message by the old route.
func (p *persistence) shape(now time.Time) (limit, perChat int, route metrics.Route) {
	if p.router.singleRoute.Load() && now.Before(p.probeAt) {
		return 1, 1, metrics.RouteSingle
	}
	return p.router.cfg.BatchMax, p.router.cfg.BatchMax, metrics.RouteBatch
}

// call runs outside of Receive.
func (p *persistence) call(batch []*queued, route metrics.Route) {
	ctx, cancel := context.WithTimeout(p.ctx, p.router.cfg.SaveTimeout)
	defer cancel()
	items := make([]nextapi.Message, len(batch))
	for i, s := range batch {
		r := s.request
		items[i] = nextapi.Message{
			ID: r.Id, ChatID: r.ChatId, Content: r.Content, Role: r.Role, UserID: r.UserId,
			ClientMessageID: r.ClientMessageId, SentAt: time.UnixMilli(r.SentAt),
		}
	}
	start := time.Now()
	var results []nextapi.Result
	if route == metrics.RouteBatch {
		results = p.router.deps.API.StoreBatch(ctx, items)
	} else {
		results = []nextapi.Result{p.router.deps.API.Store(ctx, items[0])}
	}
	p.router.root().Send(p.self, &called{batch, results, route, time.Since(start)})
}

func (p *persistence) onCalled(c *called) {
	now := time.Now()
	p.calls--
	class := worst(c.results)
	p.router.metrics.APICall(c.route, uint8(class), c.took)
	if c.route == metrics.RouteBatch {
		p.router.metrics.BatchSize.Observe(float64(len(c.batch)))
	}
	p.judge(c, class, now)
	policy := retryPolicy{
		idempotent: c.route == metrics.RouteBatch,
		onRetry:    func(r nextapi.Result) { p.router.metrics.APIRetry(uint8(r.Class), 1) },
	}
	for start := 0; start < len(c.batch); {
		end := start + 1
		chatID := c.batch[start].request.ChatId
		for end < len(c.batch) && c.batch[end].request.ChatId == chatID {
			end++
		}
		for _, s := range p.queue.done(chatID, c.results[start:end], policy, now) {
			p.settle(s, now)
		}
		start = end
	}
	p.run(now)
}

// judge draws the conclusions of one call: which route there is, whether the API lives, whether it knows us.
func (p *persistence) judge(c *called, class nextapi.Class, now time.Time) {
	if c.route == metrics.RouteBatch {
		p.noteRoute(class, now)
	}
	// An item that the API answered shows that it lives, whatever it said of the others.
	alive := class == nextapi.Missing
	for _, r := range c.results {
		alive = alive || r.Class == nextapi.Stored || r.Class == nextapi.Rejected
	}
	wasOpen := p.breaker.open()
	p.breaker.done(alive, now)
	if open := p.breaker.open(); open != wasOpen {
		p.noteBreaker(open)
	}
	if denied := class == nextapi.Denied; denied != p.denied && (denied || alive) {
		p.denied = denied
		if denied {
			p.router.log.Error("the API refuses INTERNAL_API_SECRET; messages are kept and tried again")
		}
	}
	p.router.setAPIState(p.breaker.open(), p.denied)
}

func (p *persistence) noteRoute(class nextapi.Class, now time.Time) {
	single := p.router.singleRoute.Load()
	switch {
	case class == nextapi.Missing:
		if !single {
			p.router.log.Info("the API has no batch route; messages go one by one")
		}
		p.router.metrics.APIFallbacks.Inc()
		p.router.singleRoute.Store(true)
		p.probeAt = now.Add(probeBatchEvery)
	case single && class == nextapi.Stored:
		p.router.log.Info("the API has the batch route now")
		p.router.singleRoute.Store(false)
	}
}

func (p *persistence) noteBreaker(open bool) {
	if open {
		p.router.metrics.BreakerOpen.Set(1)
		p.router.log.Warn("the API does not answer; calls pause")
		return
	}
	p.router.metrics.BreakerOpen.Set(0)
	p.router.log.Info("the API answers again")
}

// worst is the class that says most about the API's state.
func worst(results []nextapi.Result) (class nextapi.Class) {
	for _, r := range results {
		class = max(class, r.Class)
	}
	return class
}

func (p *persistence) settle(s settled, now time.Time) {
	switch {
	case s.stored:
		p.router.send(s.save.from, &messages.PersistResult{Request: s.save.request, Id: s.result.ID, Data: s.result.Data})
	case s.final && s.result.Status == 404:
		p.answer(s.save.request, s.save.from, messages.PersistResult_CHAT_NOT_FOUND, 0)
	case s.final:
		p.answer(s.save.request, s.save.from, messages.PersistResult_REJECTED, 0)
	default:
		p.answer(s.save.request, s.save.from, messages.PersistResult_UNAVAILABLE, max(s.result.RetryAfter, p.breaker.openTill.Sub(now)))
	}
}

func (p *persistence) answer(r *messages.PersistRequest, to *actor.PID, outcome messages.PersistResult_Outcome, after time.Duration) {
	p.router.send(to, &messages.PersistResult{Request: r, Outcome: outcome, RetryAfterMs: max(after.Milliseconds(), 0)})
}

func (p *persistence) onWake(now time.Time) {
	if now.Before(p.wakeAt) {
		return
	}
	p.wakeAt = time.Time{}
	for _, s := range p.queue.expire(now) {
		p.settle(s, now)
	}
	p.run(now)
}

// sleep sets the alarm for the next retry, the breaker's next try or the next look at what has expired.
func (p *persistence) sleep(now time.Time) {
	if p.queue.size == 0 {
		return
	}
	at := now.Add(expireEvery)
	if retry := p.queue.nextRetry(now); !retry.IsZero() && retry.Before(at) {
		at = retry
	}
	if p.breaker.open() && p.breaker.openTill.After(now) && p.breaker.openTill.Before(at) {
		at = p.breaker.openTill
	}
	if p.wakeAt.IsZero() || at.Before(p.wakeAt) {
		p.wakeAt = at
		p.router.alarm.after(at.Sub(now), p.self)
	}
}
