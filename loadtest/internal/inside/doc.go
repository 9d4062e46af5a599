// Package inside loads the actors themselves: no socket, no HTTP, no Redis. Senders in this process hand frames to the
// router's sessions; sockets that lead nowhere count what arrives; API and log answer at once and keep nothing. What it measures
// is what the actors can do at most, in rate, memory and spawning.
//
// Every loop is closed: so many messages are on their way, all chats together, and a message has landed when the last
// socket of its chat has it. Every delivery is counted against what was sent. Run blocks until all parts are over.
package inside
