package standin

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// Users that exist from the start.
const (
	anonymousID = "user_anonymous" // whom the messages of visitors without an account are stored under
	agentID     = "user_ada"
	agentName   = "Ada Agent"
)

// migrations bring the schema from version i to i+1; user_version in the file counts them. Never edit one that has
// shipped, append.
var migrations = []string{
	`CREATE TABLE users (
		id    TEXT PRIMARY KEY,
		name  TEXT,
		email TEXT
	) WITHOUT ROWID;
	CREATE TABLE chats (
		id         TEXT PRIMARY KEY,
		created_at INTEGER NOT NULL -- ms since 1970
	) WITHOUT ROWID;
	CREATE TABLE messages (
		seq        INTEGER PRIMARY KEY, -- the order of storing
		id         TEXT NOT NULL UNIQUE,
		chat_id    TEXT NOT NULL REFERENCES chats (id),
		user_id    TEXT NOT NULL REFERENCES users (id),
		role       TEXT NOT NULL,
		content    TEXT NOT NULL,
		created_at INTEGER NOT NULL -- ms since 1970
	);
	CREATE INDEX messages_of_chat ON messages (chat_id, seq);
	INSERT INTO users (id, name, email) VALUES
		('user_anonymous', 'Anonymous', NULL),
		('user_ada', 'Ada Agent', 'ada@example.com');`,
}

// store is the database: one connection, so one writer, and its prepared statements.
type store struct {
	db  *sql.DB
	sql statements
}

type statements struct {
	addChat, hasChat, addUser, hasUser, getUser, addMessage, getMessage, chats, latest, after, seqOf *sql.Stmt
}

func openStore(path string) (*store, error) {
	name := path
	if path != ":memory:" {
		absolute, err := prepareFile(path)
		if err != nil {
			return nil, err
		}
		name = (&url.URL{Scheme: "file", Path: filepath.ToSlash(absolute)}).String()
	}
	db, err := sql.Open("sqlite", name+"?_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)"+
		"&_pragma=synchronous(NORMAL)&_pragma=foreign_keys(1)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	s := &store{db: db}
	if err := s.migrate(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if err := s.prepare(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// prepareFile makes the file where it is missing, readable by its owner only: SQLite's side files take its mode over.
func prepareFile(path string) (absolute string, err error) {
	if absolute, err = filepath.Abs(path); err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(absolute), 0o700); err != nil {
		return "", err
	}
	file, err := os.OpenFile(absolute, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	return absolute, file.Close()
}

// migrate runs in one transaction, which other processes wait for.
func (s *store) migrate() error {
	return s.write(context.Background(), func(tx *sql.Tx) error {
		var version int
		if err := tx.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
			return err
		}
		if version > len(migrations) {
			return fmt.Errorf("the file is of a newer version (%d): move it away or use a newer build", version)
		}
		for i := version; i < len(migrations); i++ {
			if _, err := tx.Exec(migrations[i]); err != nil {
				return fmt.Errorf("migrate to version %d: %w", i+1, err)
			}
		}
		_, err := tx.Exec(fmt.Sprintf("PRAGMA user_version = %d", len(migrations)))
		return err
	})
}

const messageColumns = ` m.seq, m.id, m.chat_id, m.content, m.role, m.created_at, u.id, u.name, u.email
	FROM messages m JOIN users u ON u.id = m.user_id `

func (s *store) prepare() error {
	for _, p := range []struct {
		into **sql.Stmt
		text string
	}{
		{&s.sql.addChat, `INSERT INTO chats (id, created_at) VALUES (?, ?) ON CONFLICT DO NOTHING`},
		{&s.sql.hasChat, `SELECT 1 FROM chats WHERE id = ?`},
		{&s.sql.addUser, `INSERT INTO users (id, name) VALUES (?, ?) ON CONFLICT DO NOTHING`},
		{&s.sql.hasUser, `SELECT 1 FROM users WHERE id = ?`},
		{&s.sql.getUser, `SELECT id, name, email FROM users WHERE id = ?`},
		{&s.sql.addMessage, `INSERT INTO messages (id, chat_id, user_id, role, content, created_at)
			VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`},
		{&s.sql.getMessage, `SELECT` + messageColumns + `WHERE m.id = ?`},
		{&s.sql.seqOf, `SELECT seq FROM messages WHERE id = ? AND chat_id = ?`},
		{&s.sql.after, `SELECT` + messageColumns + `WHERE m.chat_id = ? AND m.seq > ? ORDER BY m.seq LIMIT ?`},
		{&s.sql.latest, `SELECT * FROM (SELECT` + messageColumns + `WHERE m.chat_id = ? ORDER BY m.seq DESC LIMIT ?) ORDER BY 1`},
		{&s.sql.chats, `SELECT c.id, c.created_at, coalesce(m.id, ''), (SELECT count(*) FROM messages WHERE chat_id = c.id)
			FROM chats c LEFT JOIN messages m ON m.seq = (SELECT max(seq) FROM messages WHERE chat_id = c.id)
			ORDER BY coalesce(m.created_at, c.created_at) DESC, c.id LIMIT ?`},
	} {
		stmt, err := s.db.Prepare(p.text)
		if err != nil {
			return err
		}
		*p.into = stmt
	}
	return nil
}

func (s *store) close() error { return s.db.Close() }

// write runs f in one transaction. f must use tx only: there is no second connection.
func (s *store) write(ctx context.Context, f func(tx *sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}
