//go:build unix

package chatlog

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// lockFile keeps other routers away from a file until release. The lock is the kernel's, so it ends with the process
// however that ends; the lock's own file stays.
func lockFile(path string) (release func() error, err error) {
	file, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = ErrInUse
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file.Close, nil
}

// syncFolder makes names last that were given in a folder.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	err = folder.Sync()
	return errors.Join(err, folder.Close())
}
