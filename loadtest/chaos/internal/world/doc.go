// Package world is what a run of chaos is about: instances of the router as real processes, a real Redis with an
// append-only file, a fake API, and between them what makes them fail: a proxy to Redis and a front of the API for
// each instance. Everything listens on 127.0.0.1 only and ends with Close.
//
// Starting blocks until the process answers. Nothing here decides when a fault strikes.
package world
