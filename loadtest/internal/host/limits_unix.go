//go:build unix

package host

import (
	"fmt"
	"syscall"
)

// spare file descriptors of a process that are no sockets of ours.
const spare = 200

// SocketsPerProcess is how many sockets a process that we start may open.
func SocketsPerProcess() (int, error) {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0, fmt.Errorf("reading the limit of file descriptors: %w", err)
	}
	const plenty = 1 << 20
	return int(min(uint64(l.Max), plenty)) - spare, nil // Go programs raise the soft limit to the hard one
}
