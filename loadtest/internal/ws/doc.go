// Package ws is a WebSocket client that costs little: a socket that receives nothing holds no buffer, one that
// receives costs one system call per arrival, and one that sends costs one per frame. It offers no compression, joins
// fragments, answers pings, and delivers text and binary messages alike.
//
// Dial and the Write methods block on the network; Write methods may be called from any goroutine. Read runs the
// handler in the calling goroutine until the socket ends. Nothing is dropped.
package ws
