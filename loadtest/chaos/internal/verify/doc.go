// Package verify judges a run after it has ended: it reads what every client did and saw, what the database holds and
// what is still in the outbox, and counts every broken promise. It is plain data: no clock, no I/O, no goroutines, and
// it knows neither frames nor faults. Its own test plants each kind of damage and wants it found.
//
// The promises: a message whose sender was told "stored" or "accepted" is in the database; every client has seen every
// stored message, once; one sender's messages keep their order in the database, in the log and at every client; a
// place in a chat's log names the same message to everybody; nothing is stored twice; what is refused for good after it
// was accepted is a dead letter, and its sender was told. Of old clients less is wanted: see oldReader.
package verify
