// Package host is what is measured and what it needs: the router (built from this module and started), the bare
// relay, a server that runs elsewhere, a fake API with a set latency, Redis. It starts and stops processes, pins them to
// processors and reads what they use. Starting blocks until the server answers; everything listens on 127.0.0.1 only.
package host
