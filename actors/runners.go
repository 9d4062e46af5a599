package actors

import (
	"runtime"
	"sync/atomic"
)

// runners are the goroutines that run mailboxes. A few are kept when they have nothing to do: a fresh goroutine begins
// with a small stack and has to copy it on its way down to a system call, which cost a fifth of the processor.
type runners struct {
	idle    chan *mailbox // unbuffered: a mailbox goes only to a runner that waits
	waiting atomic.Int32
	limit   int32
	stop    chan struct{}
}

func newRunners() *runners {
	return &runners{idle: make(chan *mailbox), limit: int32(16 * runtime.GOMAXPROCS(0)), stop: make(chan struct{})}
}

// run has a mailbox run soon. It never blocks.
func (rs *runners) run(m *mailbox) {
	select {
	case rs.idle <- m:
	default:
		go rs.loop(m)
	}
}

func (rs *runners) loop(m *mailbox) {
	for {
		m.run()
		if rs.waiting.Add(1) > rs.limit {
			rs.waiting.Add(-1)
			return
		}
		select {
		case m = <-rs.idle:
			rs.waiting.Add(-1)
		case <-rs.stop:
			return
		}
	}
}

// close ends the runners that wait; the others end with their mailbox.
func (rs *runners) close() { close(rs.stop) }
