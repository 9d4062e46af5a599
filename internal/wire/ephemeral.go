package wire

import (
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// Frame types that travel on the bus beside the log.
const (
	TypeTyping        = "typing"
	TypePresence      = "presence"
	TypeRead          = "read"
	TypePresenceState = "presence_state" // between instances only
)

// PresenceStatus of a user in a chat.
type PresenceStatus string

const (
	Online  PresenceStatus = "online"
	Offline PresenceStatus = "offline"
)

// TypingData says that a user began or stopped typing. Origin is the instance that says so on the bus; clients get
// the form without it.
type TypingData struct {
	UserID   string
	IsTyping bool
	ChatID   string
	Origin   string
}

// Presence of one user. On the wire the role is in lower case, as in messages.
type Presence struct {
	UserID string
	Role   Role
	Status PresenceStatus
}

// ReadMark says that a user has read everything up to a message.
type ReadMark struct {
	UserID    string
	MessageID string
}

// PresenceState tells the other instances who is connected to this one, and how far they have read.
type PresenceState struct {
	Origin string // the instance that tells
	Want   bool   // asks the others to tell as well
	Users  []Presence
	Read   []ReadMark
}

// Typing makes a typing frame: for clients, or for the bus when t.Origin is set.
func Typing(t TypingData, now time.Time) []byte {
	b := openData(TypeTyping, "userId", t.UserID, len(t.ChatID)+len(t.Origin))
	b = append(b, `,"isTyping":`...)
	b = strconv.AppendBool(b, t.IsTyping)
	return closeData(b, t.ChatID, t.Origin, now)
}

// WithOrigin makes the form for the bus of a typing frame for clients, which stays as it is.
func WithOrigin(frame []byte, origin string) []byte {
	b := append(make([]byte, 0, len(frame)+len(`,"origin":""`)+len(origin)), frame[:len(frame)-1]...)
	return append(appendField(b, "origin", origin), '}')
}

// PresenceFrame makes a presence frame: for clients, or for the bus when origin is set.
func PresenceFrame(p Presence, chatID, origin string, now time.Time) []byte {
	b := openData(TypePresence, "userId", p.UserID, len(chatID)+len(origin))
	b = appendField(b, "role", strings.ToLower(string(p.Role)))
	b = appendField(b, "status", string(p.Status))
	return closeData(b, chatID, origin, now)
}

// ReadFrame makes a read frame: for clients, or for the bus when origin is set.
func ReadFrame(r ReadMark, chatID, origin string, now time.Time) []byte {
	b := openData(TypeRead, "userId", r.UserID, len(chatID)+len(origin)+len(r.MessageID))
	b = appendField(b, "messageId", r.MessageID)
	return closeData(b, chatID, origin, now)
}

// Encode makes the payload for the bus; ParsePayload decodes it.
func (s PresenceState) Encode() []byte {
	b := openFrame(TypePresenceState, 96+80*len(s.Users)+96*len(s.Read))
	b = appendField(b, "origin", s.Origin)
	b = append(b, `,"want":`...)
	b = strconv.AppendBool(b, s.Want)
	b = appendPresences(b, "users", s.Users)
	return append(appendReadMarks(b, s.Read), '}')
}

// openData begins a frame whose data begins with one string field; extra is the size of what varies in the rest.
func openData(typ, field, value string, extra int) []byte {
	b := openFrame(typ, 160+len(value)+extra)
	b = append(append(b, `,"data":{"`...), field...)
	return appendQuoted(append(b, '"', ':'), value)
}

func closeData(b []byte, chatID, origin string, now time.Time) []byte {
	b = appendTime(append(b, '}'), "timestamp", now)
	b = appendField(b, "chatId", chatID)
	return append(appendGiven(b, "origin", origin), '}')
}

func appendPresences(b []byte, name string, users []Presence) []byte {
	b = append(appendName(b, name), '[')
	for i, p := range users {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendQuoted(append(b, `{"userId":`...), p.UserID)
		b = appendField(b, "role", strings.ToLower(string(p.Role)))
		b = append(appendField(b, "status", string(p.Status)), '}')
	}
	return append(b, ']')
}

func appendReadMarks(b []byte, marks []ReadMark) []byte {
	b = append(appendName(b, "read"), '[')
	for i, r := range marks {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendQuoted(append(b, `{"userId":`...), r.UserID)
		b = append(appendField(b, "messageId", r.MessageID), '}')
	}
	return append(b, ']')
}

func (t TypingData) valid() bool { return validID(t.UserID) }

func (p Presence) valid() bool {
	return validID(p.UserID) && (p.Status == Online || p.Status == Offline) && (p.Role == "" || p.Role.Valid())
}

func (r ReadMark) valid() bool { return validID(r.UserID) && validID(r.MessageID) }

// Valid tells whether r is one of the three roles.
func (r Role) Valid() bool { return r == RoleUser || r == RoleAssistant || r == RoleAgent }

// parsePresenceState decodes a payload that is known to be an object of this type.
func parsePresenceState(raw []byte) (PresenceState, bool) {
	var p struct {
		Origin string `json:"origin"`
		Want   bool   `json:"want"`
		Users  []struct {
			UserID string         `json:"userId"`
			Role   string         `json:"role"`
			Status PresenceStatus `json:"status"`
		} `json:"users"`
		Read []struct {
			UserID    string `json:"userId"`
			MessageID string `json:"messageId"`
		} `json:"read"`
	}
	if json.Unmarshal(raw, &p) != nil {
		return PresenceState{}, false
	}
	state := PresenceState{Origin: p.Origin, Want: p.Want}
	for _, u := range p.Users {
		user := Presence{UserID: u.UserID, Role: Role(strings.ToUpper(u.Role)), Status: u.Status}
		if !user.valid() {
			return PresenceState{}, false
		}
		state.Users = append(state.Users, user)
	}
	for _, r := range p.Read {
		mark := ReadMark(r)
		if !mark.valid() {
			return PresenceState{}, false
		}
		state.Read = append(state.Read, mark)
	}
	return state, true
}
