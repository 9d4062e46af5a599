package gateway

import (
	"net/netip"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/prometheus/client_golang/prometheus"
)

const (
	maxHeld        = 1000        // sockets held at once; the next ones are closed at once
	maxOffenders   = 10_000      // addresses remembered
	offenderMemory = time.Minute // an address is forgotten when it has sent no bad token for this long
)

// holds slows down addresses that come back with bad tokens: a browser whose token is refused opens a new socket every second for
// ever, since each opening succeeds. Nothing is read from a held socket. Safe for concurrent use.
type holds struct {
	step, longest time.Duration
	held          prometheus.Gauge

	mu        sync.Mutex
	offenders *lru.Cache[netip.Addr, offence]
	waiting   map[*heldSocket]struct{}
	closed    bool
}

type offence struct {
	count int
	last  time.Time
}

type heldSocket struct {
	timer *time.Timer
	close func()
}

func newHolds(step, longest time.Duration, held prometheus.Gauge) *holds {
	offenders, err := lru.New[netip.Addr, offence](maxOffenders)
	if err != nil { // only for a size that is not positive
		panic(err)
	}
	return &holds{step: step, longest: longest, held: held, offenders: offenders, waiting: map[*heldSocket]struct{}{}}
}

// hold calls close in a goroutine of its own after the address's penalty: none for the first bad token, then 1, 2, 4 … steps.
func (h *holds) hold(a netip.Addr, close func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	penalty := h.penalty(a)
	if penalty == 0 || h.closed || len(h.waiting) >= maxHeld {
		go close()
		return
	}
	w := &heldSocket{close: close}
	h.waiting[w] = struct{}{}
	h.held.Inc()
	w.timer = time.AfterFunc(penalty, func() { h.let(w) })
}

func (h *holds) penalty(a netip.Addr) time.Duration {
	now := time.Now()
	o, _ := h.offenders.Get(a)
	if now.Sub(o.last) > offenderMemory+h.longest {
		o.count = 0
	}
	h.offenders.Add(a, offence{o.count + 1, now})
	if o.count == 0 {
		return 0
	}
	return min(h.longest, h.step<<min(o.count-1, 16))
}

func (h *holds) let(w *heldSocket) {
	h.mu.Lock()
	_, waits := h.waiting[w]
	delete(h.waiting, w)
	h.mu.Unlock()
	if waits {
		h.held.Dec()
		w.close()
	}
}

// flush closes every held socket now, and holds none from now on.
func (h *holds) flush() {
	h.mu.Lock()
	h.closed = true
	var all []*heldSocket
	for w := range h.waiting {
		w.timer.Stop()
		all = append(all, w)
	}
	h.mu.Unlock()
	for _, w := range all {
		go h.let(w)
	}
}
