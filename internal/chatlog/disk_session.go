package chatlog

import (
	"context"
	"database/sql"
	"errors"
)

// session is one connection to the file with its prepared statements. One goroutine uses it at a time.
type session struct {
	conn     *sql.Conn
	prepared map[string]*sql.Stmt // by text, which is a constant each
}

func newSession(db *sql.DB) (*session, error) {
	conn, err := db.Conn(context.Background())
	if err != nil {
		return nil, err
	}
	return &session{conn: conn, prepared: make(map[string]*sql.Stmt)}, nil
}

func (s *session) close() error {
	var errs []error
	for _, stmt := range s.prepared {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(append(errs, s.conn.Close())...)
}

// stmt prepares a statement when it is first used. No context is given to SQLite, since a call that was interrupted
// between two statements of a transaction would end the others' with it.
func (s *session) stmt(text string) (*sql.Stmt, error) {
	stmt := s.prepared[text]
	if stmt != nil {
		return stmt, nil
	}
	stmt, err := s.conn.PrepareContext(context.Background(), text)
	if err == nil {
		s.prepared[text] = stmt
	}
	return stmt, err
}

func (s *session) exec(text string, args ...any) (sql.Result, error) {
	stmt, err := s.stmt(text)
	if err != nil {
		return nil, err
	}
	return stmt.Exec(args...)
}

// row reads one row; false: there is none.
func (s *session) row(text string, args []any, into ...any) (bool, error) {
	stmt, err := s.stmt(text)
	if err != nil {
		return false, err
	}
	err = stmt.QueryRow(args...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// rows calls each for every row.
func (s *session) rows(text string, args []any, each func(*sql.Rows) error) error {
	stmt, err := s.stmt(text)
	if err != nil {
		return err
	}
	rows, err := stmt.Query(args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// within runs f in a transaction; begin is BEGIN or BEGIN IMMEDIATE. When it fails nothing of it was done, unless the
// error is an errCommit.
func (s *session) within(begin string, f func() error) error {
	_, err := s.exec(begin)
	if err == nil {
		err = f()
	}
	if err == nil {
		if _, err = s.exec("COMMIT"); err == nil {
			return nil
		}
		err = errCommit{err}
	}
	_, _ = s.exec("ROLLBACK") // its only error is that there is nothing, or nothing any more, to roll back
	return err
}

// errCommit is what COMMIT failed with.
type errCommit struct{ error }

func (e errCommit) Unwrap() error { return e.error }

// script runs several statements that return nothing.
func (s *session) script(text string) error {
	_, err := s.conn.ExecContext(context.Background(), text)
	return err
}
