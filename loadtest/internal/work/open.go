package work

import (
	"context"
	"errors"
	"net"
	"sync"

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

// open opens the sockets of n more chats, and returns how many sockets have opened in all.
func (w *worker) open(ctx context.Context, n int) int {
	todo := make(chan *socket)
	var dialers sync.WaitGroup
	for range max(1, w.setup.Dialers) {
		dialers.Go(func() {
			for s := range todo {
				if err := s.open(ctx); err != nil {
					w.meter.count(w.meter.refusals, dialName(err))
					s.chat.leave(s.index)
				} else {
					w.opened.Add(1)
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
