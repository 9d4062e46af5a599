package chatlog

import (
	"context"
	"sync"
	"time"
)

// commits gathers what concurrent calls want written. While one transaction is being committed, which waits for the
// disk, calls gather for the next, which does them all and waits once. Calls keep their order.
type commits struct {
	mu      sync.Mutex
	waiting []*work
	closed  bool
	wake    chan struct{} // holds one
	done    chan struct{} // closed when the writer has ended
}

func newCommits() commits { return commits{wake: make(chan struct{}, 1), done: make(chan struct{})} }

// work is what one call wants. Nobody but the writer touches what write and after touch until done is closed, for the
// caller may have gone away meanwhile.
type work struct {
	ctx   context.Context
	write func(*transaction) error
	after func() // runs once it is committed, in the order of the calls
	err   error
	done  chan struct{}
}

// commit returns when the work is committed or has failed, or, with an unknown outcome, when the context ends. After a
// failure the caller must not look at what write touches.
func (f *diskFile) commit(ctx context.Context, what string, write func(*transaction) error, after func()) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	w := &work{ctx: ctx, write: write, after: after, done: make(chan struct{})}
	if !f.enqueue(w) {
		return ErrClosed
	}
	select {
	case <-w.done:
		return onDisk(what, w.err)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *commits) enqueue(w *work) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.waiting = append(c.waiting, w)
	c.signal()
	return true
}

func (c *commits) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// end lets the writer finish what waits, and returns when it has.
func (c *commits) end() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.signal()
	<-c.done
}

// next waits for work; none means that the writer shall end.
func (c *commits) next() []*work {
	for {
		c.mu.Lock()
		group, closed := c.waiting, c.closed
		c.waiting = nil
		c.mu.Unlock()
		if len(group) > 0 || closed {
			return group
		}
		<-c.wake
	}
}

// write is the writer's life.
func (f *diskFile) write() {
	defer close(f.done)
	for group := f.next(); len(group) > 0; group = f.next() {
		err := f.report(f.transact(group))
		for _, w := range group {
			w.finish(err)
		}
	}
}

func (w *work) finish(err error) {
	if w.err == nil {
		w.err = err
	}
	if w.err == nil && w.after != nil {
		w.after()
	}
	close(w.done)
}

// transact does a group in one transaction: all of it or nothing.
func (f *diskFile) transact(group []*work) error {
	f.transactions++
	return f.writer.within("BEGIN IMMEDIATE", func() error {
		tx := &transaction{session: f.writer, options: &f.options, now: time.Now()}
		if err := tx.begin(); err != nil {
			return err
		}
		for _, w := range group {
			if w.err = w.ctx.Err(); w.err != nil {
				continue // nobody waits for it any more
			}
			if err := w.write(tx); err != nil {
				return err
			}
		}
		return tx.flush()
	})
}

// read lends a connection that sees one state of the file throughout.
func (f *diskFile) read(ctx context.Context, what string, use func(*session) error) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	select {
	case s, open := <-f.readers:
		if !open {
			return ErrClosed
		}
		defer func() { f.readers <- s }()
		return onDisk(what, f.report(s.within("BEGIN", func() error { return use(s) })))
	case <-ctx.Done():
		return ctx.Err()
	}
}
