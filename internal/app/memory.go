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

// settled is after how many quiet looks, three minutes, memory goes back to the system once more: until then chats that have become
// quiet have given back what they remembered.
const settled = int(3 * time.Minute / paceEvery)

// pace is how fast garbage is made. It is plain data.
type pace struct {
	allocated uint64 // bytes, since the start
	quiet     int    // looks in a row
}

// look takes the bytes allocated so far and those that live. It returns how much garbage is allowed, and whether memory goes
// back to the system now.
func (p *pace) look(allocated, live uint64) (percent int, giveBack bool) {
	rate := allocated - p.allocated
	p.allocated = allocated
	if rate*uint64(time.Minute/paceEvery) >= quietTurns*live {
		p.quiet = 0
		return busyPercent, false
	}
	p.quiet++
	return quietPercent, p.quiet == 1 || p.quiet == settled
}

// tuneGC follows the pace until ctx ends, unless GOGC is set.
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
	for now := busyPercent; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		metrics.Read(samples)
		percent, giveBack := p.look(samples[0].Value.Uint64(), samples[1].Value.Uint64())
		if percent != now { // setting it stops the world
			now = percent
			debug.SetGCPercent(percent)
		}
		if giveBack {
			debug.FreeOSMemory()
		}
	}
}
