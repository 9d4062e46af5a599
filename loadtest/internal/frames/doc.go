// Package frames is what the load generator says to a server and understands of its answers. Every message carries
// a Tag in its content and its clientMessageId, so that a delivery tells what it is a delivery of. Parsing looks
// for the few fields that matter in the compact form that servers write, and falls back to a JSON decoder.
// Plain data: nothing blocks, nothing is kept of the bytes given.
package frames
