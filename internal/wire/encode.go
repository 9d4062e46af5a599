package wire

import (
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// ChatState is what a part-2 client learns of a chat when it joins.
type ChatState struct {
	Position Position   // the log's head
	Presence []Presence // who is online
	Read     []ReadMark // how far each user has read
}

// AckStatus says what an ack promises.
type AckStatus string

const (
	AckStored   AckStatus = "stored"   // the API has it
	AckAccepted AckStatus = "accepted" // a durable outbox has it
)

// AckFields of an ack. Without an epoch (not logged yet) the frame has neither offset nor epoch.
type AckFields struct {
	ChatID          string
	ClientMessageID string
	ID              string
	Status          AckStatus
	Position        Position
}

const timestampLayout = "2006-01-02T15:04:05.000Z07:00"

// Timestamp writes a time as every frame does: RFC 3339, UTC, milliseconds, Z.
func Timestamp(t time.Time) string { return t.UTC().Format(timestampLayout) }

// Connected is the first frame of every socket. s is nil for old clients.
func Connected(chatID string, now time.Time, s *ChatState) []byte {
	b := stampedFrame("connected", chatID, now, s.size())
	if s != nil {
		b = appendState(b, s)
	}
	return append(b, '}')
}

// Subscribed answers a subscribe.
func Subscribed(chatID string, now time.Time, s ChatState) []byte {
	b := stampedFrame("subscribed", chatID, now, s.size())
	return append(appendState(b, &s), '}')
}

// Unsubscribed answers an unsubscribe.
func Unsubscribed(chatID string, now time.Time) []byte {
	return append(stampedFrame("unsubscribed", chatID, now, 0), '}')
}

// Authenticated answers an auth.
func Authenticated(chatID string, now time.Time) []byte {
	return append(stampedFrame("authenticated", chatID, now, 0), '}')
}

// Pong answers a ping frame.
func Pong() []byte { return []byte(`{"type":"pong"}`) }

// ErrorFrame tells a client that its frame was not carried out. Old clients (v1 false) get text and detail only;
// chatID and clientMessageID are left out when "".
func ErrorFrame(e *Error, v1 bool, chatID, clientMessageID string) []byte {
	b := openFrame("error", 128+len(e.Text)+len(e.Detail)+len(chatID)+len(clientMessageID))
	b = appendField(b, "error", e.Text)
	b = appendGiven(b, "message", e.Detail)
	if v1 {
		b = appendField(b, "code", string(e.Code))
		b = append(b, `,"retryable":`...)
		b = strconv.AppendBool(b, e.Retryable)
		if e.RetryAfter > 0 {
			b = appendWhole(b, "retryAfterMs", millis(e.RetryAfter))
		}
		b = appendGiven(b, "clientMessageId", clientMessageID)
		b = appendGiven(b, "chatId", chatID)
	}
	return append(b, '}')
}

// Ack tells a sender what became of its message.
func Ack(a AckFields) []byte {
	b := openFrame("ack", 144+len(a.ChatID)+len(a.ClientMessageID)+len(a.ID)+len(a.Position.Epoch))
	b = appendField(b, "chatId", a.ChatID)
	b = appendField(b, "clientMessageId", a.ClientMessageID)
	b = appendField(b, "id", a.ID)
	b = appendField(b, "status", string(a.Status))
	if a.Position.Epoch != "" {
		b = appendPosition(b, a.Position)
	}
	return append(b, '}')
}

// Reconnect advises a client to reconnect after a while, before a planned close. Less than 1 ms counts as 0.
func Reconnect(after time.Duration) []byte {
	return append(appendWhole(openFrame("reconnect", 48), "afterMs", millis(after)), '}')
}

// TokenExpiring warns that the chat's token ends soon.
func TokenExpiring(chatID string, at time.Time) []byte {
	b := openFrame("token_expiring", 96+len(chatID))
	b = appendTime(b, "expiresAt", at)
	b = appendGiven(b, "chatId", chatID)
	return append(b, '}')
}

// Resumed ends a replay of count frames; pos is where the client stands now.
func Resumed(chatID string, recovered bool, pos Position, count int) []byte {
	b := openFrame("resumed", 112+len(chatID)+len(pos.Epoch))
	b = appendField(b, "chatId", chatID)
	b = append(b, `,"recovered":`...)
	b = strconv.AppendBool(b, recovered)
	b = appendField(b, "epoch", pos.Epoch)
	b = appendWhole(b, "offset", pos.Offset)
	b = appendWhole(b, "count", uint64(max(count, 0)))
	return append(b, '}')
}

func appendPosition(b []byte, p Position) []byte {
	return appendField(appendWhole(b, "offset", p.Offset), "epoch", p.Epoch)
}

func appendState(b []byte, s *ChatState) []byte {
	b = appendField(b, "epoch", s.Position.Epoch)
	b = appendWhole(b, "offset", s.Position.Offset)
	b = appendPresences(b, "presence", s.Presence)
	return appendReadMarks(b, s.Read)
}

func (s *ChatState) size() int {
	if s == nil {
		return 0
	}
	return 96 + 80*len(s.Presence) + 96*len(s.Read)
}

// openFrame begins a frame of about size bytes.
func openFrame(typ string, size int) []byte {
	b := append(make([]byte, 0, size), `{"type":"`...)
	return append(append(b, typ...), '"')
}

func stampedFrame(typ, chatID string, now time.Time, extra int) []byte {
	b := openFrame(typ, 96+len(chatID)+extra)
	b = appendField(b, "chatId", chatID)
	return appendTime(b, "timestamp", now)
}

func appendName(b []byte, name string) []byte {
	b = append(append(b, ',', '"'), name...)
	return append(b, '"', ':')
}

func appendField(b []byte, name, value string) []byte {
	return appendQuoted(appendName(b, name), value)
}

// appendGiven leaves the field out when it is empty.
func appendGiven(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return appendField(b, name, value)
}

func appendWhole(b []byte, name string, n uint64) []byte {
	return strconv.AppendUint(appendName(b, name), n, 10)
}

func appendTime(b []byte, name string, t time.Time) []byte {
	return append(appendTimestamp(append(appendName(b, name), '"'), t), '"')
}

// appendTimestamp writes what Format does with timestampLayout, in a fifth of its time.
func appendTimestamp(b []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	if year < 0 || year > 9999 {
		return t.AppendFormat(b, timestampLayout)
	}
	hour, minute, second := t.Clock()
	two := func(n int, after byte) { b = append(b, byte('0'+n/10), byte('0'+n%10), after) }
	b = append(b, byte('0'+year/1000), byte('0'+year/100%10))
	two(year%100, '-')
	two(int(month), '-')
	two(day, 'T')
	two(hour, ':')
	two(minute, ':')
	two(second, '.')
	ms := t.Nanosecond() / int(time.Millisecond)
	return append(b, byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10), 'Z')
}

// appendQuoted writes a JSON string; bytes that are no UTF-8 become U+FFFD.
func appendQuoted(b []byte, s string) []byte {
	if isPlain(s) {
		return append(append(append(b, '"'), s...), '"')
	}
	b, _ = jsontext.AppendQuote(b, s)
	return b
}

// isPlain tells whether s stands in JSON as it is; ids and codes do, and need no closer look.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x7f {
			return false
		}
	}
	return true
}

func millis(d time.Duration) uint64 { return uint64(max(d, 0) / time.Millisecond) }
