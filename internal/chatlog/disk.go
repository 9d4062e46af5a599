package chatlog

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// Disk is the log, the bus and the outbox of a single machine with a disk and without Redis: one SQLite file that one
// process at a time may open as its router.
//
// What a call wrote is on the disk when it returns (write-ahead log, fsync at each commit), and subscribers hear of it
// only then. Concurrent calls share a commit, so that the disk bounds how long a call takes and not how many there are.
// Everything is decided by the file's content within the transaction; nothing is kept in memory beside it. A call that
// fails with ErrRefused, as all do while the disk is full, has written nothing and may be made again.
//
// Calls block up to their context's deadline, or ten seconds without one; a write that has begun then still ends in its
// own time. An entry takes about 150 bytes beside its payload. The file does not shrink: what is forgotten
// makes room for what comes.
type Disk struct {
	file   *diskFile
	bus    *Memory // carries this handle's feeds; its log stays empty
	holder string
	owner  bool // of the file
}

var (
	_ Log    = (*Disk)(nil)
	_ Bus    = (*Disk)(nil)
	_ Outbox = (*Disk)(nil)
)

// OpenDisk opens or makes the file and its folder, and checks it, which reads it as a whole: about 5 ms per MB. A file
// that SQLite calls damaged is set aside under a name with .damaged- and the time, which log tells, and a new one begins,
// whose epochs are greater. ErrInUse: another router has the file. Leases of an earlier process end.
func OpenDisk(path string, o Options, log *slog.Logger) (*Disk, error) {
	d, err := openDisk(path, o, log)
	if err != nil {
		return nil, fmt.Errorf("chatlog: open %s: %w", path, err)
	}
	return d, nil
}

func openDisk(path string, o Options, log *slog.Logger) (*Disk, error) {
	o = o.withDefaults()
	path, err := makeFile(path)
	if err != nil {
		return nil, err
	}
	unlock, err := lockFile(path)
	if err != nil {
		return nil, err
	}
	f, err := openFile(path, false, o, log)
	if isDamage(err) {
		f, err = replaceFile(path, err, o, log)
	}
	if err != nil {
		_ = unlock()
		return nil, err
	}
	f.unlock = unlock
	return newDisk(f), nil
}

// replaceFile begins anew after the damage that was found.
func replaceFile(path string, damage error, o Options, log *slog.Logger) (*diskFile, error) {
	aside, err := setAside(path, time.Now())
	if err != nil {
		return nil, fmt.Errorf("setting a damaged file aside: %w", err)
	}
	log.Error("the file of the log and the outbox was damaged and is set aside; a new one begins: chats start new logs, and messages that "+
		"were accepted and not yet stored are in the damaged file only", "file", path, "damaged", aside, "error", damage)
	if _, err := makeFile(path); err != nil {
		return nil, err
	}
	return openFile(path, false, o, log)
}

// VisitDisk opens a file for people, who look after its queues and dead letters, also while a router has it open: what is
// revived here is posted there once it looks for orphans. The file must be there, and is not checked.
func VisitDisk(path string, o Options, log *slog.Logger) (*Disk, error) {
	absolute, err := filepath.Abs(path) // in a URL the first part of a relative one would be a host
	if err == nil {
		_, err = os.Stat(absolute)
	}
	if err != nil {
		return nil, fmt.Errorf("chatlog: %w", err)
	}
	f, err := openFile(absolute, true, o.withDefaults(), log)
	if err != nil {
		return nil, fmt.Errorf("chatlog: open %s: %w", path, err)
	}
	f.unlock = func() error { return nil }
	return newDisk(f), nil
}

func newDisk(f *diskFile) *Disk {
	go f.write()
	return &Disk{file: f, bus: f.bus.Handle(), holder: f.options.Holder, owner: true}
}

// Handle returns another user of the same file and bus, as if it were a second process on one Redis. It holds leases
// under a random name, and ends with the Disk that it comes from.
func (d *Disk) Handle() *Disk { return d.HandleOf(newHolder()) }

// HandleOf is Handle with a name for leases.
func (d *Disk) HandleOf(holder string) *Disk {
	return &Disk{file: d.file, bus: d.file.bus.Handle(), holder: holder}
}

// Close ends this handle's feeds, and if it opened the file, finishes the calls that wait and closes it.
func (d *Disk) Close() error {
	_ = d.bus.Close() // has no error
	if !d.owner {
		return nil
	}
	return d.file.close()
}

// Ping implements Bus: it tells whether the file can be read.
func (d *Disk) Ping(ctx context.Context) error {
	return d.file.read(ctx, "ping", func(s *session) error {
		_, err := s.row("SELECT 1 FROM state", nil, new(int))
		return err
	})
}

// Publish implements Bus.
func (d *Disk) Publish(ctx context.Context, items []Publication) error {
	return d.bus.Publish(ctx, items)
}

// Dial implements Bus.
func (d *Disk) Dial(ctx context.Context, deliver func(chatID string, payload []byte)) (Feed, error) {
	return d.bus.Dial(ctx, deliver)
}

// Append implements Log. The items of one call are one transaction: all of them fail together when the disk fails.
func (d *Disk) Append(ctx context.Context, items []Append) []Appended {
	items = slices.Clone(items) // the caller may go away and use its own again
	results := make([]Appended, len(items))
	var heard []Publication
	write := func(tx *transaction) error {
		s := steps{transaction: tx, holder: d.holder}
		for i := range items {
			if results[i].Err = items[i].check(); results[i].Err != nil {
				continue
			}
			var err error
			if results[i], err = s.carry(&items[i]); err != nil {
				return err
			}
		}
		heard = s.heard
		return nil
	}
	err := d.file.commit(ctx, "append", write, func() { d.tell(heard) })
	if err != nil {
		return allFailed(items, err)
	}
	return results
}

// tell publishes what was committed. It never blocks, and has no error.
func (d *Disk) tell(heard []Publication) { _ = d.bus.Publish(context.Background(), heard) }

// allFailed answers for items of which none was written, or nobody knows.
func allFailed(items []Append, err error) []Appended {
	results := make([]Appended, len(items))
	for i := range items {
		if results[i].Err = items[i].check(); results[i].Err == nil {
			results[i].Err = err
		}
	}
	return results
}
