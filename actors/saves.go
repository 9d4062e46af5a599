package actors

import (
	"slices"
	"time"

	"eclipse/actors/messages"
	"eclipse/internal/wire"
)

// saves are the messages of one chat that are under way, from their sender's frame until they are in the log, so that
// a repeat finds its first; and the ids of the last ones that arrived.
type saves struct {
	underway map[string]*save  // by sender and clientMessageId
	done     map[string]string // by the same key: the message's id
	order    []string          // keys of done, oldest first

	turn  *save   // the last one that was handed to persistence, nil once it has ended
	queue []*save // with the old API: those that wait for it, in order
}

// save is one message under way.
type save struct {
	key      string   // sender and clientMessageId
	clientID string   // "" when the client gave none
	waiting  []uint64 // connections that sent it and want to be told
	received time.Time
	request  *messages.PersistRequest
	posted   bool // handed to persistence; before that the log is asked whether it knows the message
}

// maxDone bounds the remembered ids; older repeats are answered by the API or the log.
const maxDone = 64

// saveKey identifies a message within its chat: sender and clientMessageId. It is also the alias under which the log
// finds it.
func saveKey(sender *messages.Sender, clientMessageID string) string {
	return "c:" + wire.SenderKey(sender.UserId, sender.Authenticated) + ":" + clientMessageID
}

// begin registers a save.
func (s *saves) begin(v *save) {
	if s.underway == nil {
		s.underway = make(map[string]*save)
	}
	s.underway[v.key] = v
}

// join lets one more connection wait for a save that is under way.
func (v *save) join(connection uint64) {
	if !slices.Contains(v.waiting, connection) {
		v.waiting = append(v.waiting, connection)
	}
}

// end takes a save out; a stored one's id is remembered.
func (s *saves) end(v *save, id string, stored bool) {
	if delete(s.underway, v.key); len(s.underway) == 0 {
		s.underway = nil
	}
	if stored && v.clientID != "" {
		s.remember(v.key, id)
	}
}

// next returns the save whose turn it is once v has ended, nil if none waits or it is not v's end that they wait for.
func (s *saves) next(v *save) *save {
	s.queue = slices.DeleteFunc(s.queue, func(q *save) bool { return q == v })
	if s.turn != v {
		return nil
	}
	s.turn = nil
	if len(s.queue) == 0 {
		s.queue = nil
		return nil
	}
	first := s.queue[0]
	s.queue = slices.Delete(s.queue, 0, 1)
	return first
}

// overdue returns the saves whose turn has not come within the patience.
func (s *saves) overdue(now time.Time, patience time.Duration) (late []*save) {
	for _, q := range s.queue {
		if now.Sub(q.received) >= patience {
			late = append(late, q)
		}
	}
	return late
}

func (s *saves) remember(key, id string) {
	if s.done == nil {
		s.done = make(map[string]string)
	}
	if _, known := s.done[key]; !known {
		s.order = append(s.order, key)
	}
	s.done[key] = id
	if len(s.order) > maxDone {
		delete(s.done, s.order[0])
		s.order = slices.Delete(s.order, 0, 1)
	}
}

// unasked returns the saves whose look-up in the log has taken longer than the patience, in order of arrival.
func (s *saves) unasked(now time.Time, patience time.Duration) (late []*save) {
	for _, v := range s.underway {
		if !v.posted && now.Sub(v.received) >= patience {
			late = append(late, v)
		}
	}
	slices.SortFunc(late, func(a, b *save) int { return a.received.Compare(b.received) })
	return late
}

// lookingUp tells whether any save still waits for its look-up.
func (s *saves) lookingUp() bool {
	for _, v := range s.underway {
		if !v.posted {
			return true
		}
	}
	return false
}
