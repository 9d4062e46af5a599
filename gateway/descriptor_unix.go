//go:build unix

package gateway

import (
	"net"
	"os"
	"sync"
	"syscall"
)

// rawConn gives access to a connection's descriptor, nil if there is none.
func rawConn(c net.Conn) syscall.RawConn {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// glance reads once, without waiting and whatever the deadline is.
func (t *transport) glance() {
	g := glances.Get().(*glance)
	g.t = t
	if err := t.raw.Control(g.read); err != nil {
		t.err = err
	}
	g.t = nil
	glances.Put(g)
}

// glance is pooled together with its bound function, like offer.
type glance struct {
	t    *transport
	read func(fd uintptr)
}

var glances = sync.Pool{New: func() any {
	g := new(glance)
	g.read = func(fd uintptr) { g.t.receive(fd) }
	return g
}}

// receive reads once; false means that nothing is there, and holds no buffer.
func (t *transport) receive(fd uintptr) bool {
	c := chunks.Get().(*chunk)
	n, err := retry(syscall.Read, fd, c[:])
	t.emptied = err == syscall.EAGAIN || t.short(n, len(c))
	if err == syscall.EAGAIN {
		chunks.Put(c)
		return false
	}
	t.hold(c, n, os.NewSyscallError("read", err))
	return true
}

// once writes once and is done, whatever the kernel took.
func (o *offer) once(fd uintptr) bool {
	n, err := retry(syscall.Write, fd, o.p)
	o.n = max(n, 0)
	if err != syscall.EAGAIN {
		o.err = os.NewSyscallError("write", err)
	}
	return true
}

func retry(call func(int, []byte) (int, error), fd uintptr, p []byte) (int, error) {
	for {
		n, err := call(int(fd), p)
		if err != syscall.EINTR {
			return n, err
		}
	}
}
