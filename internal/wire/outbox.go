package wire

import (
	"bytes"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// What travels on the bus about messages in the outbox, between instances only.
const (
	TypeOutboxQueued = "outbox_queued" // one has entered, and another instance than the one that let it in has to post it
	TypeOutboxStored = "outbox_stored" // the API has one
	TypeOutboxFailed = "outbox_failed" // the API has refused one for good
)

// Notice tells the other instances what became of a message that one of their sockets may wait for.
type Notice struct {
	Type   string // one of the three
	Origin string // the instance that says so; "" = the store itself
	Epoch  string // outbox_queued: of the log beside the queue, "" = not known; a new one says that both were lost
	Key    string // the others: sender and clientMessageId, as the log and the outbox name the message
	ID     string // outbox_stored: the message's id
	Code   Code   // outbox_failed
	Again  bool   // outbox_queued: it enters again, since the queue that had it was lost
}

// Encode makes the payload for the bus; ParsePayload decodes it.
func (n Notice) Encode() []byte {
	b := openFrame(n.Type, 64+len(n.Key)+len(n.ID))
	b = appendGiven(b, "origin", n.Origin)
	b = appendGiven(b, "epoch", n.Epoch)
	b = appendGiven(b, "key", n.Key)
	b = appendGiven(b, "id", n.ID)
	b = appendGiven(b, "code", string(n.Code))
	if n.Again {
		b = append(b, `,"again":true`...)
	}
	return append(b, '}')
}

// parseNotice decodes a payload that is known to be an object of one of the three types.
func parseNotice(raw []byte) (Notice, bool) {
	var p struct {
		Type   string `json:"type"`
		Origin string `json:"origin"`
		Epoch  string `json:"epoch"`
		Key    string `json:"key"`
		ID     string `json:"id"`
		Code   Code   `json:"code"`
		Again  bool   `json:"again"`
	}
	if json.Unmarshal(raw, &p) != nil {
		return Notice{}, false
	}
	n := Notice(p)
	switch n.Type {
	case TypeOutboxStored:
		return n, n.Key != "" && validID(n.ID)
	case TypeOutboxFailed:
		_, known := answers[n.Code]
		return n, n.Key != "" && known
	}
	return n, true
}

// NoticeEpoch is the epoch that a notice of a queued message tells, "" in any other payload. It is as exact as the encoder
// here: another order of the fields is not found.
func NoticeEpoch(raw []byte) string {
	if !bytes.HasPrefix(raw, []byte(`{"type":"`+TypeOutboxQueued+`"`)) {
		return ""
	}
	if n, ok := parseNotice(raw); ok {
		return n.Epoch
	}
	return ""
}

// Author is who a message is shown to be from.
type Author struct {
	ID, Name, Email, Avatar string // "" is shown as null
}

// LiveMessage is a message that is shown before the API has stored it.
type LiveMessage struct {
	ChatID, ID, Content string
	Role                Role
	Author              Author
	ClientMessageID     string // "" = the client gave none
	SentAt              time.Time
}

// Body makes the frame, not yet sealed, in the form that MessageBody gives the stored one.
func (m LiveMessage) Body(now time.Time) []byte {
	b := openData(TypeMessage, "id", m.ID, len(m.Content)+len(m.ChatID)+128)
	b = appendField(b, "content", m.Content)
	b = appendField(b, "role", strings.ToLower(string(m.Role)))
	b = appendTime(b, "timestamp", m.SentAt)
	b = append(b, `,"sender":{"id":`...)
	b = appendQuoted(b, m.Author.ID)
	b = appendOrNull(b, "name", m.Author.Name)
	b = appendOrNull(b, "email", m.Author.Email)
	b = append(appendOrNull(b, "avatar", m.Author.Avatar), '}')
	b = appendGiven(b, "clientMessageId", m.ClientMessageID)
	return closeData(b, m.ChatID, "", now)
}

func appendOrNull(b []byte, name, value string) []byte {
	if value == "" {
		return append(appendName(b, name), "null"...)
	}
	return appendField(b, name, value)
}

// IsFailure tells whether a frame is a message_failed, which only part-2 clients know.
func IsFailure(payload []byte) bool { return bytes.HasPrefix(payload, []byte(failureStart)) }

// failureStart is how MessageFailedBody begins.
const failureStart = `{"type":"` + TypeMessageFailed + `"`

// FailureIn tells why a message failed; APIRejected for a frame that does not say, or is not at hand any more.
func FailureIn(payload []byte) Code {
	var p struct {
		Data struct {
			Code Code `json:"code"`
		} `json:"data"`
	}
	if json.Unmarshal(payload, &p) == nil {
		if _, known := answers[p.Data.Code]; known {
			return p.Data.Code
		}
	}
	return APIRejected
}

// Said is what a message frame says.
type Said struct {
	Content string
	Role    Role
}

// SaidIn reads a message frame; false for everything else.
func SaidIn(payload []byte) (Said, bool) {
	var p struct {
		Type string `json:"type"`
		Data struct {
			Content string `json:"content"`
			Role    string `json:"role"`
		} `json:"data"`
	}
	if json.Unmarshal(payload, &p) != nil || p.Type != TypeMessage {
		return Said{}, false
	}
	return Said{Content: p.Data.Content, Role: Role(strings.ToUpper(p.Data.Role))}, true
}

// SentAt is when a message frame says that its message was sent; false where it does not say.
func SentAt(payload []byte) (time.Time, bool) {
	var p struct {
		Type string `json:"type"`
		Data struct {
			Timestamp time.Time `json:"timestamp"`
		} `json:"data"`
	}
	if json.Unmarshal(payload, &p) != nil || p.Type != TypeMessage || p.Data.Timestamp.IsZero() {
		return time.Time{}, false
	}
	return p.Data.Timestamp, true
}

// MadeAt is when a frame says that it was made; false where it does not say.
func MadeAt(payload []byte) (time.Time, bool) {
	var p struct {
		Timestamp time.Time `json:"timestamp"`
	}
	if json.Unmarshal(payload, &p) != nil || p.Timestamp.IsZero() {
		return time.Time{}, false
	}
	return p.Timestamp, true
}
