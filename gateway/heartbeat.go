package gateway

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// beats is how many slots an interval has: each beat visits one slot, so pings are spread over the interval, and those of
// one slot go out together, which is cheaper than one by one.
const beats = 50

// pulse keeps sockets alive with one ticker for all. Each socket sits in a random slot, and each slot is visited
// once an interval: its sockets are pinged and their tokens looked at. A socket that shows no sign of life (any frame) within the time-out
// after its ping is dropped, so a dead peer is gone an interval and a time-out after its last frame at most. A stalled
// process skips beats and does not catch up: nobody is dropped for a time in which we were not there to listen.
type pulse struct {
	interval time.Duration
	timeout  uint32 // beats from a ping to the verdict
	beat     atomic.Uint32
	quit     chan struct{}
	stopped  chan struct{}

	mu     sync.Mutex
	slots  [beats][]*socket
	closed bool

	due, late []*socket // run's scratch
}

func newPulse(interval, timeout time.Duration) *pulse {
	each := interval / beats
	p := &pulse{interval: interval, quit: make(chan struct{}), stopped: make(chan struct{})}
	p.timeout = max(1, uint32((timeout+each-1)/each))
	p.beat.Store(beats) // so that 0 means never
	return p
}

// now is the number of the beat; what happens in one beat happens at the same time.
func (p *pulse) now() uint32 { return p.beat.Load() }

// add begins to keep a socket alive; false when the pulse has stopped.
func (p *pulse) add(s *socket) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		s.slot = -1
		return false
	}
	s.slot = rand.Int32N(beats)
	s.index = int32(len(p.slots[s.slot]))
	p.slots[s.slot] = append(p.slots[s.slot], s)
	return true
}

// remove forgets a socket. It must have been added; idempotent.
func (p *pulse) remove(s *socket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.slot < 0 {
		return
	}
	slot := p.slots[s.slot]
	last := len(slot) - 1
	slot[s.index] = slot[last]
	slot[s.index].index = s.index
	slot[last] = nil
	p.slots[s.slot] = slot[:last]
	s.slot = -1
}

// close stops the ticker and returns the sockets that are still there.
func (p *pulse) close() []*socket {
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		close(p.quit)
	}
	var all []*socket
	for _, slot := range p.slots {
		all = append(all, slot...)
	}
	p.mu.Unlock()
	<-p.stopped
	return all
}

func (p *pulse) run() {
	defer close(p.stopped)
	ticker := time.NewTicker(p.interval / beats)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			p.visit()
		case <-p.quit:
			return
		}
	}
}

// visit is one beat.
func (p *pulse) visit() {
	p.mu.Lock()
	now := p.beat.Add(1)
	p.due = append(p.due[:0], p.slots[now%beats]...)
	p.late = append(p.late[:0], p.slots[(now-p.timeout)%beats]...)
	p.mu.Unlock()
	for _, s := range p.late {
		if pinged := s.pinged.Load(); pinged == now-p.timeout && s.seen.Load() < pinged {
			s.drop()
		}
	}
	for _, s := range p.due {
		s.pinged.Store(now)
		s.session.Heartbeat()
		s.expire()
	}
	clear(p.due)
	clear(p.late)
}

// expire lets the session look at its tokens and comes back when it says so. An ordinary visit does for what is far off; a timer
// is made only for what happens before the visit after the next. Any goroutine.
func (s *socket) expire() {
	now := time.Now()
	next := s.session.Expire(now)
	wait := max(next.Sub(now), expireStep)
	if next.IsZero() || wait > 2*s.server.pulse.interval {
		return
	}
	at := next.UnixNano()
	if set := s.alarm.Load(); (set != 0 && set <= at) || !s.alarm.CompareAndSwap(set, at) {
		return
	}
	time.AfterFunc(wait, func() {
		s.alarm.CompareAndSwap(at, 0)
		if !s.transport.closing.Load() {
			s.expire()
		}
	})
}

// expireStep is the least time between two looks that were asked for.
const expireStep = 10 * time.Millisecond
