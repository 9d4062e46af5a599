package play

import (
	"context"
	"time"

	"eclipse/loadtest/chaos/internal/schedule"
	"eclipse/loadtest/chaos/internal/world"
)

var instanceDeeds = map[schedule.Kind]deed{
	schedule.Kill:            kill,
	schedule.KillAfterAck:    at((*world.Instance).AfterAck, (*world.Instance).Shoot, revive),
	schedule.KillAfterCommit: at((*world.Instance).AfterCommit, (*world.Instance).Shoot, revive),
	schedule.KillDraining:    killDraining,
	schedule.KillAll:         killAll,
	schedule.Stop:            stop,
	schedule.StopLong:        stop,
	schedule.StopAfterAck:    at((*world.Instance).AfterAck, (*world.Instance).Pause, resume),
	schedule.StopAfterCommit: at((*world.Instance).AfterCommit, (*world.Instance).Pause, resume),
	schedule.Restart:         restart,
	schedule.RestartAll:      restartAll,
}

func (p *play) target(f schedule.Fault) *world.Instance { return p.world.Instances[f.Target] }

// revive starts an instance anew that was killed.
func revive(p *play, ctx context.Context, i *world.Instance) {
	i.Kill()
	if err := i.Start(ctx); err != nil && ctx.Err() == nil {
		p.wrong("%v", err)
	}
}

func resume(_ *play, _ context.Context, i *world.Instance) { i.Resume() }

func kill(p *play, ctx context.Context, f schedule.Fault) bool {
	p.target(f).Kill()
	pause(ctx, f.For)
	revive(p, ctx, p.target(f))
	return false
}

func stop(p *play, ctx context.Context, f schedule.Fault) bool {
	p.target(f).Pause()
	defer p.target(f).Resume()
	pause(ctx, f.For)
	return false
}

// occasion bounds the wait for a failpoint to be passed.
const occasion = 3 * time.Second

// at strikes an instance when it passes a failpoint, and undoes that later.
func at(arm func(*world.Instance, func()) (cancel func()), hit func(*world.Instance), undo func(*play, context.Context, *world.Instance)) deed {
	return func(p *play, ctx context.Context, f schedule.Fault) (missed bool) {
		i, done := p.target(f), make(chan struct{})
		cancel := arm(i, func() { hit(i); close(done) })
		defer cancel()
		timer := time.NewTimer(occasion)
		defer timer.Stop()
		select {
		case <-done:
		case <-timer.C:
			cancel()
			select {
			case <-done: // just now
			default:
				return true
			}
		case <-ctx.Done():
			return true
		}
		pause(ctx, f.For)
		undo(p, ctx, i)
		return false
	}
}

// killDraining asks an instance to go and does not let it finish.
func killDraining(p *play, ctx context.Context, f schedule.Fault) bool {
	p.target(f).Terminate()
	pause(ctx, f.For)
	revive(p, ctx, p.target(f))
	return false
}

func killAll(p *play, ctx context.Context, f schedule.Fault) bool {
	for _, i := range p.world.Instances {
		i.Shoot()
	}
	pause(ctx, f.For)
	for _, i := range p.world.Instances {
		revive(p, ctx, i)
	}
	return false
}

func restart(p *play, ctx context.Context, f schedule.Fault) bool {
	p.replace(ctx, p.target(f))
	return false
}

func restartAll(p *play, ctx context.Context, f schedule.Fault) bool {
	for _, i := range p.world.Instances {
		p.replace(ctx, i)
		pause(ctx, f.For)
	}
	return false
}

func (p *play) replace(ctx context.Context, i *world.Instance) {
	if err := i.Replace(ctx); err != nil && ctx.Err() == nil {
		p.wrong("%v", err)
	}
}
