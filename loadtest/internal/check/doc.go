// Package check judges what the sockets of a chat received against what was sent into it. It is plain data: no
// goroutines, no clock, no I/O, and it knows neither frames nor sockets. A Chat is not safe for concurrent use; the
// caller holds a lock per chat. Nothing blocks and nothing is dropped: every delivery falls into exactly one count.
package check
