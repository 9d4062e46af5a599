//go:build !linux

package host

// KernelMemory is not known here.
func KernelMemory() int64 { return 0 }

// SocketObjects is not known here.
func SocketObjects() int64 { return 0 }
