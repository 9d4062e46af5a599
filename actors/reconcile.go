package actors

import (
	"context"
	"errors"
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
		after  string
		rows   []nextapi.Row
		known  bool // the API knows the message
		failed bool // the API could not be asked
	}
	historyFound struct {
		of     []gap
		found  []nextapi.History // of each, when result is Stored
		result nextapi.Result
		took   time.Duration
	}
)

const (
	maxGaps      = 4    // calls at once
	gapsPerCall  = 100  // chats, where the API has the route for many
	maxGapsQueue = 5000 // waiting; more ask again in the next round
	historyPage  = 100
)

func (p *persistence) onReconcile(q *reconcile, from *actor.PID) {
	if len(p.gaps.waiting) >= maxGapsQueue || p.breaker.open() {
		p.router.send(from, &reconciled{after: q.after, failed: true})
		return
	}
	p.gaps.push(gap{q, from})
	p.askHistory()
}

// askHistory asks for those that wait: the first goes at once, the rest gather while calls are under way.
func (p *persistence) askHistory() {
	most := gapsPerCall
	if time.Now().Before(p.singlyUntil) {
		most = 1
	}
	for few := p.gaps.nextFew(maxGaps, most); few != nil; few = p.gaps.nextFew(maxGaps, most) {
		p.router.outside(p.self, func() any {
			ctx, cancel := context.WithTimeout(p.ctx, userTimeout)
			defer cancel()
			start := time.Now()
			found, result := p.history(ctx, few)
			return &historyFound{few, found, result, time.Since(start)}
		}, func(err error) any {
			return &historyFound{of: few, result: nextapi.Result{Class: nextapi.Ambiguous, Err: err}}
		})
	}
}

// history runs outside of Receive.
func (p *persistence) history(ctx context.Context, of []gap) ([]nextapi.History, nextapi.Result) {
	if len(of) > 1 {
		questions := make([]nextapi.Question, len(of))
		for i, g := range of {
			questions[i] = nextapi.Question{ChatID: g.question.chatID, After: g.question.after}
		}
		return p.router.deps.API.AfterEach(ctx, questions, historyPage)
	}
	limit, q := historyPage, of[0].question
	if q.after == "" {
		limit = 1
	}
	rows, result := p.router.deps.API.After(ctx, q.chatID, q.after, limit)
	return []nextapi.History{{Rows: rows, Known: true}}, result
}

// refusesMany tells whether the API cannot be asked about many chats at once.
func refusesMany(r nextapi.Result) bool {
	return r.Class == nextapi.Missing || r.Class == nextapi.Rejected || errors.Is(r.Err, nextapi.ErrTooLarge)
}

func (p *persistence) onHistory(h *historyFound) {
	p.gaps.ended()
	p.router.metrics.APICall(metrics.RouteHistory, uint8(h.result.Class), h.took)
	switch {
	case len(h.of) > 1 && refusesMany(h.result): // each is asked about alone then
		p.singlyUntil = time.Now().Add(probeBatchEvery)
		p.gaps.waiting = append(h.of, p.gaps.waiting...)
		p.askHistory()
		return
	case h.result.Class == nextapi.Missing:
		p.router.noHistory.Store(time.Now().Add(probeBatchEvery).Unix())
		h.of = append(h.of, p.gaps.waiting...)
		p.gaps.waiting = nil
	}
	for i, g := range h.of {
		answer := &reconciled{after: g.question.after}
		switch h.result.Class {
		case nextapi.Stored:
			answer.rows, answer.known = h.found[i].Rows, h.found[i].Known
		case nextapi.Rejected, nextapi.Missing: // it does not know the message
		default:
			answer.failed = true
		}
		p.router.send(g.from, answer)
	}
	p.askHistory()
}
