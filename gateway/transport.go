package gateway

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// transport is the connection under a socket. Waiting costs no buffer: glance and await take one (from a pool) only when
// something has arrived, until Read has handed it on.
//
// Read, glance and await belong to the goroutine that reads the socket, tryWrite and writeAll to the one that writes.
type transport struct {
	net.Conn
	raw      syscall.RawConn // nil where the connection gives no access to its descriptor (TLS)
	chunk    *chunk          // what has arrived and was not handed on
	from, to int             // the part of chunk that was not handed on
	emptied  bool            // all that was there has been read
	last     atomic.Bool     // the peer has ended; no event will come for what is still to be read
	err      error           // why reading ended; nil after a failed frame means that the peer broke the protocol

	mu      sync.Mutex  // held while the end begins, so that no read deadline is overtaken
	closing atomic.Bool // we end it; reading must not wait any longer

	patience time.Duration // from a frame's first byte to its last
	waiting  bool          // a deadline for the rest of a frame is set
}

// chunk is as large as a reader's buffer, so that one hand-over empties it.
type chunk [readerSize]byte

var chunks = sync.Pool{New: func() any { return new(chunk) }}

var past = time.Unix(1, 0)

// take is called once, after the handshake.
func (t *transport) take(c net.Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.Conn = c
	if t.closing.Load() { // dropped meanwhile
		t.cut()
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetKeepAlive(false) // the heartbeat asks sooner, and the peer itself instead of its kernel
	}
	t.raw = rawConn(c)
}

// await parks until ready says that something has arrived, which is held for Read. It calls nothing deep, so that the stack of
// its goroutine stays small.
func (t *transport) await(ready func(fd uintptr) bool) error {
	if t.raw == nil {
		return t.awaitHolding()
	}
	if err := t.raw.Read(ready); err != nil {
		t.err = err
	}
	return t.err
}

// awaitHolding is await where the descriptor is out of reach: a buffer is held meanwhile.
func (t *transport) awaitHolding() error {
	c := chunks.Get().(*chunk)
	n, err := t.Conn.Read(c[:])
	t.hold(c, n, err)
	return t.err
}

// hold keeps what arrived, or the reason why nothing will.
func (t *transport) hold(c *chunk, n int, err error) {
	if n > 0 {
		t.chunk, t.from, t.to = c, 0, n
		return
	}
	chunks.Put(c)
	if err == nil {
		err = io.EOF
	}
	t.err = err
}

// pending tells whether something has arrived that was not handed on.
func (t *transport) pending() bool { return t.chunk != nil }

// short tells whether a read of n bytes, with room for more, took all that was there. When the peer has ended its end is still to be read.
func (t *transport) short(n, room int) bool { return n < room && !t.last.Load() }

// drained tells whether all that was there has been read and handed on.
func (t *transport) drained() bool { return t.emptied && t.chunk == nil && t.err == nil }

// discard forgets what has arrived.
func (t *transport) discard() {
	if t.chunk != nil {
		chunks.Put(t.chunk)
		t.chunk = nil
	}
}

// Read hands on what has arrived, or waits for the rest of a frame, for as long as patience allows.
func (t *transport) Read(p []byte) (int, error) {
	if t.chunk != nil {
		n := copy(p, t.chunk[t.from:t.to])
		if t.from += n; t.from == t.to {
			t.discard()
		}
		return n, nil
	}
	if !t.waiting {
		t.waiting = true
		t.setPatience(time.Now().Add(t.patience))
	}
	n, err := t.Conn.Read(p)
	t.emptied = t.short(n, len(p))
	if err != nil {
		t.err = err
	}
	return n, err
}

// frameRead ends the patience with the frame that was waited for.
func (t *transport) frameRead() {
	if t.waiting {
		t.waiting = false
		t.setPatience(time.Time{})
	}
}

// setPatience bounds the reader's waiting, unless the connection ends already.
func (t *transport) setPatience(until time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closing.Load() {
		_ = t.Conn.SetReadDeadline(until)
	}
}

// close begins the end, once, and wakes the reader. With a goodbye under way it only says that nothing more will come:
// closing a connection while something is unread in it destroys what is under way.
func (t *transport) close(goodbye bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closing.Swap(true) {
		return
	}
	if !goodbye || !t.finish() {
		t.cut()
		return
	}
	_ = t.Conn.SetReadDeadline(past)
}

// linger lets the reader of a closed connection wait for the peer's last words.
func (t *transport) linger(until time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_ = t.Conn.SetReadDeadline(until)
}

// drop ends the connection at once. Any goroutine, even during the handshake.
func (t *transport) drop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closing.Store(true)
	if t.Conn != nil {
		t.cut()
	}
}

// tryWrite offers p to the kernel once. Where the descriptor is out of reach it takes nothing, and so leaves the work to writeAll.
func (t *transport) tryWrite(p []byte) (int, error) {
	if t.raw == nil || len(p) == 0 {
		return 0, nil
	}
	o := offers.Get().(*offer)
	o.p = p
	err := t.raw.Write(o.make)
	n := o.n
	if err == nil {
		err = o.err
	}
	o.p, o.n, o.err = nil, 0, nil
	offers.Put(o)
	return n, err
}

// offer is one attempt to write; pooled together with its bound method, so that an attempt allocates nothing.
type offer struct {
	p    []byte
	n    int
	err  error
	make func(fd uintptr) bool
}

var offers = sync.Pool{New: func() any {
	o := new(offer)
	o.make = o.once
	return o
}}

func (t *transport) writeAll(p []byte, deadline time.Time) error {
	if err := t.Conn.SetWriteDeadline(deadline); err != nil {
		return err
	}
	if _, err := t.Conn.Write(p); err != nil {
		return err
	}
	return t.Conn.SetWriteDeadline(time.Time{})
}

// cut closes at once, without waiting in the kernel for a peer that may never take what is left.
func (t *transport) cut() {
	if tcp, ok := t.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = t.Conn.Close()
}

// finish tells the peer that nothing more will come; false where the connection cannot.
func (t *transport) finish() bool {
	c, ok := t.Conn.(interface{ CloseWrite() error })
	return ok && c.CloseWrite() == nil
}
