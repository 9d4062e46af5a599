package chatlog

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// ErrInUse: another router has the file.
var ErrInUse = errors.New("in use by another router")

// errDamaged is what the check at opening found.
var errDamaged = errors.New("the check found damage")

// sqliteCode is SQLite's primary result code, 0 when the error is not SQLite's.
func sqliteCode(err error) int {
	var answer *sqlite.Error
	if errors.As(err, &answer) {
		return answer.Code() & 0xff
	}
	return 0
}

// isDamage tells whether SQLite says that the file is no whole database.
func isDamage(err error) bool {
	code := sqliteCode(err)
	return errors.Is(err, errDamaged) || code == sqlite3.SQLITE_CORRUPT || code == sqlite3.SQLITE_NOTADB
}

// onDisk says what was being done, and wraps ErrRefused when nothing of it was: before COMMIT always, and at COMMIT
// when SQLite knows that it wrote no end of the transaction. After another failure of COMMIT, such as one of fsync,
// what is on the disk is unknown until the file is read anew.
func onDisk(what string, err error) error {
	if err == nil {
		return nil
	}
	code := sqliteCode(err)
	var atCommit errCommit
	unknown := errors.As(err, &atCommit) && code != sqlite3.SQLITE_FULL && code != sqlite3.SQLITE_BUSY
	if code == 0 || unknown || isDamage(err) {
		return fmt.Errorf("chatlog: %s: %w", what, err)
	}
	return fmt.Errorf("%w: %s: %w", ErrRefused, what, err)
}
