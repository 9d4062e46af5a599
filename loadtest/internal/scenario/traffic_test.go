package scenario

import (
	"math"
	"runtime"
	"testing"
	"time"

	"eclipse/loadtest/internal/host"
	"eclipse/loadtest/internal/report"
)

func TestWhatOccupiesTheProcessorsOfTheLoad(t *testing.T) {
	const length = 10 // seconds
	control := 2.0
	before := &host.Usage{CPU: time.Second, Redis: time.Second}
	after := &host.Usage{CPU: 5 * time.Second, Redis: 2 * time.Second}
	for name, tt := range map[string]struct {
		local, apart  bool
		before, after *host.Usage
		want          float64 // processor seconds
	}{
		"beside the server":            {true, false, before, after, 3 + 2 + 1 + 4},
		"apart from the server":        {true, true, before, after, 3 + 2 + 1},
		"server on another machine":    {false, false, before, after, 3 + 2 + 1},
		"server of which nobody knows": {true, false, nil, nil, 3 + 2},
		"a reading failed":             {true, false, nil, after, 3 + 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := &Stage{target: &host.Target{Local: tt.local}, opts: Options{Apart: tt.apart}}
			tr := &report.Traffic{Seconds: length, Sent: 10, Delivered: 20, LoadBusy: 0.3, ControlCPUSeconds: &control}
			s.charge(tr, tt.before, tt.after, 3*time.Second)
			want := tt.want / length / float64(runtime.GOMAXPROCS(0))
			if got := s.occupied(tr, tt.before, tt.after); math.Abs(got-want) > 1e-9 {
				t.Errorf("%v, want %v", got, want)
			}
		})
	}
}
