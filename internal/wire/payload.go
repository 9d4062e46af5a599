package wire

import (
	"bytes"
	"strings"
)

// Payload is what arrived on a chat's channel. It is one of three: Sequenced (an entry of the log, with its
// Position), Ephemeral (typing, presence, read, what
// instances tell each other), or neither: raw input that has yet to be logged.
type Payload struct {
	Type      string
	Origin    string // the instance that sent an ephemeral payload; "" = none of ours
	Sequenced bool
	Ephemeral bool
	Position  Position // when Sequenced

	Key             string // event key; "" when Ephemeral
	MessageID       string // data.id of message, message_updated and message_failed, "" when unusable
	ClientMessageID string // data.clientMessageId where valid

	// Body is the frame: as it came when Sequenced, what clients get when Ephemeral (none between instances), what is
	// to be logged (not sealed) when raw. It never shares memory with the payload.
	Body []byte

	Typing   TypingData    // of typing
	Presence Presence      // of presence
	Read     ReadMark      // of read
	State    PresenceState // of presence_state
	Notice   Notice        // of outbox_queued, outbox_stored and outbox_failed
}

// ParsePayload reads a payload from a chat's channel. It is strict: one JSON object in UTF-8 with a string type and no
// repeated keys, else ErrNotOurs; more than MaxPayload bytes is ErrTooLarge. ErrNotOurs also for a message,
// message_updated or agent_joined whose data is no object (pages would break on it), for an ephemeral one that lacks
// what it is about, and for presence, read and presence_state that name no origin.
func ParsePayload(raw []byte, chatID string) (Payload, error) {
	if len(raw) > MaxPayload+sealRoom {
		return Payload{}, ErrTooLarge
	}
	s := newScanner(raw, strict)
	defer s.free()
	var o outline
	if !s.outline(&o) {
		return Payload{}, ErrNotOurs
	}
	p := Payload{Type: s.str(o.typ)}
	p.Position, p.Sequenced = o.position(s)
	if len(raw) > MaxPayload && !p.Sequenced {
		return Payload{}, ErrTooLarge
	}
	if !p.fill(s, &o, chatID) {
		return Payload{}, ErrNotOurs
	}
	return p, nil
}

// fill reads what the type needs; false when that is not there.
func (p *Payload) fill(s *scanner, o *outline, chatID string) bool {
	switch p.Type {
	case TypeTyping, TypePresence, TypeRead, TypePresenceState:
		return p.ephemeral(s, o, chatID)
	case TypeOutboxQueued, TypeOutboxStored, TypeOutboxFailed:
		var ok bool
		p.Position, p.Sequenced, p.Ephemeral = Position{}, false, true
		p.Notice, ok = parseNotice(s.text)
		return ok
	case TypeMessage, TypeMessageUpdated, TypeAgentJoined:
		if !o.data.object {
			return false
		}
	}
	p.event(s, o, chatID)
	return true
}

// event fills in what the log orders, sealed already or not.
func (p *Payload) event(s *scanner, o *outline, chatID string) {
	if id := s.str(o.data.id); validID(id) {
		p.MessageID = id
	}
	if id := s.str(o.data.clientMessageID); ValidClientMessageID(id) {
		p.ClientMessageID = id
	}
	if p.Sequenced {
		p.Body = bytes.Clone(s.text)
	} else {
		p.Body = o.body(s, p.Type, chatID)
	}
	p.Key = p.key(s, o)
}

func (p *Payload) key(s *scanner, o *outline) string {
	updatedAt := s.str(o.data.updatedAt)
	switch {
	case p.Type == TypeMessage && p.MessageID != "":
		return MessageKey(p.MessageID)
	case p.Type == TypeMessageUpdated && p.MessageID != "" && validID(updatedAt):
		return updateKey(p.MessageID, updatedAt)
	case p.Type == TypeMessageFailed && p.MessageID != "":
		return FailedKey(p.MessageID)
	case p.Sequenced:
		return HashKey(rewrite(nil, s.text, o.object, o.unsealed.edits()))
	}
	return HashKey(p.Body)
}

// ephemeral fills in what is not ordered; false when it lacks what it is about.
func (p *Payload) ephemeral(s *scanner, o *outline, chatID string) bool {
	p.Position, p.Sequenced, p.Ephemeral = Position{}, false, true
	p.Origin = s.str(o.origin)
	if p.Origin == "" && p.Type != TypeTyping { // an old server's typing has none
		return false
	}
	userID, ok := s.str(o.data.userID), true
	switch p.Type {
	case TypeTyping:
		p.Typing = TypingData{UserID: userID, ChatID: chatID, Origin: p.Origin}
		p.Typing.IsTyping, ok = s.boolean(o.data.isTyping)
		ok = ok && p.Typing.valid()
	case TypePresence:
		role := Role(strings.ToUpper(s.str(o.data.role)))
		p.Presence = Presence{UserID: userID, Role: role, Status: PresenceStatus(s.str(o.data.status))}
		ok = p.Presence.valid()
	case TypeRead:
		p.Read = ReadMark{UserID: userID, MessageID: s.str(o.data.messageID)}
		ok = p.Read.valid()
	case TypePresenceState:
		p.State, ok = parsePresenceState(s.text)
		return ok
	}
	if ok {
		p.Body = o.body(s, p.Type, chatID)
	}
	return ok
}
