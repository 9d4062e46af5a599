package work

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"eclipse/loadtest/internal/ws"
)

// source spreads sockets over loopback addresses, since one has no more than about 28,000 ports.
func (w *worker) source(s *socket) net.Addr {
	n := w.setup.Sources
	if n < 1 {
		return nil
	}
	socket := s.chat.number*w.setup.Sockets + s.index
	return &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(1+socket%n))}
}

// hopeless is how many sockets may fail before one has opened: what is wrong with all of them is wrong with the rest too.
const hopeless = 64

var errHopeless = fmt.Errorf("given up, since the first %d all failed", hopeless)

// open opens the sockets of n more chats, and returns how many sockets have opened in all.
func (w *worker) open(ctx context.Context, n int) int {
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	todo := make(chan *socket)
	var failed atomic.Int64
	var dialers sync.WaitGroup
	for range max(1, w.setup.Dialers) {
		dialers.Go(func() {
			for s := range todo {
				err := s.open(ctx)
				if err == nil {
					w.opened.Add(1)
					continue
				}
				if context.Cause(ctx) == errHopeless {
					err = errHopeless
				}
				w.meter.count(w.meter.refusals, dialName(err))
				s.chat.leave(s.index)
				if failed.Add(1) == hopeless && w.opened.Load() == 0 {
					giveUp(errHopeless) // the others, which a server may hold for long, too
				}
			}
		})
	}
	w.fresh = len(w.chats)
	for range n {
		c := newChat(w, w.setup.FirstChat+len(w.chats))
		w.chats = append(w.chats, c)
		for _, s := range c.sockets {
			todo <- s
		}
	}
	close(todo)
	dialers.Wait()
	return int(w.opened.Load())
}

// dialName is a short and bounded name for why a socket did not open.
func dialName(err error) string {
	var refused *ws.Refused
	var timeout net.Error
	switch {
	case errors.As(err, &refused):
		return refused.Error()
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "given up"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timed out"
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Op + ": " + op.Err.Error()
	}
	return err.Error()
}
