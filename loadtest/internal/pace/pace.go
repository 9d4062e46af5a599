// Package pace is the clock of an open loop: it calls at fixed times, however long the calls take. What comes late
// because the generator or the server stalled keeps its scheduled time, so that the stall is measured and not hidden.
package pace

import (
	"context"
	"time"
)

// Schedule is rate events a second, the first one offset after the start, ending after count events or after a
// duration, whichever comes first (zero means that this one does not end it).
type Schedule struct {
	Rate   float64       // events per second, above 0
	Offset time.Duration // so that several processes do not fire at the same instants
	Count  int
	For    time.Duration
}

// Due is when event i (0, 1, 2 …) is to happen, counted from the start.
func (s Schedule) Due(i int) time.Duration {
	return s.Offset + time.Duration(float64(i)*float64(time.Second)/s.Rate)
}

// ends says whether there is no event i.
func (s Schedule) ends(i int) bool {
	return (s.Count > 0 && i >= s.Count) || (s.For > 0 && s.Due(i) >= s.For)
}

// Run calls fire with each event's scheduled time, one after the other, never early and never skipping, until the
// schedule ends (nil, at the end of its duration if it has one) or ctx does. sleep is time.Sleep or a Sleeper's.
func (s Schedule) Run(ctx context.Context, sleep func(time.Duration), fire func(due time.Time)) error {
	start := time.Now()
	for i := 0; !s.ends(i); i++ {
		due := start.Add(s.Due(i))
		if err := waitUntil(ctx, due, sleep); err != nil {
			return err
		}
		fire(due)
	}
	if s.For > 0 && s.Count == 0 {
		return waitUntil(ctx, start.Add(s.For), sleep)
	}
	return ctx.Err()
}

// longest is how long a sleep may be before the context is looked at again.
const longest = 50 * time.Millisecond

func waitUntil(ctx context.Context, due time.Time, sleep func(time.Duration)) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		left := time.Until(due)
		if left <= 0 {
			return nil
		}
		sleep(min(left, longest))
	}
}
