// Package fakeapi is a test double of the Next.js API, in memory: for end-to-end, chaos and load tests. It behaves as
// the new API (batch route, idempotent by id) or as the old one (no batch route, which answers a page of HTML; ids
// minted here), and it can be made to fail in named ways while it runs. As the real API does, the single route
// publishes each message on its chat's Redis channel before it answers; the batch route never publishes.
//
// It records every stored row and every call, so that a checker can compare with what clients saw.
//
// Who may call: tests and cmd/fakeapi; the router never does. A request blocks for the set latency, in Publish, and in
// a fault's delay or hang; a hang ends when the caller goes or the server closes. Nothing is dropped but what a fault
// names. It imports nothing of ours.
package fakeapi
