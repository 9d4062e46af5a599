package chatlog

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// What marks a file as ours, so that no other application's database is taken for a log: "ecLG".
const applicationID = 0x65634c47

// diskMigrations bring the schema from version i to i+1; user_version in the file counts them. Never edit one that has
// shipped, append. Times are ms since 1970.
//
// A chat has a row in chats from its first entry on. Until then it has the generation as its epoch, and offset 0, so
// that a chat that is only asked for costs no write. That works as long as no log is forgotten, for a chat that went
// back to offset 0 in the same epoch would give its offsets twice. So forgetting makes a new, greater generation: the
// forgotten chats, and with them those that have not begun, are seen as logs that were lost, which for the latter means
// reading an empty log once.
var diskMigrations = []string{
	`CREATE TABLE state ( -- one row
		generation TEXT    NOT NULL,
		swept      INTEGER NOT NULL  -- when forgotten logs were looked for
	);
	CREATE TABLE chats (
		id     INTEGER PRIMARY KEY,
		chat   TEXT    NOT NULL UNIQUE,
		epoch  TEXT    NOT NULL,
		offset INTEGER NOT NULL, -- of the last entry
		mark   INTEGER NOT NULL, -- names up to this offset were there when the time was marked
		marked INTEGER NOT NULL,
		used   INTEGER NOT NULL  -- last append or Heads, at most a slack ago
	);
	CREATE TABLE entries (
		chat    INTEGER NOT NULL, -- chats.id
		offset  INTEGER NOT NULL,
		key     TEXT    NOT NULL,
		payload BLOB    NOT NULL, -- sealed
		PRIMARY KEY (chat, offset)
	) WITHOUT ROWID;
	CREATE TABLE names ( -- event keys and aliases
		chat   INTEGER NOT NULL, -- chats.id
		name   TEXT    NOT NULL,
		offset INTEGER NOT NULL,
		PRIMARY KEY (chat, name)
	) WITHOUT ROWID;
	CREATE TABLE queues ( -- of the chats that queued something
		chat    TEXT    PRIMARY KEY,
		waiting INTEGER NOT NULL, -- how many messages
		holder  TEXT    NOT NULL, -- who has the lease, or had it last
		fence   INTEGER NOT NULL,
		until   INTEGER NOT NULL, -- when the lease ends; 0: it ended with the last message
		used    INTEGER NOT NULL  -- when a message entered or left last
	) WITHOUT ROWID;
	CREATE INDEX queues_by_lease ON queues (until, chat) WHERE waiting > 0;
	CREATE TABLE queued (
		seq  INTEGER PRIMARY KEY AUTOINCREMENT, -- over all chats, so that it rises within each
		chat TEXT NOT NULL,
		name TEXT NOT NULL,
		data BLOB
	);
	CREATE INDEX queued_in_order ON queued (chat, seq);
	CREATE UNIQUE INDEX queued_by_name ON queued (chat, name);
	CREATE TABLE letters (
		id     INTEGER PRIMARY KEY AUTOINCREMENT,
		chat   TEXT    NOT NULL,
		at     INTEGER NOT NULL,
		reason TEXT    NOT NULL,
		name   TEXT    NOT NULL,
		data   BLOB
	);`,
	`ALTER TABLE queued ADD COLUMN sent INTEGER NOT NULL DEFAULT 0; -- 0 = not known`,
}

// migrate brings a new or older file up to date. It refuses what is another application's or a newer build's.
func (f *diskFile) migrate(now time.Time) error {
	version, err := f.version()
	if err != nil {
		return err
	}
	if err := f.writer.script("PRAGMA journal_mode = WAL"); err != nil || version == len(diskMigrations) {
		return err
	}
	return f.writer.within("BEGIN IMMEDIATE", func() error {
		for _, text := range diskMigrations[version:] {
			if err := f.writer.script(text); err != nil {
				return err
			}
		}
		if version == 0 {
			if err := f.begin(now); err != nil {
				return err
			}
		}
		return f.writer.script("PRAGMA application_id = " + strconv.Itoa(applicationID) + "; PRAGMA user_version = " + strconv.Itoa(len(diskMigrations)))
	})
}

// version is how many migrations a file has had.
func (f *diskFile) version() (version int, err error) {
	var application, tables int
	for text, into := range map[string]*int{
		"PRAGMA application_id": &application, "PRAGMA user_version": &version, "SELECT count(*) FROM sqlite_schema": &tables,
	} {
		if _, err := f.writer.row(text, nil, into); err != nil {
			return 0, err
		}
	}
	switch {
	case tables > 0 && application != applicationID:
		return 0, errors.New("the file is another application's database: move it away")
	case version > len(diskMigrations):
		return 0, fmt.Errorf("the file is of a newer version (%d): move it away or use a newer build", version)
	}
	return version, nil
}

// acquainted tells whether a guest knows its way about the file.
func (f *diskFile) acquainted() error {
	version, err := f.version()
	if err == nil && version != len(diskMigrations) {
		err = fmt.Errorf("the file is of version %d, this build knows %d: start the router once", version, len(diskMigrations))
	}
	return err
}

// begin writes the state of a new file.
func (f *diskFile) begin(now time.Time) error {
	ms := now.UnixMilli()
	_, err := f.writer.exec("INSERT INTO state (generation, swept) VALUES (?, ?)", newEpoch(ms), ms)
	return err
}
