package gateway

import (
	"net/netip"
	"sync/atomic"

	"eclipse/actors"
)

// socket is one open WebSocket. It implements actors.Socket. Its size counts: most sockets are idle most of the time.
type socket struct {
	server  *Server
	address netip.Addr // as the limits count it
	user    string     // as the limits count it, "" = no valid token

	// Set before reading begins.
	session actors.GatewaySession
	chatID  string // the opening token's chat

	// The reader's.
	transport transport
	throttle  throttle
	watched   bool // while nobody reads it is the watcher's, see turn.go
	farewell  int  // close code that the peer sent, 0 = none

	turn       atomic.Uint32 // turnTaken …
	descriptor int32         // the watcher's

	// The connection actor's.
	goodbye atomic.Int32 // close code that we sent, 0 = none

	// The heartbeat's; see pulse.
	seen   atomic.Uint32 // beat of the last sign of life
	pinged atomic.Uint32 // beat of the last ping, 0 = none
	slot   int32
	index  int32
	alarm  atomic.Int64 // when expire is to be called next, Unix ns, 0 = at the next ping
}

func newSocket(s *Server, address netip.Addr) *socket {
	sock := &socket{server: s, address: address, throttle: newThrottle(s.opts.RateLimit)}
	sock.transport.patience = s.opts.FrameTimeout
	return sock
}
