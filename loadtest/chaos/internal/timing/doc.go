// Package timing tells how long things took in a run, from the clients' records, what the proxies noted, and the
// times of the faults. It is plain data: no clock, no I/O.
package timing
