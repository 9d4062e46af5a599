package verify

import (
	"slices"
	"time"
)

// oldReader follows a client of the old protocol. It cannot ask for anything, and a page skips a message that it shows
// already. So of each socket it is wanted that offsets rise, that no message comes twice with a place, and that nothing is left
// out. Between sockets the replay on opening has to bring what was missed, but where it need not: beyond its bound,
// and when the log could not be reached just then.
type oldReader struct {
	*state
	client *Client

	epoch uint64
	whole uint32          // every offset up to here was received or is excused
	begun bool            // something with a place has come, on any socket
	shown map[uint64]bool // ids

	opened time.Duration
	first  bool            // nothing with a place has come on this socket
	fresh  map[uint64]bool // ids shown on this socket
	bare   map[uint64]bool // those of them that had no place: the replay, once the log is back, may bring them again
	last   map[uint16]uint32
}

// What the replay for old clients brings at most, and within which time of the greeting it is here.
const (
	replayMax  = 100
	replayTime = 2 * time.Second
)

func (s *state) judgeOldReader(c *Client) {
	r := &oldReader{state: s, client: c, shown: map[uint64]bool{}, fresh: map[uint64]bool{}, bare: map[uint64]bool{}, last: map[uint16]uint32{}}
	for i, e := range c.Events {
		switch e.Kind {
		case Sent:
			s.verdict.Sent++
			s.verdict.SentByOld++
		case Opened:
			r.opened, r.first = e.At, true
			clear(r.fresh)
			clear(r.bare)
			clear(r.last)
		case Passed:
			r.pass(i, e)
		case Shown:
			s.verdict.Deliveries++
			r.show(i, e)
		}
	}
	r.end()
}

func (r *oldReader) show(i int, e Event) {
	m := message{r.client.Chat, e.Sender, e.Number}
	if r.fresh[e.ID] && !(r.bare[e.ID] && e.Offset > 0) {
		r.verdict.broken(Repeated, m.chat, "old client %d got message %v twice on one socket, the second time at %v", r.client.Sender, m, e.At)
		return
	}
	r.fresh[e.ID], r.bare[e.ID] = true, e.Offset == 0
	if r.shown[e.ID] {
		r.verdict.Skipped++
	}
	r.shown[e.ID] = true
	if len(r.rows[m]) == 0 && !r.failed[e.ID] {
		r.verdict.broken(Unstored, m.chat, "message %v at old client %d", m, r.client.Sender)
	}
	if e.Offset == 0 {
		r.verdict.Unplaced++
		return
	}
	r.pass(i, e)
	if r.turned(m, r.last[e.Sender]) && !r.unplaced[m] && !r.run.Reposts && !r.again[e.ID] && !r.regained(m, r.last[e.Sender]) {
		r.verdict.broken(OutOfOrder, m.chat, "old client %d got message %v after number %d at %v", r.client.Sender, m, r.last[e.Sender], e.At)
	}
	r.last[e.Sender] = max(r.last[e.Sender], e.Number)
}

// pass judges the place of a sequenced frame.
func (r *oldReader) pass(i int, e Event) {
	if e.Offset == 0 {
		return
	}
	first := r.first
	r.first = false
	switch {
	case e.Epoch < r.epoch:
		r.verdict.Stale++
		return
	case e.Epoch > r.epoch || !r.begun: // what was before a new log nobody can bring back
		r.begun, r.epoch, r.whole = true, e.Epoch, e.Offset
		return
	case e.Offset <= r.whole && !first && !r.replays(i):
		r.verdict.broken(Repeated, r.client.Chat, "old client %d got offset %d again at %v", r.client.Sender, e.Offset, e.At)
	}
	r.skipHidden()
	if e.Offset > r.whole+1 && !(first && r.excused(i)) {
		r.verdict.broken(Missing, r.client.Chat, "old client %d got offset %d at %v, and has all up to %d only", r.client.Sender, e.Offset, e.At, r.whole)
	}
	r.whole = max(r.whole, e.Offset)
}

// skipHidden passes over what old clients do not get, over what came before it had a place, and over what the instance had
// shown before the log was lost: a page that came in between does not hear of it.
func (r *oldReader) skipHidden() {
	for {
		next := place{r.client.Chat, r.epoch, r.whole + 1}
		is, known := r.log[next]
		if !r.hidden[next] && !(known && (r.shown[is.id] || r.again[is.id])) {
			return
		}
		r.whole++
	}
}

// replays tells whether an entry comes after a lesser one of the same socket, all of which were here before: the
// replay begins with what the page may have.
func (r *oldReader) replays(i int) bool {
	is := r.client.Events[i]
	for _, e := range slices.Backward(r.client.Events[:i]) {
		switch {
		case e.Kind == Opened:
			return true
		case (e.Kind == Shown || e.Kind == Passed) && e.Epoch == is.Epoch && e.Offset > 0:
			return e.Offset < is.Offset
		}
	}
	return true
}

// excused tells whether a replay may leave a hole before an entry.
func (r *oldReader) excused(i int) bool {
	n := 0
	for _, e := range r.client.Events[i:] {
		if e.At > r.opened+replayTime || e.Kind == Closed {
			break
		}
		if e.Kind == Shown || e.Kind == Passed {
			n++
		}
	}
	away := func(s Span) bool { return r.opened >= s.From && r.opened <= s.To }
	if n >= replayMax || slices.ContainsFunc(r.run.Away, away) {
		r.verdict.Excused++
		return true
	}
	return false
}

// end compares the client's place with the log's head.
func (r *oldReader) end() {
	r.skipHidden()
	head := r.heads[r.client.Chat]
	behind := r.begun && (r.epoch != head.epoch || r.whole < head.offset)
	if behind && !(r.first && r.excused(len(r.client.Events))) {
		r.verdict.broken(Behind, r.client.Chat, "old client %d has all up to offset %d of epoch %x, the log ends at %d of %x",
			r.client.Sender, r.whole, r.epoch, head.offset, head.epoch)
	}
}
