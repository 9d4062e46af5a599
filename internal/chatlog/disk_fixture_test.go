package chatlog

import (
	"bytes"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
)

// diskLog keeps what a Disk logs.
type diskLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *diskLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *diskLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *diskLog) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func diskPath(t testing.TB) string { return filepath.Join(t.TempDir(), "data", "router.db") }

// openDiskAt opens a file until the test ends, or until it is closed before.
func openDiskAt(t testing.TB, path string, o Options) *Disk {
	t.Helper()
	d, err := OpenDisk(path, o, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return d
}

func diskHandle(t testing.TB, d *Disk, holder string) *Disk {
	handle := d.HandleOf(holder)
	t.Cleanup(func() { handle.Close() })
	return handle
}

// openDiskStore makes leases longer, for the race detector slows SQLite down more than anything else.
func openDiskStore(t *testing.T, o Options) fixture {
	o.Lease *= 25
	first := openDiskAt(t, diskPath(t), o)
	return fixture{connect: func(t *testing.T) client { return diskHandle(t, first, newHolder()) }}
}
