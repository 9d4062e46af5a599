// Package client plays one user in one chat, as the browser client does: it keeps what is not stored and sends it
// again under the same id, has one unanswered message at a time, comes back with a growing wait, resumes from its
// place, and loads the history where that does not help. It writes down everything that it sends and sees.
//
// What it decides is plain data (outbox, sequence, backoff); a Client runs it on a socket, in one goroutine and one
// more that reads. It can be told to break its connection, to leave it half open, or to stop reading.
package client
