package chatlog

import (
	"strconv"
	"time"
)

// transaction is what the calls of one group share. It keeps the rows of their chats until the end and then writes each
// once; nothing outlives it, so memory and file cannot disagree.
type transaction struct {
	*session
	options    *Options
	now        time.Time
	generation string
	chats      map[string]*diskChat
	queues     map[string]*diskQueue
}

// diskChat is a row of chats.
type diskChat struct {
	id      int64 // 0: it has no row yet
	epoch   string
	offset  uint64
	mark    uint64
	marked  int64
	used    int64
	changed bool
}

func (c *diskChat) at(offset uint64) Position { return Position{c.epoch, offset} }

func (tx *transaction) ms() int64 { return tx.now.UnixMilli() }

// begin reads the state that all chats share, and forgets what is due.
func (tx *transaction) begin() error {
	tx.chats, tx.queues = make(map[string]*diskChat), make(map[string]*diskQueue)
	var swept int64
	if _, err := tx.row("SELECT generation, swept FROM state", nil, &tx.generation, &swept); err != nil {
		return err
	}
	if tx.ms()-swept < tx.options.slack().Milliseconds() {
		return nil
	}
	return tx.sweep()
}

// sweptAtOnce bounds the logs that one transaction forgets, since others wait for it.
const sweptAtOnce = 100

// sweep forgets the logs that were neither appended to nor asked for in Heads for a Retention, and the leases of queues
// that were empty for as long. It runs on use, once in a while.
func (tx *transaction) sweep() error {
	before := tx.ms() - tx.options.Retention.Milliseconds()
	if _, err := tx.exec("DELETE FROM queues WHERE waiting = 0 AND used <= ?", before); err != nil {
		return err
	}
	before -= tx.options.slack().Milliseconds() // used is that stale at most
	forgotten := "(SELECT id FROM chats WHERE used <= ?1 ORDER BY id LIMIT ?2)"
	for _, table := range []string{"entries WHERE chat", "names WHERE chat"} {
		if _, err := tx.exec("DELETE FROM "+table+" IN "+forgotten, before, sweptAtOnce); err != nil {
			return err
		}
	}
	result, err := tx.exec("DELETE FROM chats WHERE id IN "+forgotten, before, sweptAtOnce)
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if err != nil {
		return err
	}
	if n > 0 {
		tx.generation = newEpoch(max(tx.ms(), epochMs(tx.generation)+1))
	}
	if n == sweptAtOnce {
		_, err = tx.exec("UPDATE state SET generation = ?", tx.generation) // and goes on in the next
	} else {
		_, err = tx.exec("UPDATE state SET generation = ?, swept = ?", tx.generation, tx.ms())
	}
	return err
}

// epochMs is the time in an epoch.
func epochMs(epoch string) int64 {
	ms, _ := strconv.ParseInt(epoch[:min(len(epoch), 12)], 16, 64)
	return ms
}

// chat returns a chat's row, or what stands for it until its first entry.
func (tx *transaction) chat(chatID string) (*diskChat, error) {
	if c := tx.chats[chatID]; c != nil {
		return c, nil
	}
	c := &diskChat{epoch: tx.generation, marked: tx.ms(), used: tx.ms()}
	_, err := tx.row("SELECT id, epoch, offset, mark, marked, used FROM chats WHERE chat = ?", []any{chatID},
		&c.id, &c.epoch, &c.offset, &c.mark, &c.marked, &c.used)
	if err != nil {
		return nil, err
	}
	tx.chats[chatID] = c
	return c, nil
}

// use keeps a log alive. Writing that on each use would cost more than the use.
func (tx *transaction) use(c *diskChat) {
	if c.id != 0 && tx.ms()-c.used >= tx.options.slack().Milliseconds() {
		c.used, c.changed = tx.ms(), true
	}
}

// find returns the offset that an event is known under, its key before its aliases; 0 = it is unknown. Names that the
// entry lacks are added to it.
func (tx *transaction) find(c *diskChat, item *Append) (offset uint64, err error) {
	if c.id == 0 {
		return 0, nil
	}
	var missing []string
	for _, name := range item.names() {
		var at uint64
		found, err := tx.row("SELECT offset FROM names WHERE chat = ? AND name = ?", []any{c.id, name}, &at)
		switch {
		case err != nil:
			return 0, err
		case !found:
			missing = append(missing, name)
		case offset == 0:
			offset = at
		}
	}
	if offset == 0 {
		return 0, nil
	}
	return offset, tx.name(c, offset, missing)
}

func (tx *transaction) name(c *diskChat, offset uint64, names []string) error {
	for _, name := range names {
		if _, err := tx.exec("INSERT INTO names (chat, name, offset) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", c.id, name, offset); err != nil {
			return err
		}
	}
	return nil
}

// log gives an event that is not known the next offset, and returns its sealed payload.
func (tx *transaction) log(c *diskChat, item *Append) ([]byte, error) {
	if err := tx.create(c, item.ChatID); err != nil {
		return nil, err
	}
	c.offset, c.used, c.changed = c.offset+1, tx.ms(), true
	payload := Seal(item.Body, c.at(c.offset))
	if _, err := tx.exec("INSERT INTO entries (chat, offset, key, payload) VALUES (?, ?, ?, ?)", c.id, c.offset, item.Key, payload); err != nil {
		return nil, err
	}
	return payload, tx.name(c, c.offset, item.names())
}

// create gives a chat its row.
func (tx *transaction) create(c *diskChat, chatID string) error {
	if c.id != 0 {
		return nil
	}
	result, err := tx.exec("INSERT INTO chats (chat, epoch, offset, mark, marked, used) VALUES (?, ?, 0, 0, ?, ?)", chatID, c.epoch, c.marked, c.used)
	if err != nil {
		return err
	}
	c.id, err = result.LastInsertId()
	return err
}

// flush writes the rows that changed, and trims what they outgrew.
func (tx *transaction) flush() error {
	for _, c := range tx.chats {
		if !c.changed {
			continue
		}
		if err := tx.trim(c); err != nil {
			return err
		}
		_, err := tx.exec("UPDATE chats SET offset = ?, mark = ?, marked = ?, used = ? WHERE id = ?", c.offset, c.mark, c.marked, c.used, c.id)
		if err != nil {
			return err
		}
	}
	return tx.flushQueues()
}

// trim drops entries behind the window, and names by a checkpoint: it remembers the offset at its time, and once it is
// KeyAge old, every name up to that offset is at least as old.
func (tx *transaction) trim(c *diskChat) error {
	if window := uint64(tx.options.Window); c.offset > window {
		if _, err := tx.exec("DELETE FROM entries WHERE chat = ? AND offset <= ?", c.id, c.offset-window); err != nil {
			return err
		}
	}
	if tx.ms()-c.marked < KeyAge.Milliseconds() {
		return nil
	}
	_, err := tx.exec("DELETE FROM names WHERE chat = ? AND offset <= ?", c.id, c.mark)
	c.mark, c.marked = c.offset, tx.ms()
	return err
}
