package world

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// file is where an instance without Redis keeps its log and its outbox.
const file = "router.db"

// Damage overwrites the middle of the file of log and outbox, which must not be in use. fraction tells where, 0 to 1.
func (i *Instance) Damage(fraction float64) error {
	f, err := os.OpenFile(filepath.Join(i.dir, file), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	// SQLite looks for nothing in a page that no tree uses, and tells damage by the structure: so whole pages are
	// turned over, the first among them.
	const page = 4096
	for at := int64(0); at < info.Size(); at += page * (1 + int64(3*fraction)) {
		b := make([]byte, min(page, info.Size()-at))
		if _, err := f.ReadAt(b, at); err != nil {
			return err
		}
		for n := range b {
			b[n] ^= 0xff
		}
		if _, err := f.WriteAt(b, at); err != nil {
			return err
		}
	}
	return f.Close()
}

// SetAside tells how many damaged files the instance has put away.
func (i *Instance) SetAside() (int, error) {
	list, err := filepath.Glob(filepath.Join(i.dir, file+".damaged-*Z"))
	return len(list), err
}

// volumeSize of the file system in memory that an instance's data can lie on.
const volumeSize = 96 << 20

// mount puts the instance's data on a small file system of its own, which only root may do.
func (i *Instance) mount(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, "mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%d", volumeSize), "eclipse-chaos", i.dir).CombinedOutput()
	if err != nil {
		return fmt.Errorf("mount: %w: %s", err, out)
	}
	i.mounted = true
	return nil
}

func (i *Instance) unmount() {
	if i.mounted {
		_ = exec.Command("umount", "--lazy", i.dir).Run() // what is left is memory
	}
}

// Volume tells whether the data lies on a file system that can be filled.
func (i *Instance) Volume() bool { return i.mounted }

// Fill takes all the room that is left; free gives it back.
func (i *Instance) Fill() (free func(), err error) {
	name := filepath.Join(i.dir, "ballast")
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	block := make([]byte, 64<<10)
	for written := 0; ; written += len(block) {
		if _, err := f.Write(block); err != nil {
			break // full
		}
		if written > volumeSize {
			return nil, errors.Join(errors.New("the volume does not get full"), os.Remove(name))
		}
	}
	return func() { _ = os.Remove(name) }, nil
}
