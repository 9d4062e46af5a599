// Package e2e holds the end-to-end tests and nothing else: they build the real binary once, run it as separate
// processes beside a real redis-server and a double of the Next.js API, and speak to it through real sockets, as old
// clients (part 1 of the protocol only) and as part-2 clients do. Processes are killed, stopped and asked to go.
//
// Nobody imports it. Every listener is on 127.0.0.1 and a free port. A test waits on conditions; each ends its
// processes, sockets and servers itself. What a router logs is kept, and a line that holds a message's content, a
// token, a secret or an e-mail address fails the test.
package e2e
