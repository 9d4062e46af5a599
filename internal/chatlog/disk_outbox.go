package chatlog

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// Durable implements Outbox.
func (d *Disk) Durable() bool { return true }

// Claim implements Outbox.
func (d *Disk) Claim(ctx context.Context, chatID string, after uint64, limit int) (Claim, error) {
	var claim Claim
	err := d.file.commit(ctx, "claim", func(tx *transaction) error {
		q, err := tx.queue(chatID)
		if err != nil {
			return err
		}
		claim.Left = q.left
		if q.left == 0 || q.taken(d.holder, tx.now) {
			return nil
		}
		tx.grant(q, d.holder)
		claim.Fence = q.fence
		claim.Items, err = queuedOf(tx.session, chatID, after, max(limit, 1))
		return err
	}, nil)
	if err != nil {
		return Claim{}, err
	}
	return claim, nil
}

// queuedOf returns messages with the log's entries that their names find.
func queuedOf(s *session, chatID string, after uint64, limit int) (found []Queued, err error) {
	err = s.rows(`SELECT w.seq, w.name, w.data, w.sent, coalesce(n.offset, 0), iif(n.offset IS NULL, '', c.epoch) FROM queued w
		LEFT JOIN chats c ON c.chat = w.chat LEFT JOIN names n ON n.chat = c.id AND n.name = w.name
		WHERE w.chat = ? AND w.seq > ? ORDER BY w.seq LIMIT ?`, []any{chatID, after, limit}, func(row *sql.Rows) error {
		var q Queued
		if err := row.Scan(&q.Seq, &q.Name, &q.Data, &q.Sent, &q.Logged.Offset, &q.Logged.Epoch); err != nil {
			return err
		}
		found = append(found, q)
		return nil
	})
	return found, err
}

// Renew implements Outbox. It is one statement, since during an outage of the API there are many leases.
func (d *Disk) Renew(ctx context.Context, leases []Lease) ([]bool, error) {
	wanted := make([][2]any, len(leases))
	for i, lease := range leases {
		wanted[i] = [2]any{lease.ChatID, lease.Fence}
	}
	list, err := json.Marshal(wanted)
	if err != nil {
		return nil, fmt.Errorf("chatlog: renew: %w", err)
	}
	renewed := make(map[Lease]bool)
	err = d.file.commit(ctx, "renew", func(tx *transaction) error { return tx.renew(d.holder, string(list), renewed) }, nil)
	if err != nil {
		return nil, err
	}
	kept := make([]bool, len(leases))
	for i, lease := range leases {
		kept[i] = renewed[lease]
	}
	return kept, nil
}

// renew takes a JSON list of pairs of chat and fence.
func (tx *transaction) renew(holder, list string, renewed map[Lease]bool) error {
	if err := tx.flushQueues(); err != nil {
		return err
	}
	clear(tx.queues) // what this changes is to be read anew
	return tx.rows(`UPDATE queues SET until = ? FROM json_each(?) AS l
		WHERE queues.chat = l.value ->> 0 AND fence = l.value ->> 1 AND holder = ? AND until > 0 RETURNING queues.chat, fence`,
		[]any{tx.now.Add(tx.options.Lease).UnixMilli(), list, holder}, func(row *sql.Rows) error {
			var lease Lease
			err := row.Scan(&lease.ChatID, &lease.Fence)
			renewed[lease] = true
			return err
		})
}

// Orphans implements Outbox.
func (d *Disk) Orphans(ctx context.Context, limit int) (chatIDs []string, err error) {
	err = d.file.read(ctx, "orphans", func(s *session) error {
		return s.rows("SELECT chat FROM queues WHERE waiting > 0 AND until <= ? ORDER BY until, chat LIMIT ?", []any{nowMs(), max(limit, 1)}, func(row *sql.Rows) error {
			var chatID string
			err := row.Scan(&chatID)
			chatIDs = append(chatIDs, chatID)
			return err
		})
	})
	return chatIDs, err
}

// Unnamed implements Outbox.
func (d *Disk) Unnamed(ctx context.Context, chatID string, after Position, limit int) (found []Entry, err error) {
	err = d.file.read(ctx, "unnamed", func(s *session) error {
		head, id, err := headOf(s, chatID)
		if err != nil || (after.Epoch != "" && after.Epoch != head.Epoch) {
			return err
		}
		found, err = entries(s, `SELECT e.offset, e.key, e.payload FROM entries e
			JOIN (SELECT offset FROM names WHERE chat = ?1 AND offset > ?2 GROUP BY offset HAVING count(*) = 1) n ON n.offset = e.offset
			WHERE e.chat = ?1 ORDER BY e.offset LIMIT ?3`, id, after.Offset, max(limit, 1))
		return err
	})
	return found, err
}

// Queued implements Outbox.
func (d *Disk) Queued(ctx context.Context, chatID string, after uint64, limit int) (found []Queued, err error) {
	err = d.file.read(ctx, "queued", func(s *session) error {
		found, err = queuedOf(s, chatID, after, max(limit, 1))
		return err
	})
	return found, err
}

// Queues implements Outbox.
func (d *Disk) Queues(ctx context.Context, after string, limit int) (infos []QueueInfo, err error) {
	err = d.file.read(ctx, "queues", func(s *session) error {
		err := s.rows("SELECT chat, waiting, iif(until > ?, holder, '') FROM queues WHERE waiting > 0 AND chat > ? ORDER BY chat LIMIT ?",
			[]any{nowMs(), after, max(limit, 1)}, func(row *sql.Rows) error {
				var info QueueInfo
				err := row.Scan(&info.ChatID, &info.Left, &info.Holder)
				infos = append(infos, info)
				return err
			})
		for i := 0; i < len(infos) && err == nil; i++ {
			infos[i].Items, err = queuedOf(s, infos[i].ChatID, 0, queueShown)
		}
		return err
	})
	return infos, err
}

// letterNumber is the number in a letter's ID, which is nothing else; false: it is no ID.
func letterNumber(id string) (number int64, ok bool) {
	number, err := strconv.ParseInt(id, 10, 64)
	return number, err == nil && strconv.FormatInt(number, 10) == id
}

// Letters implements Outbox.
func (d *Disk) Letters(ctx context.Context, after string, limit int) (letters []Letter, err error) {
	first, ok := letterNumber(after)
	if after != "" && !ok {
		return nil, errLetterID(after)
	}
	err = d.file.read(ctx, "letters", func(s *session) error {
		return s.rows("SELECT id, chat, at, reason, name, data FROM letters WHERE id > ? ORDER BY id LIMIT ?", []any{first, max(limit, 1)}, func(row *sql.Rows) error {
			var letter Letter
			var at int64
			err := row.Scan(&letter.ID, &letter.ChatID, &at, &letter.Reason, &letter.Name, &letter.Data)
			letter.At = time.UnixMilli(at)
			letters = append(letters, letter)
			return err
		})
	})
	return letters, err
}

// revival is what becomes of a dead letter that is put back.
type revival struct {
	found  bool
	chatID string
	enters bool // it was not queued again meanwhile
	full   bool
}

// Revive implements Outbox. It takes no lease, since who revives may not be who posts: the holder hears of it, or the
// chat is an orphan.
func (d *Disk) Revive(ctx context.Context, id string) (bool, error) {
	number, ok := letterNumber(id)
	if !ok {
		return false, nil
	}
	var r revival
	err := d.file.commit(ctx, "revive", func(tx *transaction) (err error) {
		r, err = tx.revive(number)
		return err
	}, func() {
		if r.enters && !r.full {
			d.file.tellAll(r.chatID, []byte(QueuedNotice))
		}
	})
	switch {
	case err != nil:
		return false, err
	case r.full:
		return false, ErrFull
	}
	return r.found, nil
}

func (tx *transaction) revive(number int64) (r revival, err error) {
	var item Item
	r.found, err = tx.row("SELECT chat, name, data FROM letters WHERE id = ?", []any{number}, &r.chatID, &item.Name, &item.Data)
	if err != nil || !r.found {
		return r, err
	}
	q, err := tx.queue(r.chatID)
	if err != nil {
		return r, err
	}
	seq, err := tx.seq(r.chatID, item.Name)
	r.enters = seq == 0
	r.full = r.enters && q.left >= MaxQueued
	if err != nil || r.full {
		return r, err
	}
	if r.enters {
		if err := tx.push(q, r.chatID, item); err != nil {
			return r, err
		}
	}
	_, err = tx.discard(number)
	return r, err
}

// discard tells whether there was such a letter.
func (tx *transaction) discard(number int64) (bool, error) {
	result, err := tx.exec("DELETE FROM letters WHERE id = ?", number)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// Discard implements Outbox.
func (d *Disk) Discard(ctx context.Context, id string) (bool, error) {
	number, ok := letterNumber(id)
	if !ok {
		return false, nil
	}
	var gone bool
	err := d.file.commit(ctx, "discard", func(tx *transaction) (err error) {
		gone, err = tx.discard(number)
		return err
	}, nil)
	if err != nil {
		return false, err
	}
	return gone, nil
}
