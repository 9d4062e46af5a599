package chatlog

// steps carries out one call's steps within a transaction, for one handle.
type steps struct {
	*transaction
	holder string
	heard  []Publication // to publish once it is committed
}

func (s *steps) publish(chatID string, payload []byte) {
	s.heard = append(s.heard, Publication{ChatID: chatID, Payload: payload})
}

// carry carries out one step. An error is SQLite's and ends the transaction; what the step itself comes to, is in its
// answer.
func (s *steps) carry(item *Append) (Appended, error) {
	if item.Queue != nil || item.Done != nil {
		return s.outbox(item)
	}
	c, err := s.chat(item.ChatID)
	if err != nil {
		return Appended{}, err
	}
	result, err := s.known(c, item)
	if err == nil && !result.Repeat {
		result, err = s.logged(c, item)
	}
	if err == nil && len(item.Notice) > 0 {
		s.publish(item.ChatID, item.Notice)
	}
	return result, err
}

// known answers for an event that the log has.
func (s *steps) known(c *diskChat, item *Append) (Appended, error) {
	s.use(c)
	offset, err := s.find(c, item)
	if err != nil || offset == 0 {
		return Appended{}, err
	}
	var payload []byte
	_, err = s.row("SELECT payload FROM entries WHERE chat = ? AND offset = ?", []any{c.id, offset}, &payload)
	return Appended{Position: c.at(offset), Repeat: true, Payload: payload}, err
}

func (s *steps) logged(c *diskChat, item *Append) (Appended, error) {
	payload, err := s.log(c, item)
	if err != nil {
		return Appended{}, err
	}
	s.publish(item.ChatID, payload)
	return Appended{Position: c.at(c.offset), Payload: payload}, nil
}

// outbox carries out a step with Queue or Done. It decides before it changes anything.
func (s *steps) outbox(item *Append) (Appended, error) {
	q, err := s.queue(item.ChatID)
	if err != nil {
		return Appended{}, err
	}
	if item.Done != nil && !q.current(s.holder, item.Done.Fence) {
		return Appended{Outbox: q.state(s.holder), Err: ErrFenced}, nil
	}
	c, err := s.chat(item.ChatID)
	if err != nil {
		return Appended{}, err
	}
	if item.Epoch != "" && item.Epoch < c.epoch {
		return Appended{Position: Position{Epoch: c.epoch}, Outbox: q.state(s.holder), Err: ErrEpoch}, nil
	}
	var result Appended
	if item.Body != nil || item.Queue != nil {
		if result, err = s.known(c, item); err != nil {
			return result, err
		}
	}
	entry, err := s.entry(q, item, result.Repeat)
	if err != nil {
		return Appended{}, err
	}
	if entry == entryFull {
		return Appended{Outbox: q.state(s.holder), Err: ErrFull}, nil
	}
	return s.change(c, q, item, entry, result)
}

// change does what was decided.
func (s *steps) change(c *diskChat, q *diskQueue, item *Append, entry queueEntry, result Appended) (Appended, error) {
	if item.Done != nil {
		if err := s.finish(q, item); err != nil {
			return Appended{}, err
		}
	}
	if item.Body != nil && !result.Repeat {
		var err error
		if result, err = s.logged(c, item); err != nil {
			return result, err
		}
	}
	if entry == entryNew {
		if err := s.enter(q, item); err != nil {
			return Appended{}, err
		}
	}
	if len(item.Notice) > 0 && (item.Queue == nil || !result.Repeat) {
		s.publish(item.ChatID, item.Notice)
	}
	result.Position.Epoch = c.epoch
	result.Outbox = q.state(s.holder)
	result.Outbox.Queued = entry == entryNew || entry == entryThere
	var err error
	switch entry {
	case entryNew:
		result.Outbox.Sent = item.Queue.Sent
	case entryThere:
		result.Outbox.Sent, err = s.date(item.ChatID, item.Queue)
	}
	return result, err
}

// queueEntry is what becomes of a step's item.
type queueEntry int

const (
	entryNone  queueEntry = iota // there is no item, or the log knows it
	entryThere                   // it is queued already, and stays
	entryNew                     // it enters
	entryFull                    // it would, but there is no room
)

func (s *steps) entry(q *diskQueue, item *Append, repeat bool) (queueEntry, error) {
	if item.Queue == nil {
		return entryNone, nil
	}
	there, err := s.seq(item.ChatID, item.Queue.Name)
	switch {
	case err != nil:
		return entryNone, err
	case there != 0 && (item.Done == nil || item.Done.Name != item.Queue.Name):
		return entryThere, nil
	case repeat:
		return entryNone, nil
	case q.left < MaxQueued:
		return entryNew, nil
	case item.Done == nil:
		return entryFull, nil
	}
	leaves, err := s.seq(item.ChatID, item.Done.Name)
	if leaves != 0 && q.left == MaxQueued {
		return entryNew, err
	}
	return entryFull, err
}

// finish takes a message out of the queue of a lease that was found to be ours.
func (s *steps) finish(q *diskQueue, item *Append) error {
	if q.held(s.holder) != 0 {
		s.grant(q, s.holder)
	}
	data, ok, err := s.remove(q, item.ChatID, item.Done.Name)
	if err != nil || !ok || item.Done.Reason == "" {
		return err
	}
	_, err = s.exec("INSERT INTO letters (chat, at, reason, name, data) VALUES (?, ?, ?, ?, ?)",
		item.ChatID, s.ms(), item.Done.Reason, item.Done.Name, data)
	return err
}

func (s *steps) enter(q *diskQueue, item *Append) error {
	if err := s.push(q, item.ChatID, *item.Queue); err != nil {
		return err
	}
	if q.taken(s.holder, s.now) {
		s.publish(item.ChatID, []byte(QueuedNotice))
	} else {
		s.grant(q, s.holder)
	}
	return nil
}
