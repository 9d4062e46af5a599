package pace

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestEventsComeAtTheirTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var at []time.Duration
		s := Schedule{Rate: 200, Offset: 2 * time.Millisecond, For: time.Second}
		err := s.Run(t.Context(), time.Sleep, func(due time.Time) {
			if now := time.Now(); !now.Equal(due) {
				t.Errorf("fired at %v, due at %v", now.Sub(start), due.Sub(start))
			}
			at = append(at, due.Sub(start))
		})
		if err != nil || len(at) != 200 || time.Since(start) != time.Second {
			t.Fatalf("%d events in %v, error %v; want 200 in 1s", len(at), time.Since(start), err)
		}
		if at[0] != 2*time.Millisecond || at[100] != 502*time.Millisecond {
			t.Errorf("first at %v, hundredth at %v", at[0], at[100])
		}
	})
}

func TestAStallKeepsTheScheduledTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var late []time.Duration
		s := Schedule{Rate: 100, For: 500 * time.Millisecond}
		_ = s.Run(t.Context(), time.Sleep, func(due time.Time) {
			if len(late) == 10 {
				time.Sleep(95 * time.Millisecond)
			}
			late = append(late, time.Since(due))
		})
		if len(late) != 50 {
			t.Fatalf("%d events; none may be skipped of 50", len(late))
		}
		for i, want := range map[int]time.Duration{9: 0, 10: 95 * time.Millisecond, 11: 85 * time.Millisecond, 19: 5 * time.Millisecond, 20: 0} {
			if late[i] != want {
				t.Errorf("event %d was %v late, want %v", i, late[i], want)
			}
		}
		if took := time.Since(start); took != 500*time.Millisecond {
			t.Errorf("took %v", took)
		}
	})
}

func TestCountEndsASchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		start := time.Now()
		if err := (Schedule{Rate: 10, Count: 5}).Run(t.Context(), time.Sleep, func(time.Time) { n++ }); err != nil {
			t.Fatal(err)
		}
		if n != 5 || time.Since(start) != 400*time.Millisecond {
			t.Errorf("%d events in %v", n, time.Since(start))
		}
	})
}

func TestAContextEndsASchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		err := Schedule{Rate: 0.01, Offset: time.Minute}.Run(ctx, time.Sleep, func(time.Time) { t.Error("fired") })
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 3*time.Second+longest {
			t.Errorf("error %v after %v", err, time.Since(start))
		}
	})
}

func TestSleepIsNeverMuchTooLong(t *testing.T) {
	s := NewSleeper()
	defer s.Close()
	best := time.Hour
	for range 20 { // the best of some: a busy machine may delay any single one
		start := time.Now()
		s.Sleep(2 * time.Millisecond)
		best = min(best, time.Since(start))
	}
	if best < 1900*time.Microsecond || best > 10*time.Millisecond {
		t.Errorf("the best of 20 sleeps of 2ms took %v", best)
	}
}
