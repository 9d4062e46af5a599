package verify

import "slices"

// reader follows one client through what it was shown.
type reader struct {
	*state
	client *Client

	epoch  uint64
	whole  uint32          // every offset up to here was received or is made up for by a loaded history
	ahead  map[uint32]bool // received past a hole
	stream uint32          // the last offset of the socket's stream: what comes again at or below it was not asked for
	loose  bool            // a resume was asked for on an open socket: what comes out of turn may have been on its way already
	asks   int             // resumes that this socket asked for and that were not answered
	heard  place           // the furthest that was ever heard of
	from   uint32          // what the last resume asked from
	loaded int             // so many rows, those that were stored first, were seen by loading the history

	shown map[uint64]bool    // ids
	had   map[message]uint64 // id under which each message was first shown
	fresh map[uint64]bool    // ids shown on this socket since the last resume was asked for
	bare  map[uint64]bool    // those of them that had no place
	last  map[uint16]uint32  // sender → greatest number shown with a place

	open   bool            // the socket is
	visit  int             // which socket this is
	sentOn map[uint32]int  // own message → the socket on which it was sent first
	echoed map[uint64]bool // own messages shown out of turn on this socket

	judged bool // what was shown was compared with the database
}

// judgeReader walks through what a client was shown and compares it with the database and the log.
func (s *state) judgeReader(c *Client) {
	r := &reader{
		state: s, client: c, ahead: map[uint32]bool{}, shown: map[uint64]bool{}, had: map[message]uint64{},
		fresh: map[uint64]bool{}, bare: map[uint64]bool{}, last: map[uint16]uint32{}, sentOn: map[uint32]int{}, echoed: map[uint64]bool{},
	}
	opened := false
	for _, e := range c.Events {
		r.hear(e)
		switch e.Kind {
		case Opened:
			opened, r.open, r.loose = true, true, false
			r.visit++
			clear(r.fresh)
			clear(r.echoed)
		case Closed:
			r.open, r.asks = false, 0
		case Sent:
			r.sentOn[e.Number] = r.visit
		case Asked:
			r.ask(e)
		case Resumed:
			r.resumed(e)
		case GaveUp:
			r.loose = true
			r.move(e.Epoch, e.Offset)
		case Placed:
			r.move(e.Epoch, e.Offset)
		case Loaded:
			s.verdict.Reloads++
			r.loaded = max(r.loaded, e.Rows)
		case Passed, Failed:
			if e.Offset > 0 {
				r.pass(e)
			}
		case Shown:
			r.show(e)
		}
	}
	if opened {
		r.seen()
		r.end()
	}
}

// move takes a position over; what is before it is not waited for.
func (r *reader) move(epoch uint64, offset uint32) {
	if epoch < r.epoch || epoch == r.epoch && offset < r.whole {
		return
	}
	if epoch != r.epoch {
		clear(r.ahead)
	}
	r.epoch, r.whole, r.stream, r.from = epoch, offset, offset, 0
	r.advance()
}

func (r *reader) advance() {
	for r.ahead[r.whole+1] {
		r.whole++
		delete(r.ahead, r.whole)
	}
}

func (r *reader) ask(e Event) {
	if e.Flag {
		r.seen()
	}
	r.loose = true
	r.asks++
	clear(r.fresh)
	r.from = 0
	if e.Epoch != r.epoch {
		return
	}
	r.stream = e.Offset
	if !r.open { // asked when opening; asked by a frame, places that the client has may be on their way from an instance that is behind
		r.from = e.Offset
	}
}

// hear notes how far the log is known to go.
func (r *reader) hear(e Event) {
	switch e.Kind {
	case Opened, Placed, Resumed, Shown, Passed, Failed:
		if e.Epoch > r.heard.epoch || e.Epoch == r.heard.epoch && e.Offset > r.heard.offset {
			r.heard = place{r.client.Chat, e.Epoch, e.Offset}
		}
	}
}

// resumed ends a replay. One that calls itself complete must have brought everything. Another resume may be unanswered
// still: one by the address of the socket, and one by a frame.
func (r *reader) resumed(e Event) {
	notice := !e.Flag && e.Epoch > r.epoch && e.Offset == 0 // that the log was lost; what was asked is answered apart
	if r.asks > 0 && !notice {
		r.asks--
	}
	r.loose = r.asks > 0
	clear(r.fresh)
	if !e.Flag && e.Epoch == 0 { // the log is away: the history that is loaded makes up for all that was heard of
		r.move(r.heard.epoch, r.heard.offset)
		return
	}
	if e.Flag && e.Epoch == r.epoch && e.Offset > r.whole {
		r.verdict.broken(Missing, r.client.Chat, "client %d of chat %d was resumed to offset %d and has all up to %d only", r.client.Sender, r.client.Chat, e.Offset, r.whole)
	}
	r.move(e.Epoch, e.Offset)
	if !e.Flag && e.Epoch == r.epoch && e.Offset < r.stream {
		r.stream, r.from = e.Offset, 0 // this instance is behind: what it has to catch up with comes again, and is skipped
	}
}

// pass judges the place of a sequenced frame, and tells whether it is new to this client.
func (r *reader) pass(e Event) bool {
	switch {
	case e.Epoch < r.epoch:
		r.verdict.Stale++
		return true
	case e.Epoch > r.epoch: // the log began anew: all of it is new, from its start
		r.epoch, r.whole, r.stream, r.from = e.Epoch, 0, 0, 0
		clear(r.ahead)
	}
	if e.Offset <= r.from || e.Offset <= r.stream && !r.loose {
		r.verdict.broken(Repeated, r.client.Chat, "client %d of chat %d got offset %d of epoch %x again at %v", r.client.Sender, r.client.Chat, e.Offset, e.Epoch, e.At)
		return false
	}
	if e.Offset > r.stream+1 && !r.loose {
		r.verdict.Gaps++
	}
	if !r.loose || e.Offset == r.stream+1 {
		r.stream = e.Offset
	}
	r.keep(e.Offset)
	return true
}

// keep counts an offset of this epoch as received.
func (r *reader) keep(offset uint32) {
	if offset > r.whole {
		r.ahead[offset] = true
		r.advance()
	}
}

// echoes tells whether a frame is the echo of an own message that was sent again on this socket: with the ack its
// sender is shown it, wherever it stands in the log.
func (r *reader) echoes(e Event) bool {
	sent, known := r.sentOn[e.Number]
	return e.Sender == r.client.Sender && known && sent != r.visit && e.Epoch == r.epoch && e.Offset > 0 && e.Offset != r.stream+1
}

func (r *reader) show(e Event) {
	v, m := r.verdict, message{r.client.Chat, e.Sender, e.Number}
	v.Deliveries++
	switch {
	case r.echoes(e):
		v.Echoes++
		r.echoed[e.ID] = true
		r.keep(e.Offset)
	case e.Offset == 0:
		v.Unplaced++
	case !r.pass(e):
		return
	}
	again := r.bare[e.ID] && e.Offset > 0 && r.asks > 0 // the replay brings once more what came without a place before it
	if r.fresh[e.ID] && !r.loose && !r.echoed[e.ID] && !again {
		v.broken(Repeated, r.client.Chat, "client %d of chat %d got message %v twice on one socket, the second time at %v with offset %d", r.client.Sender, r.client.Chat, m, e.At, e.Offset)
		return
	}
	r.fresh[e.ID], r.bare[e.ID] = true, e.Offset == 0
	if r.shown[e.ID] || r.isLoaded(m, e.ID) {
		v.Skipped++
		r.shown[e.ID] = true
		return
	}
	r.shown[e.ID] = true
	if id, before := r.had[m]; before && id != e.ID && !r.run.Reposts {
		v.broken(SeenTwice, r.client.Chat, "client %d of chat %d got message %v under two ids", r.client.Sender, r.client.Chat, m)
		return
	}
	if _, before := r.had[m]; before {
		return // the old API's second row
	}
	r.had[m] = e.ID
	if len(r.rows[m]) == 0 && !(r.run.Live && r.failed[e.ID]) {
		v.broken(Unstored, r.client.Chat, "message %v at client %d", m, r.client.Sender)
	}
	if e.Offset == 0 || r.loose || r.echoed[e.ID] {
		return // the client puts it where it belongs by its place; the order of places is judged with the log
	}
	if r.turned(m, r.last[e.Sender]) && !r.unplaced[m] && !r.regained(m, r.last[e.Sender]) {
		v.broken(OutOfOrder, r.client.Chat, "client %d of chat %d got message %v after number %d at %v", r.client.Sender, r.client.Chat, m, r.last[e.Sender], e.At)
	}
	r.last[e.Sender] = max(r.last[e.Sender], e.Number)
}

// isLoaded tells whether a message was in a history that this client loaded.
func (r *reader) isLoaded(m message, id uint64) bool {
	return slices.ContainsFunc(r.rows[m], func(n int) bool { return r.run.stored(n) <= r.loaded && r.run.Rows[n-1].ID == id })
}

// end compares the client's place with the log's last entry. After that the log may have been lost once more, and have none since.
func (r *reader) end() {
	if head := r.heads[r.client.Chat]; head.offset > 0 && (r.epoch < head.epoch || r.epoch == head.epoch && r.whole < head.offset) {
		r.verdict.broken(Behind, r.client.Chat, "client %d of chat %d has all up to offset %d of epoch %x, the log ends at %d of %x",
			r.client.Sender, r.client.Chat, r.whole, r.epoch, head.offset, head.epoch)
	}
}

// seen compares what the client was shown, without having to ask for it, with the database. Once is enough.
func (r *reader) seen() {
	if r.judged {
		return
	}
	r.judged = true
	for _, n := range r.byChat[r.client.Chat] {
		row := r.run.Rows[n-1]
		m := message{row.Chat, row.Sender, row.Number}
		_, had := r.had[m]
		if r.run.stored(n) > r.loaded && !had && r.run.stored(r.rows[m][0]) > r.loaded && !r.untraced(m) {
			r.verdict.broken(Missing, r.client.Chat, "message %v, row %d, at client %d", m, n, r.client.Sender)
		}
	}
}
