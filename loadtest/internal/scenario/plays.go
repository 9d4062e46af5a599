package scenario

import (
	"context"
	"time"

	"eclipse/loadtest/internal/report"
	"eclipse/loadtest/internal/work"
)

// traffic opens every socket, sends a while to warm up, and measures while it goes on sending. With a quiet time it reads
// the memory before and after.
func traffic(ctx context.Context, s *Stage) error {
	if err := s.Open(ctx, s.Plan.Chats); err != nil {
		return err
	}
	if err := s.quiet(ctx, func(q *report.Quiet, bytes int64) { q.BeforeBytes = bytes }); err != nil {
		return err
	}
	if err := s.warmUp(ctx); err != nil {
		return err
	}
	if err := s.Measure(ctx, Stretch{For: s.Plan.Duration}); err != nil {
		return err
	}
	if err := s.Drain(ctx); err != nil {
		return err
	}
	return s.quiet(ctx, func(q *report.Quiet, bytes int64) { q.AfterBytes = bytes })
}

// warmUp sends for the plan's time, if there is any.
func (s *Stage) warmUp(ctx context.Context) error {
	if s.Plan.Warmup == 0 {
		return nil
	}
	return s.Talk(ctx, Stretch{For: s.Plan.Warmup})
}

// idle reads the server's memory with more and more sockets open, then its processor time while nothing happens.
func idle(ctx context.Context, s *Stage) error {
	steps := s.Plan.Steps
	if len(steps) == 0 {
		steps = thirds(s.Plan.Chats, s.Plan.Sockets)
	}
	open := 0
	for _, sockets := range steps {
		chats := sockets/s.Plan.Sockets - open
		if err := s.Open(ctx, chats); err != nil {
			return err
		}
		open += chats
		if err := s.Talk(ctx, Stretch{Once: true}); err != nil {
			return err
		}
		if err := s.Drain(ctx); err != nil {
			return err
		}
		if err := s.Weigh(ctx); err != nil {
			return err
		}
	}
	return s.Hold(ctx)
}

// thirds is three steps of about equal height in sockets, of whole chats; fewer of them with fewer than three chats.
func thirds(chats, sockets int) []int {
	var steps []int
	for i := max(1, 4-chats); i <= 3; i++ {
		steps = append(steps, (chats*i/3)*sockets)
	}
	return steps
}

// storm opens every socket at once. That the sockets work is seen by the connected frame of each.
func storm(ctx context.Context, s *Stage) error {
	return s.Open(ctx, s.Plan.Chats)
}

// reconnect lets sockets drop and come back while the traffic goes on. An equal stretch before tells what the traffic
// alone costs.
func reconnect(ctx context.Context, s *Stage) error {
	if err := s.Open(ctx, s.Plan.Chats); err != nil {
		return err
	}
	if err := s.warmUp(ctx); err != nil {
		return err
	}
	before, err := s.usage(ctx)
	if err != nil {
		return err
	}
	if err := s.Talk(ctx, Stretch{For: s.Plan.Duration}); err != nil {
		return err
	}
	after, err := s.usage(ctx)
	if err != nil {
		return err
	}
	bounce := s.bounce(s.Plan.Spread)
	if err := s.Measure(ctx, Stretch{For: s.Plan.Duration, Bounce: bounce}); err != nil {
		return err
	}
	s.result.Reconnect.CalmCPUSeconds = spent(before, after)
	return s.Drain(ctx)
}

// comeBackTime is how long after its drop a socket may need to be back; real clients try for longer, people do not wait for them.
const comeBackTime = time.Minute

// bounce drops the plan's share of sockets over a time.
func (s *Stage) bounce(spread time.Duration) *work.Bounce {
	return &work.Bounce{Share: s.Plan.Share, Spread: spread, Patience: comeBackTime}
}

// day compares the memory after traffic with what it was before.
func day(ctx context.Context, s *Stage) error {
	if err := s.Open(ctx, s.Plan.Chats); err != nil {
		return err
	}
	if err := s.quiet(ctx, func(q *report.Quiet, bytes int64) { q.BeforeBytes = bytes }); err != nil {
		return err
	}
	mixed := Stretch{For: s.Plan.Duration, Mixed: true}
	if s.Plan.Share > 0 {
		mixed.Bounce = s.bounce(s.Plan.Duration)
	}
	if err := s.Measure(ctx, mixed); err != nil {
		return err
	}
	if err := s.Drain(ctx); err != nil {
		return err
	}
	return s.quiet(ctx, func(q *report.Quiet, bytes int64) { q.AfterBytes = bytes })
}
