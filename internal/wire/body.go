package wire

import (
	"strings"
	"time"
)

// Frame types that the log orders.
const (
	TypeMessage        = "message"
	TypeMessageUpdated = "message_updated"
	TypeMessageFailed  = "message_failed"
	TypeAgentJoined    = "agent_joined"
)

// Stored is a stored message, ready for the log.
type Stored struct {
	ID   string // the API's id
	Key  string // MessageKey of it
	Body []byte // to be sealed
}

// bodyRoom is what a frame adds to the API's object beside ids, in bytes.
const bodyRoom = 128

const (
	noSender  = `{"id":null,"name":null,"email":null,"avatar":null}` // pages read sender.name without looking
	agentName = "Agent"                                              // what an agent without a name that may be shown is called
)

// MessageBody makes the message frame, not yet sealed, of the message object that the API answered with: role in lower
// case, createdAt called timestamp, sender always an object, clientMessageID added where given; every other field
// passes byte for byte. It fails when the object is malformed, has no string id of 1–128 printable characters, or
// when the frame is larger than MaxPayload, since other instances would drop it. No error quotes the object.
func MessageBody(chatID string, apiMessage []byte, clientMessageID string, now time.Time) (Stored, error) {
	s := newScanner(apiMessage, strict)
	defer s.free()
	brace, ok := s.enter()
	if !ok {
		return Stored{}, errSyntax
	}
	var m messageFields
	for s.next() {
		m.take(s)
	}
	window := span{brace, s.closed + 1}
	if s.finish() != nil {
		return Stored{}, errSyntax
	}
	key := m.key(s)
	id := key[len(messagePrefix):]
	if !validID(id) {
		return Stored{}, errNoID
	}
	var edits [4]edit
	b := openFrame(TypeMessage, len(apiMessage)+bodyRoom+len(chatID)+len(clientMessageID))
	b = append(b, `,"data":`...)
	b = rewrite(b, apiMessage, window, m.edits(edits[:0], s, clientMessageID, now))
	b = appendTime(b, "timestamp", now)
	b = append(appendField(b, "chatId", chatID), '}')
	if len(b) > MaxPayload {
		return Stored{}, ErrTooLarge
	}
	return Stored{ID: id, Key: key, Body: b}, nil
}

// messageFields are the places in the API's message object that a frame changes.
type messageFields struct {
	id, role, createdAt, createdAtName, timestamp, sender, clientMessageID span
}

func (m *messageFields) take(s *scanner) {
	name := s.nameAt
	switch string(s.name) {
	case "id":
		m.id = s.skip()
	case "role":
		m.role = s.skip()
	case "createdAt":
		m.createdAt, m.createdAtName = s.skip(), name
	case "timestamp":
		m.timestamp = s.skip()
	case "sender":
		m.sender = s.skip()
	case "clientMessageId":
		m.clientMessageID = s.skip()
	default:
		s.skip()
	}
}

// key is MessageKey of the id, which is the rest of the same string.
func (m *messageFields) key(s *scanner) string {
	if !s.isString(m.id) {
		return messagePrefix
	}
	return messagePrefix + string(s.unquote(m.id))
}

// edits appends what turns the API's object into a frame's data. The object has an id, so what is added follows a comma.
func (m *messageFields) edits(edits []edit, s *scanner, clientMessageID string, now time.Time) []edit {
	if lower := s.lowerRole(m.role); lower != "" {
		edits = append(edits, edit{at: m.role, value: lower, quote: true})
	}
	switch {
	case m.createdAt.given() && m.timestamp.given():
		edits = append(edits, edit{at: m.timestamp, value: string(s.raw(m.createdAt))})
	case m.createdAt.given():
		edits = append(edits, edit{at: m.createdAtName, value: `"timestamp"`})
	case !m.timestamp.given():
		edits = append(edits, put(span{}, `,"timestamp":`, Timestamp(now), s.closed).quoted())
	}
	if !s.isObject(m.sender) {
		edits = append(edits, put(m.sender, `,"sender":`, noSender, s.closed))
	}
	if clientMessageID != "" {
		edits = append(edits, put(m.clientMessageID, `,"clientMessageId":`, clientMessageID, s.closed).quoted())
	}
	return edits
}

// lowerRole is a role in lower case, "" where there is nothing to change.
func (s *scanner) lowerRole(role span) string {
	switch string(s.raw(role)) {
	case `"USER"`:
		return "user"
	case `"ASSISTANT"`:
		return "assistant"
	case `"AGENT"`:
		return "agent"
	}
	given := s.str(role)
	if lower := strings.ToLower(given); lower != given {
		return lower
	}
	return ""
}

// put sets a member of an object: in place of its old value, or before the closing brace. name has a comma in front and a
// colon behind.
func put(old span, name, value string, closed int) edit {
	if old.given() {
		return edit{at: old, value: value}
	}
	return edit{at: span{closed, closed}, name: name, value: value}
}

// quoted has the value, which is a text, quoted.
func (e edit) quoted() edit {
	e.quote = true
	return e
}

// first leaves the comma out where the object is empty.
func (e edit) first(empty bool) edit {
	if empty && e.name != "" {
		e.name = e.name[1:]
	}
	return e
}

// MessageFailedBody says that a message which was shown will never be stored. Not yet sealed.
func MessageFailedBody(chatID, clientMessageID, id string, code Code, now time.Time) []byte {
	b := openData(TypeMessageFailed, "id", id, len(chatID)+len(clientMessageID))
	b = appendGiven(b, "clientMessageId", clientMessageID)
	b = appendField(b, "code", string(code))
	return closeData(b, chatID, "", now)
}

// AgentJoinedBody says that an agent joined. A name that is missing or looks like an e-mail address is not shown.
// Not yet sealed.
func AgentJoinedBody(chatID, agentID, name string, now time.Time) []byte {
	if !presentableName(name) {
		name = agentName
	}
	b := openData(TypeAgentJoined, "agentId", agentID, len(chatID)+len(name))
	b = appendField(b, "agentName", name)
	b = appendTime(b, "timestamp", now)
	return closeData(b, chatID, "", now)
}

func presentableName(name string) bool {
	return strings.TrimSpace(name) != "" && !strings.Contains(name, "@")
}
