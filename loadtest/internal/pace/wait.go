package pace

import (
	"context"
	"time"
)

// Echo is how long a run listens for repeats once it has all that it waits for.
const Echo = 300 * time.Millisecond

// Wait returns after d, or with the context's error when that ends first.
func Wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
