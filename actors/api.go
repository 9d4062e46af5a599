// This file is what the gateway sees of the actors: it never touches a PID.
package actors

import (
	"context"
	"time"

	"eclipse/internal/wire"
)

// Socket is the transport under a connection actor. The actor is its only writer. Append* frame a payload for the
// transport; TryWrite and Write take framed bytes. AppendClose's frame is the last one; after it the actor calls Close.
type Socket interface {
	AppendText(dst, payload []byte) []byte
	AppendPing(dst []byte) []byte
	AppendPong(dst, data []byte) []byte
	AppendClose(dst []byte, code wire.CloseCode, reason string) []byte
	// TryWrite hands p to the kernel and never blocks. n < len(p) with a nil error: the kernel takes no more now.
	TryWrite(p []byte) (n int, err error)
	// Write blocks until all of p is taken or the deadline has passed. Only called outside of Receive.
	Write(p []byte, deadline time.Time) error
	// Close drops the connection without blocking; the reader then sees an error and calls Session.Gone. Idempotent.
	Close()
}

// Identity is who speaks for one chat on one socket, taken from a verified token and from nowhere else.
type Identity struct {
	UserID        string
	ChatID        string
	Authenticated bool
	Role          wire.Role // the role claim; "" = none
	ExpiresAt     time.Time
}

// ConnectRequest opens a session.
type ConnectRequest struct {
	Socket   Socket
	Identity Identity
	V1       bool           // a part-2 client
	Resume   *wire.Position // ?epoch=&offset= when opening (nil = not asked)
}

// Gateway side of one connection. Its methods are called by the socket's reader goroutine unless said otherwise; none
// blocks on I/O. Frames for a chat that this session has not joined are answered NOT_SUBSCRIBED.
type GatewaySession interface {
	// Handle routes a decoded frame: message, typing, agent_joined, ping, read, resume, unsubscribe. Subscribe and auth
	// frames come through Subscribe and Authenticate once the gateway has verified their token.
	Handle(f wire.ClientFrame)
	// Subscribe joins one more chat (f is the frame that asked).
	Subscribe(f wire.ClientFrame, id Identity)
	// Authenticate renews the token of a chat that is already joined; refused with TOKEN_INVALID when sender or chat differ.
	Authenticate(f wire.ClientFrame, id Identity)
	// Reject answers an error frame.
	Reject(e *wire.Error, f wire.ClientFrame)
	// Expire checks token expiry: sends token_expiring once when less than 60 s are left, closes with 4003 (or
	// unsubscribes a further chat) at expiry. Part-2 clients only. Any goroutine. It returns when to call next (zero = never).
	Expire(now time.Time) time.Time
	// Heartbeat queues a transport ping. Any goroutine.
	Heartbeat()
	// Pong answers a transport ping.
	Pong(data []byte)
	// Close says goodbye with a close frame after what is queued, then closes the socket. Any goroutine.
	Close(code wire.CloseCode, reason string)
	// Gone tells that the socket is dead: leaves every chat and stops the connection actor. Idempotent, any goroutine.
	Gone()
}

// GatewayRouter is what the gateway needs of the actor system.
type GatewayRouter interface {
	// Connect spawns the connection actor and joins the token's chat; the chat answers with `connected`.
	Connect(ctx context.Context, r ConnectRequest) (GatewaySession, error)
	// Status is a snapshot for the health page; it never blocks longer than ctx.
	Status(ctx context.Context) Status
}

// Status of the router for the health page.
type Status struct {
	Degraded    []string // reasons, empty = healthy ("redis: …", "api: …")
	Connections int
	Chats       []ChatCount // busiest first, at most 100
}

// ChatCount is a line of the health page.
type ChatCount struct {
	ChatID string
	Count  int
}
