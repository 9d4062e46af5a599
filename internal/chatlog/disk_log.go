package chatlog

import (
	"context"
	"database/sql"
	"time"
)

func nowMs() int64 { return time.Now().UnixMilli() }

// headOf returns where a chat's log ends, and its number, 0 when it has not begun.
func headOf(s *session, chatID string) (head Position, id int64, err error) {
	_, err = s.row(`SELECT coalesce(c.epoch, s.generation), coalesce(c.offset, 0), coalesce(c.id, 0)
		FROM state s LEFT JOIN chats c ON c.chat = ?`, []any{chatID}, &head.Epoch, &head.Offset, &id)
	return head, id, err
}

// Read implements Log.
func (d *Disk) Read(ctx context.Context, chatID string, after Position, limit int) (page Page, err error) {
	err = d.file.read(ctx, "read", func(s *session) error {
		head, id, err := headOf(s, chatID)
		if err != nil {
			return err
		}
		page = Page{Head: head}
		if (after.Epoch != "" && after.Epoch != head.Epoch) || after.Offset > head.Offset {
			after.Offset, page.Gap = 0, true
		}
		page.Entries, err = entries(s, "SELECT offset, key, payload FROM entries WHERE chat = ? AND offset > ? ORDER BY offset LIMIT ?",
			id, after.Offset, max(limit, 1))
		if after.Offset < head.Offset && (len(page.Entries) == 0 || page.Entries[0].Offset != after.Offset+1) {
			page.Gap = true
		}
		return err
	})
	return page, err
}

// entries reads rows of offset, key and payload.
func entries(s *session, text string, args ...any) (found []Entry, err error) {
	err = s.rows(text, args, func(row *sql.Rows) error {
		var entry Entry
		if err := row.Scan(&entry.Offset, &entry.Key, &entry.Payload); err != nil {
			return err
		}
		found = append(found, entry)
		return nil
	})
	return found, err
}

// Heads implements Log.
func (d *Disk) Heads(ctx context.Context, chatIDs []string) ([]Head, error) {
	heads, stale, err := d.heads(ctx, chatIDs)
	if err != nil || len(stale) == 0 {
		return heads, err
	}
	if err := d.keep(ctx, stale); err != nil {
		return nil, err
	}
	heads, _, err = d.heads(ctx, chatIDs) // those that were kept too late begin anew
	return heads, err
}

// heads returns also the chats whose use has to be noted.
func (d *Disk) heads(ctx context.Context, chatIDs []string) (heads []Head, stale []string, err error) {
	slack := d.file.options.slack().Milliseconds()
	err = d.file.read(ctx, "heads", func(s *session) error {
		heads = make([]Head, len(chatIDs))
		for i, chatID := range chatIDs {
			var old bool
			_, err := s.row(`SELECT coalesce(c.epoch, s.generation), coalesce(c.offset, 0), coalesce(? - c.used >= ?, 0), coalesce(q.waiting > 0, 0)
				FROM state s LEFT JOIN chats c ON c.chat = ? LEFT JOIN queues q ON q.chat = ?`,
				[]any{nowMs(), slack, chatID, chatID}, &heads[i].Epoch, &heads[i].Offset, &old, &heads[i].Queued)
			if err != nil {
				return err
			}
			if old {
				stale = append(stale, chatID)
			}
		}
		return nil
	})
	return heads, stale, err
}

// keep notes that chats are used.
func (d *Disk) keep(ctx context.Context, chatIDs []string) error {
	return d.file.commit(ctx, "heads", func(tx *transaction) error {
		for _, chatID := range chatIDs {
			c, err := tx.chat(chatID)
			if err != nil {
				return err
			}
			tx.use(c)
		}
		return nil
	}, nil)
}

// Lookup implements Log.
func (d *Disk) Lookup(ctx context.Context, chatID string, keys []string) (found []*Entry, err error) {
	err = d.file.read(ctx, "lookup", func(s *session) error {
		_, id, err := headOf(s, chatID)
		if err != nil {
			return err
		}
		found = make([]*Entry, len(keys))
		for i, key := range keys {
			if found[i], err = byName(s, id, key); err != nil {
				return err
			}
		}
		return nil
	})
	return found, err
}

// byName finds an entry by one of its names; nil = none has it.
func byName(s *session, id int64, name string) (*Entry, error) {
	var entry Entry
	found, err := s.row(`SELECT n.offset, coalesce(e.key, ''), e.payload FROM names n
		LEFT JOIN entries e ON e.chat = n.chat AND e.offset = n.offset WHERE n.chat = ? AND n.name = ?`,
		[]any{id, name}, &entry.Offset, &entry.Key, &entry.Payload)
	if err != nil || !found {
		return nil, err
	}
	if entry.Payload == nil { // trimmed
		_, err = s.row("SELECT max(name) FROM names WHERE chat = ? AND offset = ?", []any{id, entry.Offset}, &entry.Key)
	}
	return &entry, err
}
