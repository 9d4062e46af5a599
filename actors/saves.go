package actors

import (
	"time"

	"eclipse/actors/messages"
	"eclipse/internal/wire"
)

// A message is under way from its sender's frame until it is in the log. saves knows those of one chat, so that a
// repeat finds its first, and remembers the ids of the last ones that arrived.
type saves struct {
	underway map[string]*save  // by sender and clientMessageId
	done     map[string]string // by the same key: the message's id
	order    []string          // keys of done, oldest first
}

// save is one message under way.
type save struct {
	key      string   // sender and clientMessageId
	clientID string   // "" when the client gave none
	waiting  []uint64 // connections that sent it and want to be told
	received time.Time
	request  *messages.PersistRequest
}

// maxDone bounds the remembered ids; older repeats are answered by the API or the log.
const maxDone = 64

// saveKey identifies a message within its chat: sender and clientMessageId. It is also the alias under which the log finds it.
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
	for _, c := range v.waiting {
		if c == connection {
			return
		}
	}
	v.waiting = append(v.waiting, connection)
}

// end takes a save out; stored remembers its id.
func (s *saves) end(v *save, id string, stored bool) {
	delete(s.underway, v.key)
	if len(s.underway) == 0 {
		s.underway = nil
	}
	if !stored || v.clientID == "" {
		return
	}
	if s.done == nil {
		s.done = make(map[string]string)
	}
	if _, known := s.done[v.key]; !known {
		s.order = append(s.order, v.key)
	}
	s.done[v.key] = id
	if len(s.order) > maxDone {
		delete(s.done, s.order[0])
		s.order = append(s.order[:0], s.order[1:]...)
	}
}
