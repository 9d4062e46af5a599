// Command loadtest puts a chat server under load, checks everything that arrives against what was sent, and says what
// it cost: go run ./loadtest -h.
//
// With nothing given it builds the router, starts it with a fake API of a set latency, and runs the scenario chat. With
// -url it loads a server that runs already, where -chat-ids names chats that the app behind it knows; nothing leaves this
// machine otherwise. With -relay it runs the same on a bare relay too and prints the ratio. Sockets live in processes of
// their own (-procs), which this program starts from itself.
//
// Three scenarios are of another kind. outage starts two routers, a Redis and a fake API, makes each of them fail in turn while
// chats talk, and says what the chats noticed that a fault does not touch. scale plays the same on more and more routers on
// one Redis. actors opens no socket: it drives the router's actors in this process (package inside).
//
// The report goes to the terminal as a table, with -json to a file for machines, and with -html to one page with plots that
// needs no network.
//
// It ends by itself: after what the plan takes, or at a first interrupt or hangup; a second one ends it at once. What it started
// ends with it: its own processes when their input does, the router and Redis by the kernel where that is Linux.
// Exit status 0: all that was sent arrived once and in order; 1: something did not, or the server refused or closed
// what it should not have; 2: it could not be run, or not to its end, which the report then says. go run makes 1 of
// either; a built binary tells them apart.
package main
