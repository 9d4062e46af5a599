// Package work is one process of sockets. It takes Commands, one JSON line each, from its parent, carries them out
// one after the other and answers each with a Done; in between it reports a Tick every second. It measures and
// counts; what a scenario is made of, and what the figures mean, others know.
//
// Serve blocks until its input ends. A message is followed until all sockets of its chat have it and, where acks are
// expected, its sender has the ack that it is stored. Sending blocks on the network, in the open loop's goroutine or, in the closed loop, in
// the reader that saw the message before arrive. Nothing is dropped: errors and closes are counted by their name.
package work
