//go:build !unix

package gateway

import (
	"net"
	"syscall"
)

// rawConn is nil: without non-blocking descriptors a socket holds a buffer while it waits, and writes from a helper goroutine.
func rawConn(net.Conn) syscall.RawConn { return nil }

func (t *transport) glance() {}

func (t *transport) receive(uintptr) bool { return true }

func (o *offer) once(uintptr) bool { return true }
