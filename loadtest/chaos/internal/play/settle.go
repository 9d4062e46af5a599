package play

import (
	"context"
	"math"
	"slices"
	"time"

	"eclipse/loadtest/chaos/internal/client"
	"eclipse/loadtest/chaos/internal/schedule"
	"eclipse/loadtest/chaos/internal/world"
)

// Bounds of coming to rest, beyond which a run has not recovered. The first is longer than the longest wait of the
// router for anything; the second than its comparison with the log's heads; the third than two of its comparisons with
// the API's history, which find what was stored and neither logged nor acknowledged; the fourth than it keeps connections to
// the API that it does not use; the last than it takes to take over the queue of an instance that has died.
const (
	recovery = 2 * time.Minute
	headTime = 45 * time.Second

	reconciled = 75 * time.Second
	resting    = 100 * time.Second
	stillness  = 8 * time.Second
)

// heal ends every fault.
func (p *play) heal(ctx context.Context) {
	p.world.API.Heal()
	for _, i := range p.world.Instances {
		if i.Proxy != nil {
			i.Proxy.Heal()
		}
		if !i.Alive() {
			p.wrong("instance %d is not running", i.Number)
			if err := i.Start(ctx); err != nil {
				p.wrong("%v", err)
			}
		}
	}
	p.say("all is healed")
}

// settle waits until everything that was sent has its answer and every client has what the log has. Then each client
// asks for what follows its place: what comes only now was not delivered.
func (p *play) settle(ctx context.Context) {
	p.door.Quiet()
	open := func(s client.Status) bool { return !s.Joined || s.Pending > 0 }
	if !p.wait(ctx, recovery, func() bool { return p.count(open) == 0 }) {
		p.wrong("after %v, %d clients are not connected and %d have messages without an answer", recovery,
			p.count(func(s client.Status) bool { return !s.Joined }), p.count(func(s client.Status) bool { return s.Pending > 0 }))
	}
	p.say("everything has its answer")
	p.still(ctx)
	if (p.options.History || !p.options.Schedule.Old) && !p.wait(ctx, reconciled, func() bool { return p.door.Unseen(p.world.API) == 0 }) {
		p.say("%v later %d rows were shown to nobody", reconciled, p.door.Unseen(p.world.API))
	}
	if !p.wait(ctx, headTime, p.level) {
		p.say("%v later some clients are not at the log's head", headTime)
	}
	for _, c := range p.clients {
		c.Tell(client.Order{Do: client.Finish})
	}
	pause(ctx, 100*time.Millisecond) // so that the question is on its way
	p.wait(ctx, headTime, func() bool { return p.count(func(s client.Status) bool { return s.Asking || !s.Joined }) == 0 })
	p.say("all is quiet")
}

// still waits until nothing is stored any more: old clients wait for no answer, and an instance that was stopped until now
// has what they said before.
func (p *play) still(ctx context.Context) {
	if p.count(func(s client.Status) bool { return s.Old }) == 0 {
		return
	}
	rows, since := -1, time.Now()
	p.wait(ctx, recovery, func() bool {
		if n := len(p.world.API.Rows()); n != rows {
			rows, since = n, time.Now()
		}
		return time.Since(since) >= stillness
	})
	p.say("nothing is stored any more")
}

// forgotten tells whether a log was lost with all that it knew: the comparison with the API's history begins anew then,
// with the latest message, and finds nothing that is older.
func (p *play) forgotten() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.damaged) > 0 || slices.ContainsFunc(p.struck, func(s strike) bool { return s.Kind == schedule.RedisWipe })
}

// outbox reads what the outbox holds, and waits until nothing of it waits for the API.
func (p *play) outbox(ctx context.Context) (held []world.Held) {
	var err error
	p.wait(ctx, recovery, func() bool {
		held, err = p.world.Outbox(ctx)
		return err != nil || !slices.ContainsFunc(held, func(h world.Held) bool { return !h.Dead() })
	})
	if err != nil {
		p.wrong("%v", err)
	}
	return held
}

// level tells whether the clients of each chat are at the same place.
func (p *play) level() bool {
	heads := map[int]client.Status{}
	for _, c := range p.clients {
		s := c.Status()
		if s.Old {
			continue
		}
		head, known := heads[c.Record.Chat]
		if known && (s.Epoch != head.Epoch || s.Offset != head.Offset) || s.Asking {
			return false
		}
		heads[c.Record.Chat] = s
	}
	return true
}

// Usage is what all instances together use.
type Usage struct {
	Goroutines float64 `json:"goroutines"`
	Heap       float64 `json:"heap"`     // bytes in use after a collection
	Resident   float64 `json:"resident"` // bytes
}

const (
	goroutines = "go_goroutines"
	heap       = "go_memstats_heap_alloc_bytes"
	resident   = "process_resident_memory_bytes"
)

func (p *play) usage(ctx context.Context) (u Usage) {
	for _, i := range p.world.Instances {
		values, err := i.Collect(ctx, goroutines, heap, resident)
		if err != nil {
			p.wrong("reading what instance %d uses: %v", i.Number, err)
			continue
		}
		u.Goroutines += values[goroutines]
		u.Heap += values[heap]
		u.Resident += values[resident]
	}
	return u
}

// drift is the greater of the two ratios to the start.
func (u Usage) drift(start Usage) float64 {
	return math.Max(u.Goroutines/start.Goroutines, u.Heap/start.Heap)
}

// settledUsage waits until it is back near to the start: half-open sockets are noticed within 35 s, and connections to the
// API that are not used close after 90 s.
func (p *play) settledUsage(ctx context.Context, start Usage) (u Usage) {
	p.wait(ctx, resting, func() bool {
		u = p.usage(ctx)
		return u.drift(start) <= allowedDrift || !pause(ctx, time.Second)
	})
	return u
}
