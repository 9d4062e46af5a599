// Package gateway is the HTTP and WebSocket edge: it opens sockets, reads their frames, keeps them alive and closes
// them. It knows transports and limits and holds no chat logic; what a frame means is decided by the actors, which it
// sees only through the interfaces of package actors.
//
// Who may call: main makes one Server with New, hands it listeners with Serve, and ends it with Drain and Close. The
// actors call back through actors.Socket. Every exported method is safe for concurrent use, but a Socket's writing
// methods, which belong to one connection actor.
//
// A socket's life: judged over plain HTTP (accept.go, origin.go, limits.go), upgraded, its token judged (hold.go slows
// the ones that come back with a bad token), then read (read.go) until it ends (close.go). Nothing of net/http
// is kept for an open socket. While it is idle it owns neither a buffer nor a goroutine: one watcher waits for all sockets (watch_linux.go), and
// whoever reads or ends a socket takes it first (turn.go). Over TLS and on other systems a small goroutine parks for it in the network poller
// (transport.go). A pooled worker with a pooled reader (reader.go) does the reading. One ticker keeps all sockets alive and
// tells their sessions to look at their tokens (heartbeat.go).
//
// What blocks: Serve until the server is closed, Close until its context ends, Socket.Write until its deadline. Socket.TryWrite
// and Socket.Close never block.
//
// What is dropped: typing and read marks over the rate limit (counted as drops), transport pings and pongs over the rate limit
// (counted as refused frames of kind ping and ignored), what a peer sends after the goodbye. Everything else is answered: with
// an error frame, a close code, or an HTTP status.
package gateway
