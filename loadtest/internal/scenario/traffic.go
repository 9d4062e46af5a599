package scenario

import (
	"context"
	"runtime"
	"time"

	"eclipse/loadtest/internal/host"
	"eclipse/loadtest/internal/plan"
	"eclipse/loadtest/internal/report"
	"eclipse/loadtest/internal/work"
)

// Stretch is a while of sending at the plan's rate or window.
type Stretch struct {
	For  time.Duration
	Once bool // instead: each sender of the chats that the last Open opened, once

	Bounce *work.Bounce
	Mixed  bool // the plan's busy chats at their own rate
}

// Talk sends without measuring.
func (s *Stage) Talk(ctx context.Context, t Stretch) error {
	s.log.course.Stage("talking")
	return s.talk(ctx, t, false)
}

func (s *Stage) talk(ctx context.Context, t Stretch, measured bool) error {
	procs := float64(s.crew.Size())
	done, err := s.do(ctx, func(i int) work.Command {
		talk := &work.Talk{Window: s.Plan.Window, For: t.For, Once: t.Once, Measured: measured, Bounce: t.Bounce}
		if s.Plan.Rate > 0 {
			talk.Rate = s.Plan.Rate / procs
			talk.Offset = time.Duration(float64(i) / s.Plan.Rate * float64(time.Second))
		}
		if t.Mixed && s.Plan.Busy > 0 {
			_, talk.Busy = plan.Share(s.Plan.Busy, i, s.crew.Size())
			talk.BusyRate = s.Plan.BusyRate * float64(talk.Busy) / float64(s.Plan.Busy)
		}
		return work.Command{Do: work.Say, Talk: talk}
	})
	for _, d := range done {
		s.bounced(d.Bounced)
	}
	return err
}

// bounced adds what one process tells of its sockets that dropped.
func (s *Stage) bounced(b *work.Bounced) {
	if b == nil {
		return
	}
	if s.result.Reconnect == nil {
		s.result.Reconnect = &report.Reconnect{Retries: map[string]int64{}}
	}
	r := s.result.Reconnect
	r.Sockets += b.Sockets
	r.Dialers += b.Dialers
	r.NotBack += b.NotBack
	r.Seconds = max(r.Seconds, b.Took.Seconds())
	addUp(r.Retries, b.Retries)
}

// Measure sends for a while and says in the result how it went.
func (s *Stage) Measure(ctx context.Context, t Stretch) error {
	s.log.course.Stage("measuring")
	before, err := s.usage(ctx)
	if err != nil {
		return err
	}
	if s.target.API != nil {
		s.target.API.Took() // forget the warm-up
	}
	calls := s.target.Commands(ctx)
	cpu, control, start := s.cpu, host.Self().Try(ctx), time.Now()
	if err := s.talk(ctx, t, true); err != nil {
		return err
	}
	took, since := time.Since(start), host.Self().Try(ctx)
	after, err := s.usage(ctx)
	if err != nil {
		return err
	}
	s.result.Traffic = &report.Traffic{Seconds: took.Seconds()}
	s.log.fill(s.result.Traffic)
	s.charge(s.result.Traffic, before, after, s.cpu-cpu)
	s.chargeControl(s.result.Traffic, control, since)
	s.result.Traffic.Occupied = s.occupied(s.result.Traffic, before, after)
	s.result.Traffic.Commands(calls, s.target.Commands(ctx))
	return nil
}

// charge divides what server and generator used by what was done.
func (s *Stage) charge(t *report.Traffic, before, after *host.Usage, load time.Duration) {
	t.SentPerSecond, t.DeliveredPerSecond = float64(t.Sent)/t.Seconds, float64(t.Delivered)/t.Seconds
	t.LoadBusy = load.Seconds() / t.Seconds
	if t.Delivered > 0 {
		t.LoadUsPerDelivery = 1e6 * load.Seconds() / float64(t.Delivered)
	}
	if after != nil {
		t.RSSBytes = after.RSS
	}
	if t.CPUSeconds = spent(before, after); t.CPUSeconds == nil || t.Sent == 0 || t.Delivered == 0 {
		return
	}
	t.CPUUsPerMessage = each(*t.CPUSeconds, t.Sent)
	t.CPUUsPerDelivery = each(*t.CPUSeconds, t.Delivered)
	if after.Redis > 0 {
		t.RedisUsPerMessage = each((after.Redis - before.Redis).Seconds(), t.Sent)
	}
}

// chargeControl is for this process, in which the API double runs.
func (s *Stage) chargeControl(t *report.Traffic, before, after *host.Usage) {
	if t.ControlCPUSeconds = spent(before, after); t.ControlCPUSeconds != nil && t.Sent > 0 {
		t.ControlUsPerMessage = each(*t.ControlCPUSeconds, t.Sent)
	}
}

// occupied is the share of the load's processors that all that we know of on them took: sockets, this process, a Redis that
// we started, and the server unless it has processors of its own.
func (s *Stage) occupied(t *report.Traffic, before, after *host.Usage) float64 {
	used := t.LoadBusy * t.Seconds
	if t.ControlCPUSeconds != nil {
		used += *t.ControlCPUSeconds
	}
	if before != nil && after != nil {
		used += (after.Redis - before.Redis).Seconds()
		if s.target.Local && !s.opts.Apart {
			used += *t.CPUSeconds
		}
	}
	return used / t.Seconds / float64(runtime.GOMAXPROCS(0)) // pinning leaves the load's to us
}

func each(seconds float64, n int64) *float64 {
	us := 1e6 * seconds / float64(n)
	return &us
}

// Drain waits for what is on its way.
func (s *Stage) Drain(ctx context.Context) error {
	s.log.course.Stage("waiting for the last deliveries")
	_, err := s.do(ctx, same(work.Command{Do: work.Drain, Timeout: s.Plan.Patience}))
	if s.result.Traffic != nil {
		s.log.latencies(s.result.Traffic)
	}
	if s.result.Reconnect != nil {
		s.result.Reconnect.BackMs = s.log.returns()
	}
	return err
}
