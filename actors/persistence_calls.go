package actors

import (
	"context"
	"math"
	"time"

	"eclipse/internal/metrics"
	"eclipse/internal/nextapi"
)

// The calls of persistence that store. Which call gives its slot up is decided in apicalls.go, which chats go apart in
// suspects.go.

// next makes one call for those that share calls, or for a suspect, unless there is nothing to send.
func (p *persistence) next(now time.Time, apart bool) bool {
	route := p.router.route.Load()
	if route == routeUnknown || apart && p.breaker.open() || p.queue.waits(apart) == 0 || !p.room(apart) {
		return false
	}
	round, ok := p.breaker.allow(now)
	if !ok {
		return false
	}
	limit, by := p.router.cfg.BatchMax, metrics.RouteBatch
	if route == routeSingle {
		limit, by = 1, metrics.RouteSingle
	}
	hold := func(s *queued) time.Time { return p.heldUntil(s, now) }
	var batch []*queued
	if apart {
		batch = p.queue.takeApart(limit, hold)
	} else {
		batch = p.queue.take(limit, limit, hold)
	}
	if len(batch) == 0 {
		p.breaker.unused()
		return false
	}
	if route == routeSingle && batch[0].batchOnly() {
		p.breaker.unused()
		p.holdBack(batch[0], now)
		return true
	}
	p.call(&apiCall{batch: batch, chats: byChat(batch), route: by, round: round, began: now, apart: apart})
	return true
}

// call posts a batch, or one message by the old route.
func (p *persistence) call(c *apiCall) {
	p.calls.begin(c)
	p.router.outside(p.self, func() any {
		ctx, cancel := context.WithTimeout(p.ctx, p.router.cfg.SaveTimeout)
		defer cancel()
		return &called{c, p.post(ctx, c.batch, c.route), time.Since(c.began)}
	}, func(err error) any {
		results := make([]nextapi.Result, len(c.batch))
		for i := range results {
			results[i] = nextapi.Result{Class: nextapi.Ambiguous, Err: err}
		}
		return &called{c, results, time.Since(c.began)}
	})
}

// post runs outside of Receive.
func (p *persistence) post(ctx context.Context, batch []*queued, route metrics.Route) []nextapi.Result {
	items := make([]nextapi.Message, len(batch))
	for i, s := range batch {
		r := s.request
		items[i] = nextapi.Message{
			ID: r.Id, ChatID: r.ChatId, Content: r.Content, Role: r.Role, UserID: r.UserId,
			ClientMessageID: r.ClientMessageId, SentAt: time.UnixMilli(r.SentAt),
		}
	}
	if route == metrics.RouteBatch {
		return p.router.deps.API.StoreBatch(ctx, items)
	}
	return []nextapi.Result{p.router.deps.API.Store(ctx, items[0])}
}

// free takes the slots of calls that are overdue, and makes suspects of their chats. By the batch route chats that shared
// such a call go again, each alone. The old route would store a repeat twice: there a chat waits for its call.
func (p *persistence) free(now time.Time) {
	yielded, suspected := p.calls.look(now, p.pressed())
	p.router.metrics.APIOverdue.Add(float64(len(yielded)))
	for _, c := range yielded {
		if p.breaker.open() { // the try has failed, though it goes on
			p.breaker.done(c.round, false, now)
		}
	}
	for _, c := range suspected {
		for _, saves := range c.chats {
			p.queue.accuse(saves[0].request.ChatId, now)
		}
		if c.split = c.route == metrics.RouteBatch && len(c.chats) > 1; !c.split {
			continue
		}
		for _, saves := range c.chats {
			p.queue.release(saves[0].request.ChatId)
			p.router.metrics.APIReposted.Add(float64(len(saves)))
		}
	}
}

// pressed tells whether chats that are not suspect wait for a call.
func (p *persistence) pressed() bool { return p.queue.waits(false) > 0 && !p.room(false) }

// room tells whether a call may begin. What fills one may, and so may the one that tries whether the API is back.
func (p *persistence) room(apart bool) bool {
	chats := p.queue.waits(apart)
	if chats >= p.router.cfg.BatchMax || p.breaker.open() {
		chats = math.MaxInt
	}
	return p.calls.room(apart, chats)
}

// byChat cuts a batch where its chats end; the saves of one stand together.
func byChat(batch []*queued) (chats [][]*queued) {
	start := 0
	for i := 1; i <= len(batch); i++ {
		if i == len(batch) || batch[i].request.ChatId != batch[start].request.ChatId {
			chats = append(chats, batch[start:i])
			start = i
		}
	}
	return chats
}

func (p *persistence) onCalled(m *called) {
	now, c := time.Now(), m.call
	class := worst(m.results)
	inTime := m.took < p.calls.limit()
	p.calls.end(c, lives(m.results), m.took)
	p.router.metrics.APICall(c.route, uint8(class), m.took)
	if c.route == metrics.RouteBatch {
		p.router.metrics.BatchSize.Observe(float64(len(c.batch)))
		if class == nextapi.Missing {
			p.learn(routeSingle, now)
		}
	}
	p.judge(c.round, m.results, now)
	p.settled = p.takeBack(p.settled[:0], c, m.results, inTime, now)
	for _, s := range p.settled {
		p.settle(s, now)
	}
	if clear(p.settled); len(p.settled) > p.router.cfg.BatchMax { // an outage settles many at once
		p.settled = nil
	}
	p.run(now)
}

// takeBack hands the results to the queue, chat by chat, and appends what is settled to out.
func (p *persistence) takeBack(out []settled, c *apiCall, results []nextapi.Result, inTime bool, now time.Time) []settled {
	policy := retryPolicy{
		batch:   c.route == metrics.RouteBatch,
		inOrder: p.router.accepts(),
		onRetry: func(r nextapi.Result) { p.router.metrics.APIRetry(uint8(r.Class), 1) },
	}
	for _, saves := range c.chats {
		chatID, own := saves[0].request.ChatId, results[:len(saves)]
		results = results[len(saves):]
		if inTime && own[0].Status != 0 {
			p.queue.acquit(chatID)
		}
		if c.split {
			out = append(out, p.queue.late(saves, own)...)
		} else {
			out = p.queue.done(out, chatID, own, policy, now)
		}
	}
	return out
}

// worst is the class that says most about the API's state.
func worst(results []nextapi.Result) (class nextapi.Class) {
	for _, r := range results {
		class = max(class, r.Class)
	}
	return class
}
