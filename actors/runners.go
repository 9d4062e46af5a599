package actors

import (
	"runtime"
	"sync"
)

// runners are the goroutines that run mailboxes. There are a fixed number at most, since no actor blocks: a mailbox that
// has something to do waits in line until one is free, and one that is free takes the next. A fresh goroutine for each
// would begin with a small stack and copy it on its way down to a system call, which cost a fifth of the processor.
type runners struct {
	limit int

	mu     sync.Mutex
	free   sync.Cond // there is something in line, or the end
	line   []*mailbox
	first  int // of line
	count  int // runners
	idle   int // of these, waiting
	closed bool
}

func newRunners() *runners {
	rs := &runners{limit: 16 * runtime.GOMAXPROCS(0)}
	rs.free.L = &rs.mu
	return rs
}

// run has a mailbox run soon. It never blocks.
func (rs *runners) run(m *mailbox) {
	rs.mu.Lock()
	rs.line = append(rs.line, m)
	switch {
	case rs.idle > 0:
		rs.free.Signal()
	case rs.count < rs.limit:
		rs.count++
		go rs.loop()
	}
	rs.mu.Unlock()
}

func (rs *runners) loop() {
	for m := rs.next(); m != nil; m = rs.next() {
		m.run()
	}
}

// next waits for a mailbox; nil after close.
func (rs *runners) next() *mailbox {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for rs.first == len(rs.line) {
		if rs.closed {
			rs.count--
			return nil
		}
		rs.idle++
		rs.free.Wait()
		rs.idle--
	}
	m := rs.line[rs.first]
	rs.line[rs.first] = nil
	if rs.first++; 2*rs.first >= len(rs.line) { // what is left moves to the front, so that the line stays as short as it is
		left := copy(rs.line, rs.line[rs.first:])
		clear(rs.line[left:])
		rs.line, rs.first = rs.line[:left], 0
	}
	return m
}

// close ends the runners once nothing is in line.
func (rs *runners) close() {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.closed = true
	rs.free.Broadcast()
}
