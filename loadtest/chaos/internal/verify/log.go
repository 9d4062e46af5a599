package verify

import (
	"cmp"
	"slices"
)

// entry is what stands at a place of a chat's log.
type entry struct {
	id      uint64
	what    message // number 0: no message, or not known
	differs bool    // somebody saw another one there
}

// readPlaces collects which message each place has by a client's record: what it was shown, and what it was told of
// its own messages.
func (s *state) readPlaces(c *Client) {
	socket := 0
	for _, e := range c.Events {
		if e.Kind == Shown && e.Offset > 0 {
			s.placed[message{c.Chat, e.Sender, e.Number}] = true
		}
		switch {
		case e.Kind == Opened:
			socket++
		case e.Kind == Sent && c.Old:
			s.sockets[message{c.Chat, c.Sender, e.Number}] = socket
		case e.Kind == Failed:
			s.failed[e.ID] = true
			s.hidden[place{c.Chat, e.Epoch, e.Offset}] = true
		case e.Kind == Shown && e.Offset == 0:
			s.unplaced[message{c.Chat, e.Sender, e.Number}] = true
		case e.Kind == Stored && e.Offset == 0:
			s.unplaced[message{c.Chat, c.Sender, e.Number}] = true
		}
		if e.Offset == 0 || e.Epoch == 0 {
			continue
		}
		at := place{c.Chat, e.Epoch, e.Offset}
		switch e.Kind {
		case Shown:
			s.see(at, entry{id: e.ID, what: message{c.Chat, e.Sender, e.Number}})
		case Stored, Accepted:
			s.see(at, entry{id: e.ID, what: message{c.Chat, c.Sender, e.Number}})
		case Opened, Resumed, Passed, Failed:
		default:
			continue
		}
		if head := s.heads[c.Chat]; e.Epoch > head.epoch || e.Epoch == head.epoch && e.Offset > head.offset {
			s.heads[c.Chat] = at
		}
	}
}

func (s *state) see(at place, is entry) {
	was, known := s.log[at]
	switch {
	case !known:
		s.log[at] = is
	case was.id != is.id && !was.differs:
		was.differs = true
		s.log[at] = was
		s.verdict.broken(Forked, at.chat, "offset %d of chat %d in epoch %x is message %v and message %v", at.offset, at.chat, at.epoch, was.what, is.what)
	}
}

// judgeLog looks for a sender's messages in another order than they were sent, and for a message at two places.
func (s *state) judgeLog() {
	places := make([]place, 0, len(s.log))
	for at := range s.log {
		places = append(places, at)
	}
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.chat, b.chat), cmp.Compare(a.epoch, b.epoch), cmp.Compare(a.offset, b.offset))
	})
	type known struct {
		epoch uint64
		at    map[uint64]uint32 // id → offset
		last  map[uint16]uint32 // sender → number
		had   map[message]bool
	}
	var k known
	chat := -1
	var earlier map[uint64]bool // ids in the chat's earlier epochs
	for _, at := range places {
		if at.chat != chat {
			earlier = map[uint64]bool{}
		}
		if at.chat != chat || at.epoch != k.epoch {
			for id := range k.at {
				earlier[id] = earlier[id] || at.chat == chat
			}
			chat, k = at.chat, known{epoch: at.epoch, at: map[uint64]uint32{}, last: map[uint16]uint32{}, had: map[message]bool{}}
		}
		is := s.log[at]
		if first, twice := k.at[is.id]; twice {
			s.verdict.broken(SeenTwice, at.chat, "message %v stands at offsets %d and %d of epoch %x", is.what, first, at.offset, at.epoch)
			continue
		}
		k.at[is.id] = at.offset
		s.again[is.id] = s.again[is.id] || earlier[is.id]
		if is.what.number == 0 || k.had[is.what] {
			continue // the old API's second row of a message
		}
		k.had[is.what] = true
		switch last := k.last[is.what.sender]; {
		case !s.turned(is.what, last):
		case s.unplaced[is.what], s.regained(is.what, last):
			s.verdict.Late++
		case earlier[is.id]:
			s.verdict.Relogged++
		default:
			s.verdict.broken(OutOfOrder, at.chat, "offset %d of epoch %x is message %v after number %d", at.offset, at.epoch, is.what, k.last[is.what.sender])
		}
		k.last[is.what.sender] = max(k.last[is.what.sender], is.what.number)
	}
}
