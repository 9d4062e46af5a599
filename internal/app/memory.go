package app

import (
	"context"
	"log/slog"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// heapShare is the share of the machine's memory, or of the container's, up to which the garbage collector lets the
// process grow before it works harder. The rest is for what Go does not count: the kernel's buffers of the sockets.
const heapShare = 0.7

// LimitMemory tells the garbage collector how much memory there is, unless GOMEMLIMIT does.
func LimitMemory(log *slog.Logger) {
	limit, err := memlimit.Set(memlimit.WithRatio(heapShare),
		memlimit.WithProvider(memlimit.ApplyFallback(memlimit.FromCgroup, memlimit.FromSystem)))
	if err != nil {
		log.Warn("the memory of this machine is not known; set GOMEMLIMIT", "error", err)
		return
	}
	log.Debug("memory limit", "bytes", limit)
}

// How much garbage is allowed, in percent of what lives (GOGC). With traffic it is Go's default. A router that mostly
// holds sockets makes little garbage and keeps close to what it needs, which costs a collection in some seconds.
const (
	busyPercent  = 100
	quietPercent = 25
)

// quietTurns is how often, in a minute at most, a quiet router allocates anew what lives.
const quietTurns = 6

// paceEvery is how often the pace of the garbage is looked at.
const paceEvery = 5 * time.Second

// pace is how fast garbage is made. It is plain data.
type pace struct {
	allocated uint64 // bytes, since the start
	quiet     bool
}

// look takes the bytes allocated so far and those that live, and tells whether the router is quiet.
func (p *pace) look(allocated, live uint64) (quiet, changed bool) {
	rate := allocated - p.allocated
	quiet = rate*uint64(time.Minute/paceEvery) < quietTurns*live
	changed = quiet != p.quiet
	p.allocated, p.quiet = allocated, quiet
	return quiet, changed
}

// tuneGC follows the pace until ctx ends, unless GOGC is set. When it becomes quiet, memory goes back to the system at
// once.
func tuneGC(ctx context.Context) {
	samples := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"}}
	before := debug.SetGCPercent(busyPercent)
	defer debug.SetGCPercent(before)
	if before != busyPercent { // GOGC was set by whoever runs this process
		return
	}
	tick := time.NewTicker(paceEvery)
	defer tick.Stop()
	var p pace
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		metrics.Read(samples)
		switch quiet, changed := p.look(samples[0].Value.Uint64(), samples[1].Value.Uint64()); {
		case !changed:
		case quiet:
			debug.SetGCPercent(quietPercent)
			debug.FreeOSMemory()
		default:
			debug.SetGCPercent(busyPercent)
		}
	}
}
