package play

import (
	"context"
	"sync"
	"time"

	"eclipse/loadtest/chaos/internal/schedule"
	"eclipse/loadtest/chaos/internal/timing"
)

// deed carries a fault out: it begins it, waits for as long as it lasts, and ends it. missed: there was no occasion.
type deed func(p *play, ctx context.Context, f schedule.Fault) (missed bool)

// strikeAll lets every fault of the schedule strike at its time, and returns when the last one is over.
func (p *play) strikeAll(ctx context.Context) {
	began := time.Now()
	watched, unwatch := context.WithCancel(ctx)
	var watching, striking sync.WaitGroup
	watching.Go(func() { p.watch(watched) })
	for _, f := range schedule.Plan(p.options.Schedule) {
		if !pause(ctx, f.At-time.Since(began)) {
			break
		}
		striking.Go(func() { p.strike(ctx, f) })
	}
	if rest := p.options.Schedule.Duration - time.Since(began); rest > 0 {
		pause(ctx, rest)
	}
	striking.Wait()
	unwatch()
	watching.Wait()
}

// strike holds what a fault is about, so that a fault that lasts longer than planned holds the next one up.
func (p *play) strike(ctx context.Context, f schedule.Fault) {
	for i, target := range p.targets[schedule.TargetOf(f.Kind)] {
		if i == f.Target || schedule.OfAll(f.Kind) {
			target.Lock()
			defer target.Unlock()
		}
	}
	switch {
	case f.Kind == schedule.RedisWipe:
		p.instances.Lock()
		defer p.instances.Unlock()
	case schedule.Deadly(f.Kind):
		p.instances.RLock()
		defer p.instances.RUnlock()
	}
	if ctx.Err() != nil {
		return
	}
	p.say("%v", f)
	p.endanger(f, 1)
	incident := timing.Incident{Kind: string(f.Kind), Instance: -1, Began: p.door.Now()}
	if !schedule.OfAll(f.Kind) && schedule.PerInstance(f.Kind) {
		incident.Instance = f.Target
	}
	missed := deeds[f.Kind](p, ctx, f)
	incident.Ended = p.door.Now()
	p.endanger(f, -1)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.struck = append(p.struck, strike{Fault: f, missed: missed})
	if !missed {
		p.incidents = append(p.incidents, incident)
	}
}

// endanger notes that an instance may end, or may not any more.
func (p *play) endanger(f schedule.Fault, n int) {
	if !schedule.Deadly(f.Kind) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, i := range p.world.Instances {
		if i.Number == f.Target || schedule.OfAll(f.Kind) {
			p.busy[i.Number] += n
		}
	}
}

// watch looks for instances that end when no fault ended them, and starts them again.
func (p *play) watch(ctx context.Context) {
	for pause(ctx, 200*time.Millisecond) {
		for _, i := range p.world.Instances {
			p.mu.Lock()
			endangered := p.busy[i.Number] > 0
			p.mu.Unlock()
			if !endangered && !i.Alive() {
				p.wrong("instance %d ended by itself", i.Number)
				if err := i.Start(ctx); err != nil {
					p.wrong("%v", err)
				}
			}
		}
	}
}

var deeds map[schedule.Kind]deed

func init() {
	deeds = map[schedule.Kind]deed{}
	for _, set := range []map[schedule.Kind]deed{instanceDeeds, redisDeeds, apiDeeds, clientDeeds, diskDeeds} {
		for k, d := range set {
			deeds[k] = d
		}
	}
}
