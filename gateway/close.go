package gateway

import (
	"errors"
	"net/http"
	"os"
	"time"

	"github.com/gorilla/websocket"

	"eclipse/internal/wire"
)

// Close codes of the WebSocket protocol that only the gateway uses.
const (
	closeProtocol wire.CloseCode = 1002 // the peer broke the WebSocket protocol
	closeAbnormal wire.CloseCode = 1006 // never sent: the connection was lost
)

// Close ends the connection without blocking. After a goodbye (AppendClose) it says that nothing more will come and leaves the
// peer some time to answer; else it cuts.
func (s *socket) Close() {
	s.transport.close(s.goodbye.Load() != 0)
	s.interrupt()
}

// drop cuts the connection, whatever has been said. Any goroutine.
func (s *socket) drop() {
	s.transport.drop()
	s.interrupt()
}

// end is the last thing that a socket with a session does. If it was not us who ended it the session is asked to say goodbye.
func (s *socket) end(err error) {
	if code, reason, ok := s.parting(err); ok {
		s.session.Close(code, reason)
		s.awaitEnd(s.server.opts.LingerTimeout)
	}
	s.server.pulse.remove(s)
	s.session.Gone()
	s.linger()
	s.server.metrics.Connections.Dec()
	s.server.metrics.Close(s.closeCode())
	s.server.limits.release(s)
}

// parting says how to part from a peer whose frame could not be read; false when there is nobody to talk to.
func (s *socket) parting(err error) (wire.CloseCode, string, bool) {
	_, farewell := errors.AsType[*websocket.CloseError](err)
	switch {
	case s.transport.closing.Load():
		return 0, "", false
	case errors.Is(err, errFlood):
		return wire.CloseLimits, wire.CloseLimits.Reason(), true
	case errors.Is(err, errPanic):
		return wire.CloseInternal, wire.CloseInternal.Reason(), true
	case errors.Is(err, websocket.ErrReadLimit):
		return wire.CloseTooLarge, wire.CloseTooLarge.Reason(), true
	case farewell && s.farewell == websocket.CloseNoStatusReceived:
		return wire.CloseDone, "", true
	case farewell:
		return wire.CloseCode(s.farewell), "", true
	case errors.Is(s.transport.err, os.ErrDeadlineExceeded):
		return wire.CloseLimits, "Frame took too long", true
	case s.transport.err != nil:
		return 0, "", false
	}
	return closeProtocol, "Protocol error", true
}

// awaitEnd discards what the peer sends until the connection ends or we end it.
func (s *socket) awaitEnd(patience time.Duration) {
	s.transport.setPatience(time.Now().Add(patience))
	s.discardAll()
}

func (s *socket) discardAll() {
	s.transport.err = nil
	ready := s.transport.receive
	for s.transport.await(ready) == nil {
		s.transport.discard()
	}
	s.transport.discard()
}

// linger gives the peer time to take our goodbye and to answer it, then closes.
func (s *socket) linger() {
	if s.goodbye.Load() != 0 && s.transport.closing.Load() {
		s.transport.linger(time.Now().Add(s.server.opts.LingerTimeout))
		s.discardAll()
	}
	s.drop()
	s.server.watcher.remove(s)
}

// dismiss says goodbye to a socket that has no session. It blocks until the peer has gone.
func (s *socket) dismiss(code wire.CloseCode, reason string) {
	var frame [2 + maxControl]byte
	_ = s.Write(s.AppendClose(frame[:0], code, reason), time.Now().Add(s.server.opts.LingerTimeout))
	s.Close()
	s.linger()
	s.server.metrics.Close(int(code))
	s.server.limits.release(s)
}

// closeCode is how the socket ended: what we said, else what the peer said, else that nobody said anything.
func (s *socket) closeCode() int {
	if code := s.goodbye.Load(); code != 0 {
		return int(code)
	}
	if s.farewell != 0 {
		return s.farewell
	}
	return int(closeAbnormal)
}

var _ http.Handler = (*Server)(nil)
