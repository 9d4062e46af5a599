//go:build !linux

package pace

import "time"

// Sleeper sleeps as time.Sleep does, which may be 1 ms late.
type Sleeper struct{}

// NewSleeper makes a Sleeper.
func NewSleeper() *Sleeper { return &Sleeper{} }

// Sleep sleeps for d.
func (*Sleeper) Sleep(d time.Duration) { time.Sleep(d) }

// Close does nothing here.
func (*Sleeper) Close() {}
