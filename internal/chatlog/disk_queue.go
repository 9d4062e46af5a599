package chatlog

import "time"

// diskQueue is a row of queues: one chat's outbox without its messages.
type diskQueue struct {
	tenure
	left    int
	changed bool
}

// queue returns a chat's row, or an empty queue's.
func (tx *transaction) queue(chatID string) (*diskQueue, error) {
	if q := tx.queues[chatID]; q != nil {
		return q, nil
	}
	q := &diskQueue{}
	var until int64
	_, err := tx.row("SELECT waiting, holder, fence, until FROM queues WHERE chat = ?", []any{chatID}, &q.left, &q.holder, &q.fence, &until)
	if err != nil {
		return nil, err
	}
	if until != 0 {
		q.until = time.UnixMilli(until)
	}
	tx.queues[chatID] = q
	return q, nil
}

func (tx *transaction) flushQueues() error {
	for chatID, q := range tx.queues {
		if !q.changed {
			continue
		}
		var until int64
		if !q.until.IsZero() {
			until = q.until.UnixMilli()
		}
		_, err := tx.exec(`INSERT INTO queues (chat, waiting, holder, fence, until, used) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (chat) DO UPDATE
			SET waiting = excluded.waiting, holder = excluded.holder, fence = excluded.fence, until = excluded.until, used = excluded.used`,
			chatID, q.left, q.holder, q.fence, until, tx.ms())
		if err != nil {
			return err
		}
	}
	return nil
}

func (q *diskQueue) state(holder string) OutboxState {
	return OutboxState{Fence: q.held(holder), Left: q.left}
}

// grant gives the lease to a holder, or prolongs its own.
func (tx *transaction) grant(q *diskQueue, holder string) {
	q.lease(holder, tx.now, tx.options.Lease)
	q.changed = true
}

// seq is the place of a message in its chat's queue; 0 = it is not there.
func (tx *transaction) seq(chatID, name string) (seq uint64, err error) {
	_, err = tx.row("SELECT seq FROM queued WHERE chat = ? AND name = ?", []any{chatID, name}, &seq)
	return seq, err
}

// date notes when a queued message was sent, if that is earlier than is known, and tells what is known then.
func (tx *transaction) date(chatID string, again *Item) (sent int64, err error) {
	if again.Sent > 0 {
		if _, err := tx.exec("UPDATE queued SET sent = ?1 WHERE chat = ?2 AND name = ?3 AND (sent = 0 OR sent > ?1)", again.Sent, chatID, again.Name); err != nil {
			return 0, err
		}
	}
	_, err = tx.row("SELECT sent FROM queued WHERE chat = ? AND name = ?", []any{chatID, again.Name}, &sent)
	return sent, err
}

// push puts a message at the end.
func (tx *transaction) push(q *diskQueue, chatID string, item Item) error {
	q.left, q.changed = q.left+1, true
	_, err := tx.exec("INSERT INTO queued (chat, name, data, sent) VALUES (?, ?, ?, ?)", chatID, item.Name, item.Data, item.Sent)
	return err
}

// remove takes a message out; without the last one the lease ends.
func (tx *transaction) remove(q *diskQueue, chatID, name string) (data []byte, ok bool, err error) {
	ok, err = tx.row("DELETE FROM queued WHERE chat = ? AND name = ? RETURNING data", []any{chatID, name}, &data)
	if err != nil || !ok {
		return nil, false, err
	}
	q.left, q.changed = q.left-1, true
	if q.left == 0 {
		q.until = time.Time{}
	}
	return data, true, nil
}
