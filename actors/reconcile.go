package actors

import (
	"context"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"eclipse/internal/metrics"
	"eclipse/internal/nextapi"
)

// gap is a question to the API about what the log of a chat may lack.
type gap struct {
	question *reconcile
	from     *actor.PID
}

// Messages about what a log may lack.
type (
	// reconcile asks for what the API stored in a chat after a message ("" = only for its latest one); answered by
	// reconciled.
	reconcile  struct{ chatID, after string }
	reconciled struct {
		after string
		rows  []nextapi.Row
		known bool // the API answered, and knows the message
	}
	historyFound struct {
		of     gap
		rows   []nextapi.Row
		result nextapi.Result
		took   time.Duration
	}
)

const (
	maxGaps      = 4    // calls at once
	maxGapsQueue = 5000 // waiting; more ask again in the next round
	historyPage  = 100
)

func (p *persistence) onReconcile(q *reconcile, from *actor.PID) {
	if len(p.gaps.waiting) >= maxGapsQueue || p.breaker.open() {
		p.router.send(from, &reconciled{after: q.after})
		return
	}
	p.gaps.push(gap{q, from})
	p.askHistory()
}

func (p *persistence) askHistory() {
	for of, ok := p.gaps.next(maxGaps); ok; of, ok = p.gaps.next(maxGaps) {
		p.router.outside(p.self, func() any {
			ctx, cancel := context.WithTimeout(p.ctx, userTimeout)
			defer cancel()
			limit := historyPage
			if of.question.after == "" {
				limit = 1
			}
			start := time.Now()
			rows, result := p.router.deps.API.After(ctx, of.question.chatID, of.question.after, limit)
			return &historyFound{of, rows, result, time.Since(start)}
		}, func(err error) any {
			return &historyFound{of: of, result: nextapi.Result{Class: nextapi.Ambiguous, Err: err}}
		})
	}
}

func (p *persistence) onHistory(h *historyFound) {
	p.gaps.ended()
	p.router.metrics.APICall(metrics.RouteHistory, uint8(h.result.Class), h.took)
	if h.result.Class == nextapi.Missing {
		p.router.noHistory.Store(time.Now().Add(probeBatchEvery).Unix())
		for _, g := range p.gaps.waiting {
			p.router.send(g.from, &reconciled{after: g.question.after})
		}
		p.gaps.waiting = nil
	}
	p.router.send(h.of.from, &reconciled{after: h.of.question.after, rows: h.rows, known: h.result.Class == nextapi.Stored})
	p.askHistory()
}
