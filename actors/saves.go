package actors

import (
	"cmp"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"eclipse/actors/messages"
	"eclipse/internal/wire"
)

// saves are the messages of one chat that are under way, from their sender's frame until they are in the log, so that
// a repeat finds its first; and the ids of the last ones that arrived.
type saves struct {
	underway []*save          // in the order in which they began
	index    map[string]*save // the same by key, nil while they are few
	done     recent[string]   // by key: the message's id, "" for the one that is derived

	turn  *save   // the last one that was handed to persistence, nil once it has ended
	queue []*save // with the old API: those that wait for it, in order
}

// save is one message under way.
type save struct {
	key      string    // sender and clientMessageId
	clientID string    // "" when the client gave none
	waiting  []uint64  // connections that sent it and want to be told
	sender   [1]uint64 // room for the first of them
	received time.Time
	request  *messages.PersistRequest

	posted bool // on its way to the API, or waiting for its turn
	handed bool // persistence has it
	asking bool // the log is asked about it

	handedAt time.Time

	entering  bool      // a step that lets it into the outbox is under way
	enteredAt time.Time // when the last such step began
	accepted  bool      // it stands in the outbox, and its senders know
	reentered bool      // it stood in one that was lost
	anew      bool      // and the step that lets it in again has not been answered

	batchOnly bool          // others must not store it by the old route: it was handed while there was the batch route
	elsewhere bool          // another instance may have posted it, or a call of ours whose answer nobody took
	unsure    bool          // the old API may have stored it: what that published is looked through before it is posted again
	seekAt    time.Time     // unsure: not before, since a call may be under way
	tries     int           // unsure: how often no answer came
	at        wire.Position // live: its place in the log
	author    wire.Author   // live: who it is shown to be from
}

// live tells whether the message is shown before it is stored.
func (v *save) live() bool { return v.request.Live }

// sentBefore notes when the message was sent for the first time, and tells whether that was news: it may have been sent again
// here.
func (v *save) sentBefore(first int64) bool {
	if first == 0 || first >= v.request.SentAt {
		return false
	}
	v.request = proto.CloneOf(v.request)
	v.request.SentAt = first
	return true
}

// fewSaves are found as fast without a map.
const fewSaves = 16

// saveKey identifies a message within its chat: sender and clientMessageId. It is also the alias under which the log
// finds it.
func saveKey(sender *messages.Sender, clientMessageID string) string {
	return "c:" + wire.SenderKey(sender.UserId, sender.Authenticated) + ":" + clientMessageID
}

// begin registers a save.
func (s *saves) begin(v *save) {
	s.underway = append(s.underway, v)
	switch {
	case s.index != nil:
		s.index[v.key] = v
	case len(s.underway) > fewSaves:
		s.index = make(map[string]*save)
		for _, v := range s.underway {
			s.index[v.key] = v
		}
	}
}

// find returns the save with a key, nil when none is under way.
func (s *saves) find(key string) *save {
	if s.index != nil {
		return s.index[key]
	}
	for _, v := range s.underway {
		if v.key == key {
			return v
		}
	}
	return nil
}

// join lets one more connection wait for a save that is under way.
func (v *save) join(connection uint64) {
	if !slices.Contains(v.waiting, connection) {
		v.waiting = append(v.waiting, connection)
	}
}

// end takes a save out; a stored one's id is remembered.
func (s *saves) end(v *save, id string, stored bool) {
	at := slices.Index(s.underway, v)
	s.underway = slices.Delete(s.underway, at, at+1)
	if delete(s.index, v.key); len(s.underway) == 0 {
		s.underway, s.index = nil, nil
	}
	if stored && (v.clientID != "" || v.accepted) {
		if id == v.request.Id { // most are, and so many strings would be most of what a chat keeps
			id = ""
		}
		s.done.put(v.key, id)
	}
}

// answered tells whether an id of the old API is that of a message which ended not long ago.
func (s *saves) answered(id string) bool {
	return s.done.has(id)
}

// each returns the saves that match, in order of arrival.
func (s *saves) each(match func(*save) bool) (found []*save) {
	for _, v := range s.underway {
		if match(v) {
			found = append(found, v)
		}
	}
	slices.SortStableFunc(found, func(a, b *save) int { return cmp.Compare(a.request.SentAt, b.request.SentAt) })
	return found
}

// any tells whether a save matches.
func (s *saves) any(match func(*save) bool) bool {
	for _, v := range s.underway {
		if match(v) {
			return true
		}
	}
	return false
}

// has tells whether a save is under way.
func (s *saves) has(v *save) bool { return s.find(v.key) == v }

// giveUp takes v out of the line, or its turn, which is nobody's then.
func (s *saves) giveUp(v *save) {
	if s.unline(v); s.turn == v {
		s.turn = nil
	}
}

func (s *saves) unline(v *save) {
	if s.queue = slices.DeleteFunc(s.queue, func(q *save) bool { return q == v }); len(s.queue) == 0 {
		s.queue = nil
	}
}

// next returns the save whose turn it is once v has ended, nil if none waits or it is not v's end that they wait for.
func (s *saves) next(v *save) *save {
	if s.unline(v); s.turn != v {
		return nil
	}
	s.turn = nil
	if len(s.queue) == 0 {
		return nil
	}
	first := s.queue[0]
	s.unline(first)
	return first
}

// firstDue is when the first of those that match has waited for d.
func (s *saves) firstDue(d time.Duration, match func(*save) bool) (at time.Time, ok bool) {
	for _, v := range s.underway {
		if due := v.received.Add(d); match(v) && (!ok || due.Before(at)) {
			at, ok = due, true
		}
	}
	return at, ok
}
