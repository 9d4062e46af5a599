// Package redisproxy stands between one instance and Redis and makes their connections fail: it cuts them, makes them
// silent or slow, loses the reply of a script that has run, and loses, doubles or swaps what the pub/sub connection
// delivers. It tells that connection by the SUBSCRIBE that it sees on it.
//
// It notes when connections open and what it lost, so that a run can tell how long the instance took to notice.
// Methods do not block; what a fault names is all that is dropped.
package redisproxy
