package actors

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"eclipse/internal/nextapi"
)

// What persistence knows of the API: which routes it has, whether it lives, whether it knows us.

// probesUnclear is after how many probes without a clear answer the log says so.
const probesUnclear = 5

// probe asks for the batch route when that is due, and whether an API that is down is back when no save can ask: a
// suspect's would say little. A probe stores nothing, so nothing hangs on its outcome.
func (p *persistence) probe(now time.Time) {
	due := !p.probeAt.IsZero() && !now.Before(p.probeAt)
	if p.breaker.open() && p.queue.untried() {
		due = !p.breaker.refuses(now)
	}
	if !due || p.probing {
		return
	}
	round, ok := p.breaker.allow(now)
	if !ok {
		return
	}
	p.probing = true
	p.router.outside(p.self, func() any {
		ctx, cancel := context.WithTimeout(p.ctx, p.router.cfg.SaveTimeout)
		defer cancel()
		return &probed{p.router.deps.API.Probe(ctx), round}
	}, func(err error) any {
		return &probed{nextapi.Result{Class: nextapi.Ambiguous, Err: err}, round}
	})
}

func (p *persistence) onProbed(r *probed) {
	now := time.Now()
	p.probing = false
	p.judge(r.round, []nextapi.Result{r.result}, now)
	switch {
	case r.result.Class == nextapi.Stored:
		p.learn(routeBatch, now)
	case r.result.Class == nextapi.Missing:
		p.learn(routeSingle, now)
	case p.router.route.Load() == routeSingle: // a path that answers oddly is no reason to leave the route that works
		p.probeAt = now.Add(probeBatchEvery)
	case p.router.route.Load() == routeUnknown:
		if p.probes++; p.probes == probesUnclear {
			p.router.log.Warn("the API does not tell whether it has the batch route; messages wait", "status", r.result.Status)
		}
		p.probeAt = now.Add(backoff(p.breaker.failures+1, 100*time.Millisecond, 2*time.Second))
	}
	p.run(now)
}

// learn notes by which route the API stores.
func (p *persistence) learn(route int32, now time.Time) {
	p.probeAt = time.Time{}
	if route == routeBatch {
		p.router.batchLost.Store(false)
	}
	if route == routeSingle {
		p.router.metrics.APIFallbacks.Inc()
		p.probeAt = now.Add(probeBatchEvery)
	}
	slots := p.router.cfg.APIConcurrency
	if route == routeSingle {
		slots *= singleCalls
	}
	p.calls.setSlots(slots)
	if p.router.route.Swap(route) != route {
		p.router.log.Info("the API's routes are known", slog.Bool("batch", route == routeBatch))
	}
}

// judge draws the conclusions of one call.
func (p *persistence) judge(round int, results []nextapi.Result, now time.Time) {
	alive, denied := lives(results), slices.ContainsFunc(results, func(r nextapi.Result) bool { return r.Class == nextapi.Denied })
	wasOpen := p.breaker.open()
	p.breaker.done(round, alive, now)
	if open := p.breaker.open(); open != wasOpen {
		p.noteBreaker(open)
	}
	if denied && !p.denied {
		p.router.log.Error("the API refuses INTERNAL_API_SECRET: set the same value on both sides; messages are refused with a retryable error meanwhile")
	}
	if denied || alive {
		p.denied = denied
	}
	p.router.setAPIState(p.breaker.open(), p.denied)
}

// lives tells whether the API answered an item of a call.
func lives(results []nextapi.Result) bool {
	return slices.ContainsFunc(results, func(r nextapi.Result) bool {
		return r.Class == nextapi.Stored || r.Class == nextapi.Rejected || r.Class == nextapi.Missing
	})
}

// noteSuspects tells for how many chats the API may hang.
func (p *persistence) noteSuspects() {
	n := len(p.queue.suspects)
	p.router.metrics.APISuspects.Set(float64(n))
	if p.hanging == (n > 0) {
		return
	}
	if p.hanging = n > 0; p.hanging {
		p.router.log.Warn("the API hangs for some chats; they are stored apart", slog.Int("chats", n))
	} else {
		p.router.log.Info("the API hangs for no chat any more")
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
