// Package outboxcmd is the subcommand outbox of the binary: it shows people the messages that wait for the API and the
// dead letters, those that the API refused for good, and lets them try dead letters again, forget them, or take
// everything out to store it by hand.
//
// Only main calls it, for one run of the program. It opens what the router has open, Redis or the file in DATA_DIR,
// beside routers that run, takes no lease and starts no router. It imports the log, the settings and the domain messages,
// never the actors or the gateway.
//
// Every call of the store blocks for at most ten seconds. Nothing is dropped in silence: what cannot be done or shown is an
// error and ends with exit code 1. What a message says is printed by export, and by list only when it is asked to.
package outboxcmd
