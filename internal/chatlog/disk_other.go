//go:build !unix

package chatlog

// lockFile guards nothing on systems without flock: there two routers must not be given one file.
func lockFile(string) (release func() error, err error) { return func() error { return nil }, nil }

// syncFolder does nothing on systems where a folder cannot be synced.
func syncFolder(string) error { return nil }
