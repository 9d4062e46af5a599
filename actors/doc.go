// Package actors is the router's inside: who is in which chat, in which order messages are delivered, what is
// stored before it is shown. It knows no HTTP and no WebSocket; the gateway hands it decoded frames and a Socket.
//
// Every actor's Receive returns without blocking: I/O runs in goroutines outside and comes back as a message.
//
//   - Ordering: what a chat sends to one connection arrives in the order sent. Sequenced frames of a chat leave in
//     the order of its log, once each. Control and ephemeral frames keep no order relative to the log.
//   - Blocking: nothing that a client, Redis or the API does can block a chat. A slow reader costs its own backlog.
//   - Dropping: ephemeral frames (typing, presence, read) are dropped for a slow reader; sequenced frames never are:
//     the socket is closed with 4009 instead. Every discard has a name in internal/metrics.
//   - Bounds: bytes queued per socket (Config.MaxQueueBytes), saves waiting per chat and in total, appends waiting for
//     the log. At a bound the sender gets a retryable error.
//
// One root owns all chats and connections (root.go) and is kept trivial, so that it cannot fail.
package actors
