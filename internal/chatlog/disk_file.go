package chatlog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

const (
	// readers is how many calls may read at once, beside the one writer. They see what was committed.
	readers = 2
	// checkpointPages of 4 KiB are written beside the file before they are copied into it, in passing, after a commit.
	checkpointPages = 4000
	// cacheKiB is the page cache of each connection.
	cacheKiB = 8192
	// othersPatience is how long a write waits for one of another process: of people who look after dead letters.
	othersPatience = 5 * time.Second
)

// diskFile is the open file. Its writer belongs to one goroutine.
type diskFile struct {
	path    string
	options Options
	log     *slog.Logger
	db      *sql.DB
	writer  *session
	readers chan *session
	bus     *Memory // hands out the buses of the handles
	unlock  func() error
	damage  sync.Once // is told once
	closing sync.Once

	transactions int // that the writer has begun; to be read when it has ended

	commits
}

// openFile opens a file as its only router, or as a guest beside one.
func openFile(path string, guest bool, o Options, log *slog.Logger) (*diskFile, error) {
	f, err := connectFile(path)
	if err != nil {
		return nil, err
	}
	f.options, f.log, f.bus = o, log, NewMemory(o)
	if guest {
		err = f.acquainted()
	} else {
		err = f.prepare()
	}
	if err == nil {
		err = f.openReaders()
	}
	if err != nil {
		return nil, errors.Join(err, f.disconnect())
	}
	return f, nil
}

func connectFile(path string) (*diskFile, error) {
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String()+
		"?_pragma=busy_timeout("+millis(othersPatience)+")&_pragma=synchronous(FULL)&_pragma=fullfsync(1)"+
		"&_pragma=wal_autocheckpoint("+strconv.Itoa(checkpointPages)+")&_pragma=cache_size(-"+strconv.Itoa(cacheKiB)+")&_pragma=temp_store(MEMORY)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1 + readers)
	writer, err := newSession(db)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &diskFile{path: path, db: db, writer: writer, readers: make(chan *session, readers), commits: newCommits()}, nil
}

// prepare checks the file and brings it up to date. Leases end: whoever held one is gone, as its lock is.
func (f *diskFile) prepare() error {
	var verdict string
	if _, err := f.writer.row("PRAGMA quick_check(1)", nil, &verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return fmt.Errorf("%w: %s", errDamaged, verdict)
	}
	now := time.Now()
	if err := f.migrate(now); err != nil {
		return err
	}
	_, err := f.writer.exec("UPDATE queues SET holder = '', until = min(until, ?)", now.UnixMilli())
	return err
}

func (f *diskFile) openReaders() error {
	for range readers {
		reader, err := newSession(f.db)
		if err != nil {
			return err
		}
		f.readers <- reader
	}
	return nil
}

// close lets calls end that have begun, and refuses others.
func (f *diskFile) close() (err error) {
	f.closing.Do(func() {
		f.end()
		var lent []*session
		for range readers {
			lent = append(lent, <-f.readers)
		}
		close(f.readers)
		for _, reader := range lent {
			err = errors.Join(err, reader.close())
		}
		err = errors.Join(err, f.disconnect(), f.unlock())
	})
	return err
}

// disconnect closes the connections; the last one copies what is beside the file into it.
func (f *diskFile) disconnect() error {
	errs := []error{f.writer.close()}
	for range len(f.readers) {
		errs = append(errs, (<-f.readers).close())
	}
	return errors.Join(append(errs, f.db.Close())...)
}

// tellAll publishes to the feeds of every handle.
func (f *diskFile) tellAll(chatID string, payload []byte) {
	_ = f.bus.Publish(context.Background(), []Publication{{ChatID: chatID, Payload: payload}}) // has no error
}

// report tells once that the file was found damaged while it was in use.
func (f *diskFile) report(err error) error {
	if isDamage(err) {
		f.damage.Do(func() {
			f.log.Error("the log's file is damaged: what needs the damaged part fails; a restart checks the file and sets it aside", "file", f.path, "error", err)
		})
	}
	return err
}

// makeFile makes the file where it is missing, readable by its owner only: SQLite's side files take its mode over.
func makeFile(path string) (absolute string, err error) {
	if absolute, err = filepath.Abs(path); err != nil {
		return "", err
	}
	folder := filepath.Dir(absolute)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", err
	}
	file, err := os.OpenFile(absolute, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	return absolute, errors.Join(file.Close(), syncFolder(folder))
}

// setAside renames a damaged file, and what SQLite keeps beside it, and returns the new name.
func setAside(path string, now time.Time) (string, error) {
	aside := path + ".damaged-" + now.UTC().Format("20060102T150405.000Z")
	for _, part := range []string{"-wal", "-shm", ""} {
		if err := os.Rename(path+part, aside+part); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return aside, syncFolder(filepath.Dir(path))
}
