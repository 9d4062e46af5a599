package scenario

import (
	"context"
	"fmt"
	"time"

	"eclipse/loadtest/internal/host"
	"eclipse/loadtest/internal/pace"
	"eclipse/loadtest/internal/plan"
	"eclipse/loadtest/internal/report"
	"eclipse/loadtest/internal/work"
)

// Open opens the sockets of n more chats, spread evenly over the processes.
func (s *Stage) Open(ctx context.Context, n int) error {
	s.log.course.Stage(fmt.Sprintf("opening %d sockets", n*s.Plan.Sockets))
	before, err := s.usage(ctx)
	if err != nil {
		return err
	}
	start := time.Now()
	done, err := s.do(ctx, func(i int) work.Command {
		_, till := plan.Share(s.opened+n, i, s.crew.Size())
		_, already := plan.Share(s.opened, i, s.crew.Size())
		return work.Command{Do: work.Open, Chats: till - already}
	})
	if err != nil {
		return err
	}
	took := time.Since(start)
	s.opened += n
	after, err := s.usage(ctx)
	if err != nil {
		return err
	}
	return s.account(done, took, spent(before, after))
}

// account adds an opening to the result.
func (s *Stage) account(done []*work.Done, took time.Duration, cpu *float64) error {
	o := &s.result.Opening
	o.Sockets, s.result.Refused = 0, map[string]int64{}
	for _, d := range done {
		addUp(s.result.Refused, d.NotOpened)
		o.Sockets += d.Sockets
	}
	o.Seconds += took.Seconds()
	o.PerSecond = float64(o.Sockets) / o.Seconds
	if cpu != nil && o.CPUSeconds != nil {
		*cpu += *o.CPUSeconds
	}
	o.CPUSeconds = cpu
	o.ConnectMs = s.log.connects()
	if len(s.result.Refused) > 0 {
		return errNotOpened
	}
	return nil
}

// Weigh lets the server settle and reads its memory.
func (s *Stage) Weigh(ctx context.Context) error {
	s.log.course.Stage("letting memory settle")
	if err := pace.Wait(ctx, s.Plan.Settle); err != nil {
		return err
	}
	u, err := s.usage(ctx)
	if err != nil {
		return err
	}
	if s.result.Idle == nil {
		s.result.Idle = &report.Idle{}
	}
	step := report.Step{Sockets: s.opened * s.Plan.Sockets, KernelBytes: host.KernelMemory()}
	if u != nil {
		step.RSSBytes = u.RSS
	}
	s.result.Idle.Steps = append(s.result.Idle.Steps, step)
	s.result.Idle.BytesPerSocket = report.Slope(s.result.Idle.Steps, report.Resident)
	s.result.Idle.KernelObjects = host.SocketObjects()
	if kernel := report.Slope(s.result.Idle.Steps, report.Kernel); s.target.Local && kernel != nil {
		half := *kernel / 2 // the other half is our own ends of the sockets
		s.result.Idle.KernelPerSocket = &half
	}
	return nil
}

// Hold does nothing for a while and says in the result what that cost the server.
func (s *Stage) Hold(ctx context.Context) error {
	s.log.course.Stage("holding still")
	before, err := s.usage(ctx)
	if err != nil {
		return err
	}
	if err := pace.Wait(ctx, s.Plan.Hold); err != nil {
		return err
	}
	after, err := s.usage(ctx)
	if err != nil {
		return err
	}
	s.result.Idle.HoldSeconds = s.Plan.Hold.Seconds()
	if s.result.Idle.HoldCPUSeconds = spent(before, after); after != nil {
		s.result.Idle.RSSBytesAfter = after.RSS
	}
	return nil
}

// quiet holds still for the plan's quiet time, if there is any, and has the server's memory noted.
func (s *Stage) quiet(ctx context.Context, note func(*report.Quiet, int64)) error {
	if s.Plan.Hold == 0 {
		return nil
	}
	s.log.course.Stage("holding still")
	if err := pace.Wait(ctx, s.Plan.Hold); err != nil {
		return err
	}
	u, err := s.usage(ctx)
	if err != nil || u == nil {
		return err
	}
	if s.result.Quiet == nil {
		s.result.Quiet = &report.Quiet{}
	}
	note(s.result.Quiet, u.RSS)
	return nil
}
