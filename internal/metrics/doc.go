// Package metrics holds every Prometheus collector of the router, in a registry of its own.
//
// Anyone may call any method from any goroutine: none blocks, and none looks a label up in a map of strings on
// the path of a message. Counters with labels are resolved once, in New, and then found by a small number. A
// number or text outside its table counts as "other", so that no input can create a series or a panic.
//
// The numbers of frame kinds, frame classes and API outcomes are those of the packages that define them. This
// package imports nothing of ours; a test elsewhere holds the tables equal.
//
// Every name begins with "eclipse_". Times are in seconds, sizes in bytes. No label carries an id of a chat, a
// user, a message or a socket.
package metrics
