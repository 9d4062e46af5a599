package verify

import (
	"slices"
	"time"
)

// message names one message by its chat, its sender and its number.
type message struct {
	chat   int
	sender uint16
	number uint32
}

func (h Held) message() message { return message{h.Chat, h.Sender, h.Number} }

type author struct {
	chat   int
	sender uint16
}

type place struct {
	chat   int
	epoch  uint64
	offset uint32
}

// state is what the run as a whole knows.
type state struct {
	run     *Run
	verdict *Verdict
	rows    map[message][]int // numbers of a message's rows
	byChat  map[int][]int     // numbers of a chat's rows
	log     map[place]entry
	heads   map[int]place // the furthest place that anybody saw

	unplaced map[message]bool // messages that somebody was served, or told of, without a place
	failed   map[uint64]bool  // ids of messages that were shown and refused
	hidden   map[place]bool   // places of what old clients do not get
	sockets  map[message]int  // of old clients' messages: the socket that each was sent on
	again    map[uint64]bool  // ids that a log has which an earlier one of the chat had
	placed   map[message]bool // shown to somebody with a place in the log
}

// Check judges a run.
func Check(run *Run) *Verdict {
	s := &state{
		run: run, verdict: &Verdict{Rows: len(run.Rows)}, rows: make(map[message][]int, len(run.Rows)),
		byChat: map[int][]int{}, log: map[place]entry{}, heads: map[int]place{}, unplaced: map[message]bool{}, again: map[uint64]bool{},
		failed: map[uint64]bool{}, hidden: map[place]bool{}, sockets: map[message]int{}, placed: map[message]bool{},
	}
	for _, c := range run.Clients {
		s.readPlaces(c)
	}
	s.readRows()
	s.findUntraced()
	s.judgeLog()
	for _, c := range run.Clients {
		if c.Old {
			s.judgeOldReader(c)
			continue
		}
		s.judgeSender(c)
		s.judgeReader(c)
	}
	for _, h := range run.Outbox {
		s.verdict.broken(Waiting, h.Chat, "message %v", h.message())
	}
	return s.verdict
}

// turned tells whether a message that comes after a greater number of its sender is out of order. An old client does
// not wait for answers, so what it sent on different sockets has none.
func (s *state) turned(m message, after uint32) bool {
	if s.run.Reposts && len(s.rows[m]) > 1 { // one of its rows has its place, the other comes when it is found
		return false
	}
	return m.number < after && s.sockets[m] == s.sockets[message{m.chat, m.sender, after}]
}

// findUntraced counts the messages that are lost to view, though some may have seen them, and need not be found.
func (s *state) findUntraced() {
	for m := range s.rows {
		if s.untraced(m) {
			s.verdict.Untraced++
		}
	}
}

func (s *state) untraced(m message) bool {
	_, old := s.sockets[m]
	return old && s.run.Untraced && !s.placed[m]
}

// regained tells whether a message of an old client, to which nothing was acknowledged, was stored in its place and logged
// behind a greater number: its instance died in between, and the API's history told of it later.
func (s *state) regained(m message, after uint32) bool {
	rows, later := s.rows[m], s.rows[message{m.chat, m.sender, after}]
	_, old := s.sockets[m]
	return old && len(rows) > 0 && len(later) > 0 && rows[0] < later[0]
}

// readRows finds messages that were stored twice, and a sender's messages that were stored in another order.
func (s *state) readRows() {
	last := map[author]uint32{}
	for i, r := range s.run.Rows {
		m := message{r.Chat, r.Sender, r.Number}
		s.rows[m] = append(s.rows[m], i+1)
		s.byChat[r.Chat] = append(s.byChat[r.Chat], i+1)
		if len(s.rows[m]) > 1 {
			if s.run.Reposts {
				s.verdict.Reposted++
			} else {
				s.verdict.broken(DuplicateRows, m.chat, "message %v has rows %v", m, s.rows[m])
			}
			continue
		}
		from := author{r.Chat, r.Sender}
		if s.turned(m, last[from]) {
			s.verdict.broken(Disordered, m.chat, "row %d is message %v after number %d", i+1, m, last[from])
		}
		last[from] = max(last[from], r.Number)
	}
}

// judgeSender compares what a sender was told with what the database holds.
func (s *state) judgeSender(c *Client) {
	const (
		sent = 1 << iota
		accepted
		stored
		refused
	)
	told, accepting := map[uint32]int{}, map[uint32]time.Duration{}
	for _, e := range c.Events {
		switch e.Kind {
		case Sent:
			told[e.Number] |= sent
			s.verdict.Sent++
		case Accepted:
			told[e.Number] |= accepted
			accepting[e.Number] = e.At
		case Stored:
			told[e.Number] |= stored
		case Refused:
			told[e.Number] |= refused
		case Failed:
			if e.Sender == c.Sender {
				told[e.Number] |= refused
			}
		}
	}
	letters := map[uint32]bool{}
	for _, h := range s.run.Letters {
		if h.Chat == c.Chat && h.Sender == c.Sender {
			s.verdict.Letters++
			letters[h.Number] = true
			if told[h.Number]&refused == 0 {
				s.verdict.broken(Untold, c.Chat, "message %v", h.message())
			}
		}
	}
	for number, what := range told {
		m := message{c.Chat, c.Sender, number}
		inRows := len(s.rows[m]) > 0
		switch {
		case what&stored != 0 && what&refused != 0:
			s.verdict.broken(RefusedStored, c.Chat, "message %v was called both", m)
		case what&stored != 0:
			s.verdict.Stored++
			if !inRows {
				s.verdict.broken(Lost, c.Chat, "message %v was called stored", m)
			}
		case what&refused != 0:
			s.verdict.Refused++
			if inRows {
				s.verdict.broken(RefusedStored, c.Chat, "message %v has rows %v", m, s.rows[m])
			} else if what&accepted != 0 && !letters[number] && !s.run.Forgotten {
				s.verdict.broken(Lost, c.Chat, "message %v was accepted, refused, and is no dead letter", m)
			}
		case what&accepted != 0 && !inRows && slices.ContainsFunc(s.run.Damaged, func(at time.Duration) bool { return at > accepting[number] }):
			s.verdict.LostWithFile++
		case what&accepted != 0 && !inRows:
			s.verdict.broken(Lost, c.Chat, "message %v was called accepted", m)
		default:
			s.verdict.broken(Unanswered, c.Chat, "message %v (accepted: %v, in the database: %v)", m, what&accepted != 0, inRows)
		}
		if what&accepted != 0 {
			s.verdict.Accepted++
		}
	}
}
