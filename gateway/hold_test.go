package gateway

import (
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// TestHeldSocketsAreBounded holds a thousand bad tokens of as many addresses; the next one is closed at once, and is
// held again as soon as there is room.
func TestHeldSocketsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gauge := prometheus.NewGauge(prometheus.GaugeOpts{Name: "held"})
		h := newHolds(time.Second, 10*time.Second, gauge)
		address := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)}) }
		var closed atomic.Int64
		hold := func(i int) { h.hold(address(i), func() { closed.Add(1) }) }
		expect := func(what string, held float64, gone int64) {
			t.Helper()
			synctest.Wait()
			if got := testutil.ToFloat64(gauge); got != held || closed.Load() != gone {
				t.Errorf("%s: %v held, %d closed; want %v and %d", what, got, closed.Load(), held, gone)
			}
		}
		const all = 1000
		for i := range all + 1 {
			hold(i)
		}
		expect("the first bad token of each", 0, all+1)
		closed.Store(0)
		for i := range all {
			hold(i)
		}
		expect("the second one of a thousand", all, 0)
		hold(all)
		expect("one more", all, 1)
		time.Sleep(time.Second)
		expect("a second later", 0, all+1)
		hold(all)
		expect("with room", 1, all+1)
		h.flush()
		expect("at the end", 0, all+2)
	})
}
