package standin

import (
	"context"
	"database/sql"
	"errors"
	"strings"
)

// row is a stored message.
type row struct {
	seq       int64
	id        string
	chatID    string
	content   string
	role      string
	createdAt int64 // ms since 1970
	sender    sender
}

func (r *row) scan(scan func(...any) error) error {
	return scan(&r.seq, &r.id, &r.chatID, &r.content, &r.role, &r.createdAt, &r.sender.ID, &r.sender.Name, &r.sender.Email)
}

// newMessage is a message to store.
type newMessage struct {
	id, chatID, content, role, userID string
	createdAt                         int64 // ms since 1970
}

var (
	errNoChat    = errors.New("no such chat")
	errOtherChat = errors.New("the id belongs to another chat")
	errNoMessage = errors.New("no such message")
)

// addMessage stores a message unless its id is known, and returns the stored row either way.
func (s *store) addMessage(ctx context.Context, tx *sql.Tx, m newMessage) (r row, added bool, err error) {
	known, err := exists(ctx, tx.StmtContext(ctx, s.sql.hasChat), m.chatID)
	if err != nil {
		return row{}, false, err
	}
	if !known {
		return row{}, false, errNoChat
	}
	userID, err := s.storedUnder(ctx, tx, m.userID)
	if err != nil {
		return row{}, false, err
	}
	done, err := tx.StmtContext(ctx, s.sql.addMessage).ExecContext(ctx, m.id, m.chatID, userID, m.role, m.content, m.createdAt)
	if err != nil {
		return row{}, false, err
	}
	n, err := done.RowsAffected()
	if err != nil {
		return row{}, false, err
	}
	if err := r.scan(tx.StmtContext(ctx, s.sql.getMessage).QueryRowContext(ctx, m.id).Scan); err != nil {
		return row{}, false, err
	}
	if r.chatID != m.chatID {
		return row{}, false, errOtherChat
	}
	return r, n == 1, nil
}

// storedUnder is the user whose message it becomes: visitors without an account share one.
func (s *store) storedUnder(ctx context.Context, tx *sql.Tx, userID string) (string, error) {
	if strings.HasPrefix(userID, "anon_") {
		return anonymousID, nil
	}
	known, err := exists(ctx, tx.StmtContext(ctx, s.sql.hasUser), userID)
	if known {
		return userID, err
	}
	return anonymousID, err
}

func exists(ctx context.Context, stmt *sql.Stmt, id string) (bool, error) {
	var one int
	err := stmt.QueryRowContext(ctx, id).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// addChat makes a chat that is missing.
func (s *store) addChat(ctx context.Context, id string, now int64) error {
	_, err := s.sql.addChat.ExecContext(ctx, id, now)
	return err
}

func (s *store) hasChat(ctx context.Context, id string) (bool, error) {
	return exists(ctx, s.sql.hasChat, id)
}

// user is what the users route tells.
type user struct {
	ID    string  `json:"id"`
	Name  *string `json:"name"`
	Email *string `json:"email"`
	Image *string `json:"image"`
}

// user returns sql.ErrNoRows for one that does not exist.
func (s *store) user(ctx context.Context, id string) (u user, err error) {
	err = s.sql.getUser.QueryRowContext(ctx, id).Scan(&u.ID, &u.Name, &u.Email)
	return u, err
}

func (s *store) addUser(ctx context.Context, id, name string) error {
	_, err := s.sql.addUser.ExecContext(ctx, id, name)
	return err
}

// messages returns a chat's messages, oldest first: the ones after a given message, or the latest when after is "".
func (s *store) messages(ctx context.Context, chatID, after string, limit int) ([]row, error) {
	if after == "" {
		return all(s.sql.latest.QueryContext(ctx, chatID, limit))
	}
	var seq int64
	err := s.sql.seqOf.QueryRowContext(ctx, after, chatID).Scan(&seq)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, errNoMessage
	}
	if err != nil {
		return nil, err
	}
	return all(s.sql.after.QueryContext(ctx, chatID, seq, limit))
}

func all(rows *sql.Rows, err error) ([]row, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []row
	for rows.Next() {
		var r row
		if err := r.scan(rows.Scan); err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, rows.Err()
}

// chatSummary is a line of the list of chats.
type chatSummary struct {
	id        string
	createdAt int64
	messages  int
	last      *row // nil = none yet
}

// chats returns the chats with the latest activity first.
func (s *store) chats(ctx context.Context, limit int) ([]chatSummary, error) {
	list, lastIDs, err := s.chatRows(ctx, limit)
	if err != nil {
		return nil, err
	}
	for i, id := range lastIDs {
		if id == "" {
			continue
		}
		var r row
		if err := r.scan(s.sql.getMessage.QueryRowContext(ctx, id).Scan); err != nil {
			return nil, err
		}
		list[i].last = &r
	}
	return list, nil
}

func (s *store) chatRows(ctx context.Context, limit int) (list []chatSummary, lastIDs []string, err error) {
	rows, err := s.sql.chats.QueryContext(ctx, limit)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var c chatSummary
		var last string
		if err := rows.Scan(&c.id, &c.createdAt, &last, &c.messages); err != nil {
			return nil, nil, err
		}
		list, lastIDs = append(list, c), append(lastIDs, last)
	}
	return list, lastIDs, rows.Err()
}
