//go:build !unix

package host

// SocketsPerProcess is how many sockets a process that we start may open.
func SocketsPerProcess() (int, error) { return 16_000, nil }
