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
	idle   int // of these, waiting and not called
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
	rs.call()
	rs.mu.Unlock()
}

// call gets one more runner to work, where there is one.
func (rs *runners) call() {
	switch {
	case rs.idle > 0:
		rs.idle--
		rs.free.Signal()
	case rs.count < rs.limit:
		rs.count++
		go (&runner{runners: rs}).loop()
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
	rs.closed, rs.idle = true, 0
	rs.free.Broadcast()
}

// runner is one of these goroutines. What the mailbox in hand wakes it runs itself, next: nobody else is woken for it, and
// what was just written is still in the processor's cache. Many, or after a long run, are for everybody.
type runner struct {
	runners *runners
	own     [maxOwn]*mailbox
	first   int // of own
	end     int
}

const (
	maxOwn     = 16 // mailboxes that wait for one runner
	shareEvery = 32 // messages of one mailbox after which those that it woke wait for its runner no longer
)

func (r *runner) loop() {
	for m := r.take(); m != nil; m = r.take() {
		m.run(r)
	}
}

func (r *runner) take() *mailbox {
	if r.first == r.end {
		return r.runners.next()
	}
	m := r.own[r.first]
	r.own[r.first] = nil
	if r.first++; r.first == r.end {
		r.first, r.end = 0, 0
	}
	return m
}

// next has a mailbox run after the one in hand.
func (r *runner) next(m *mailbox) {
	if r.end == maxOwn {
		r.share()
	}
	r.own[r.end] = m
	r.end++
}

// share lets others run what waits for this runner.
func (r *runner) share() {
	if r.first == r.end {
		return
	}
	r.runners.mu.Lock()
	for _, m := range r.own[r.first:r.end] {
		r.runners.line = append(r.runners.line, m)
		r.runners.call()
	}
	r.runners.mu.Unlock()
	clear(r.own[:])
	r.first, r.end = 0, 0
}
