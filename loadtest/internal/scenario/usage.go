package scenario

import (
	"context"
	"errors"
	"time"

	"eclipse/loadtest/internal/host"
)

// usage reads what the server has used; nil where it does not tell, or not now: that is noted, and no reason to end a run.
func (s *Stage) usage(ctx context.Context) (*host.Usage, error) {
	u, err := s.read(ctx)
	if err == nil || ctx.Err() != nil {
		return u, ctx.Err()
	}
	s.log.miss(err)
	return nil, nil
}

// read tries twice; nil where the server does not tell.
func (s *Stage) read(ctx context.Context) (*host.Usage, error) {
	u, err := s.target.Usage(ctx)
	if err != nil && !errors.Is(err, host.ErrUnknown) {
		u, err = s.target.Usage(ctx)
	}
	switch {
	case errors.Is(err, host.ErrUnknown):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return &u, nil
}

// spent is the processor time between two readings in seconds, nil where it is unknown.
func spent(before, after *host.Usage) *float64 {
	if before == nil || after == nil {
		return nil
	}
	s := (after.CPU - before.CPU).Seconds()
	return &s
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
