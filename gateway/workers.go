package gateway

import (
	"sync"
	"sync/atomic"
)

const maxIdleWorkers = 16

// workers lends goroutines with a grown stack to sockets that have something to read. Where a socket has a goroutine of its own, that
// one only waits, so its stack stays at the smallest size: one that has once been deep is never given back to that size.
type workers struct {
	jobs chan *socket
	quit chan struct{}
	idle atomic.Int32
	end  sync.Once
}

func newWorkers() *workers {
	return &workers{jobs: make(chan *socket), quit: make(chan struct{})}
}

// run serves a socket in a goroutine that is free, or in a new one; it never waits.
func (w *workers) run(s *socket) {
	select {
	case w.jobs <- s:
	default:
		go w.work(s)
	}
}

func (w *workers) work(s *socket) {
	for s != nil {
		s.serve()
		s = w.next()
	}
}

func (w *workers) next() *socket {
	defer w.idle.Add(-1)
	if w.idle.Add(1) > maxIdleWorkers {
		return nil
	}
	select {
	case s := <-w.jobs:
		return s
	case <-w.quit:
		return nil
	}
}

// close ends the idle workers; busy ones end after their socket.
func (w *workers) close() { w.end.Do(func() { close(w.quit) }) }
