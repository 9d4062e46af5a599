package play

import (
	"context"

	"eclipse/loadtest/chaos/internal/schedule"
)

var diskDeeds = map[schedule.Kind]deed{
	schedule.FileDamaged: fileDamaged,
	schedule.DiskFull:    diskFull,
}

// fileDamaged turns parts of the file of log and outbox over while nobody has it open.
func fileDamaged(p *play, ctx context.Context, f schedule.Fault) bool {
	i := p.target(f)
	i.Kill()
	p.mu.Lock()
	p.damaged = append(p.damaged, p.door.Now())
	p.mu.Unlock()
	if err := i.Damage(f.Share); err != nil {
		p.wrong("damaging the file of instance %d: %v", i.Number, err)
	}
	pause(ctx, f.For)
	revive(p, ctx, i)
	return false
}

func diskFull(p *play, ctx context.Context, f schedule.Fault) bool {
	i := p.target(f)
	if !i.Volume() {
		p.say("%s needs a file system of its own, which only root can mount", f.Kind)
		return true
	}
	free, err := i.Fill()
	if err != nil {
		p.wrong("filling the disk of instance %d: %v", i.Number, err)
		return true
	}
	pause(ctx, f.For)
	free()
	return false
}
