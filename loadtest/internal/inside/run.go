package inside

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"time"

	"eclipse/loadtest/internal/check"
	"eclipse/loadtest/internal/host"
	"eclipse/loadtest/internal/plan"
	"eclipse/loadtest/internal/report"
)

// sizes of the populations; those of messages and memory are chats of two.
type sizes struct {
	typingChats, typingSockets int
	messages                   []int // chats, ascending, at which the cost of a message is compared
}

var full = sizes{typingChats: 1000, typingSockets: 10, messages: []int{10, 1000, 100_000}}

const (
	pairs   = 2
	garbage = 100 // percent of what lives, as in a router with traffic
)

// run is one run of all parts.
type run struct {
	plan     plan.Plan
	sizes    sizes
	self     host.Meter
	progress *report.Progress
	result   *report.Actors
	verdict  check.Verdict
	profiles string // prefix of files, "" = none
}

// Run measures typing in chats of ten, messages in chats of two, and the memory of plan.Chats chats of two. The garbage
// collector is set as the router sets it while it is busy.
func Run(ctx context.Context, p plan.Plan, profiles string, progress *report.Progress) (*report.Result, error) {
	return start(ctx, p, full, profiles, progress)
}

func start(ctx context.Context, p plan.Plan, n sizes, profiles string, progress *report.Progress) (*report.Result, error) {
	defer debug.SetGCPercent(debug.SetGCPercent(garbage))
	r := &run{plan: p, sizes: n, self: host.Self(), progress: progress, result: &report.Actors{}, profiles: profiles}
	result := &report.Result{Target: "actors in this process", Plan: p, Actors: r.result}
	defer progress.Clear()
	for _, part := range []func(context.Context) error{r.generator, r.typing, r.messages, r.memory} {
		err := part(ctx)
		if result.Verdict = r.verdict; r.verdict.Refused > 0 {
			result.Errors = map[string]int64{"frame from the router": r.verdict.Refused}
		}
		if err != nil {
			return result, err
		}
	}
	return result, nil
}

func (r *run) drive(typing bool) drive {
	return drive{typing: typing, window: r.plan.Window, length: r.plan.Duration, size: r.plan.Size, self: r.self}
}

// measure warms up, measures and judges.
func (r *run) measure(ctx context.Context, p *population, d drive, name string) error {
	r.progress.Stage(name)
	warm := d
	warm.length = r.plan.Warmup
	if part, err := warm.run(ctx, p, name); err != nil {
		return err
	} else {
		r.judge(part)
	}
	stop, err := r.profile(p)
	if err != nil {
		return err
	}
	part, err := d.run(ctx, p, name)
	if err = errors.Join(err, stop()); err != nil {
		return err
	}
	r.judge(part)
	r.result.Parts = append(r.result.Parts, part)
	return nil
}

// profile starts a processor profile where one is wanted.
func (r *run) profile(p *population) (stop func() error, err error) {
	if r.profiles == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(fmt.Sprintf("%s-%dx%d.pprof", r.profiles, len(p.chats), p.perChat))
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() error { pprof.StopCPUProfile(); return f.Close() }, nil
}

// judge adds a part to the verdict. Without content only numbers can be compared.
func (r *run) judge(p report.ActorPart) {
	r.verdict.Add(check.Verdict{
		Sent: p.Sent, Refused: p.Refused, Expected: p.Expected, Received: min(p.Delivered, p.Expected),
		Lost: max(0, p.Expected-p.Delivered), Duplicated: max(0, p.Delivered-p.Expected),
	})
}

// generator measures this package's own cost.
func (r *run) generator(ctx context.Context) error {
	p := yardstick(r.sizes.typingChats, r.sizes.typingSockets)
	part, err := r.drive(true).run(ctx, p, "generator and sockets alone")
	r.result.Generator = part
	return err
}

func (r *run) typing(ctx context.Context) error {
	p := newPopulation(r.sizes.typingSockets, r.plan.V1)
	defer p.close()
	if err := p.grow(ctx, r.sizes.typingChats); err != nil {
		return err
	}
	return r.measure(ctx, p, r.drive(true), fmt.Sprintf("typing, chats of %d", p.perChat))
}

func (r *run) messages(ctx context.Context) error {
	p := newPopulation(pairs, r.plan.V1)
	defer p.close()
	var first, last report.ActorPart
	for i, chats := range r.sizes.messages {
		r.progress.Stage(fmt.Sprintf("connecting %d chats", chats))
		if err := p.grow(ctx, chats); err != nil {
			return err
		}
		if err := r.measure(ctx, p, r.drive(false), "messages, chats of two"); err != nil {
			return err
		}
		last = r.result.Parts[len(r.result.Parts)-1]
		if i == 0 {
			first = last
		}
	}
	r.result.CostRatio = last.CPUUsPerMessage / first.CPUUsPerMessage
	return nil
}

// memory connects chats of two in three steps, reads the resident memory after each, lets every chat speak once and
// reads it again.
func (r *run) memory(ctx context.Context) error {
	p := newPopulation(pairs, r.plan.V1)
	defer p.close()
	a := r.result
	for i := range 3 {
		chats := r.plan.Chats * (i + 1) / 3
		r.progress.Stage(fmt.Sprintf("connecting %d chats", chats))
		already, start := len(p.chats), time.Now()
		if err := p.grow(ctx, chats); err != nil {
			return err
		}
		a.SpawnSeconds += time.Since(start).Seconds()
		a.Spawned += int64(chats-already) * (1 + pairs)
		step, err := r.weigh(ctx, chats)
		if err != nil {
			return err
		}
		a.Memory = append(a.Memory, step)
	}
	a.SpawnPerSecond = float64(a.Spawned) / a.SpawnSeconds
	a.BytesPerChat = report.Slope(a.Memory, report.Resident)
	d := r.drive(false)
	d.once = true
	part, err := d.run(ctx, p, "each chat once")
	if err != nil {
		return err
	}
	r.judge(part)
	a.Spoken, err = r.weigh(ctx, len(p.chats))
	return err
}

// weigh reads the resident memory after all garbage has gone back to the system.
func (r *run) weigh(ctx context.Context, chats int) (report.Step, error) {
	runtime.GC() // what finalizers and pools held is free after the second collection
	debug.FreeOSMemory()
	u, err := r.self(ctx)
	return report.Step{Sockets: chats, RSSBytes: u.RSS}, err
}
