// Package play runs chaos once: it starts a world and its clients, lets the faults of a schedule strike, heals
// everything, waits until all is quiet, and has the records judged. Run blocks for all of that, and ends what it
// started.
package play
