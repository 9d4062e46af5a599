// Package outage plays faults one after the other on two routers, their Redis and their API, while chats talk, and says
// what the chats noticed that a fault does not touch, and how the others came back.
//
// Members are part-2 clients: they reconnect, ask for what they missed, and send again what has no final answer. What is
// refused they do not send again. Every delivery is checked; at the end, so is what the API has stored.
//
// It runs in the caller's process. Run blocks until all phases are over. A member's writes block on the network. Nothing
// is dropped: what was not delivered, acknowledged or stored is counted at the end.
package outage
