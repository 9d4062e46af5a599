package outboxcmd

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	"eclipse/actors/messages"
	"eclipse/internal/chatlog"
)

// Values of record.State and chatLine.State.
const (
	queuedState = "queued"
	deadState   = "dead"
)

// record is one message as export and list -json write it.
type record struct {
	State           string  `json:"state"`
	ChatID          string  `json:"chatId"`
	ID              string  `json:"id"`
	ClientMessageID string  `json:"clientMessageId,omitempty"`
	Role            string  `json:"role"`
	UserID          string  `json:"userId"`
	Content         *string `json:"content,omitempty"`
	SentAt          string  `json:"sentAt"`
	Live            bool    `json:"live"` // it was shown before it was stored

	LetterID  string `json:"letterId,omitempty"`
	RefusedAt string `json:"refusedAt,omitempty"`
	Code      string `json:"code,omitempty"`
	Reason    string `json:"reason,omitempty"`

	// Of a message that this build cannot read, what the outbox has of it instead.
	Name       string `json:"name,omitempty"`
	Unreadable []byte `json:"unreadable,omitempty"` // base64 in JSON
}

// readItem reads what the outbox keeps of a message. content tells whether what it says is wanted.
func readItem(state, chatID string, item chatlog.Item, content bool) record {
	r := record{State: state, ChatID: chatID}
	var m messages.PersistRequest
	if err := proto.Unmarshal(item.Data, &m); err != nil || m.GetId() == "" {
		r.Name = item.Name
		if content {
			r.Unreadable = item.Data
		}
		return r
	}
	r.ID, r.ClientMessageID, r.Role, r.UserID, r.Live = m.GetId(), m.GetClientMessageId(), m.GetRole(), m.GetUserId(), m.GetLive()
	sent := m.GetSentAt()
	if item.Sent > 0 {
		sent = min(sent, item.Sent)
	}
	r.SentAt = timestamp(time.UnixMilli(sent))
	if content {
		r.Content = new(string)
		*r.Content = m.GetContent()
	}
	return r
}

func readLetter(letter chatlog.Letter, content bool) record {
	r := readItem(deadState, letter.ChatID, letter.Item, content)
	r.LetterID, r.RefusedAt = letter.ID, timestamp(letter.At)
	var found bool
	if r.Code, r.Reason, found = strings.Cut(letter.Reason, ": "); !found {
		r.Code, r.Reason = "", letter.Reason
	}
	return r
}

func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// writeLine writes a value as one line of JSON.
func writeLine(w io.Writer, value any) error {
	lines := json.NewEncoder(w)
	lines.SetEscapeHTML(false)
	return lines.Encode(value)
}

// shown makes a text fit for a terminal: others may have chosen it, so control characters are written out.
func shown(text string) string {
	if text == "" {
		return "-"
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(text)
	}
	return text
}

// reasonShown is the most of a reason that a table shows, in characters.
const reasonShown = 100

func shortened(text string) string {
	if runes := []rune(text); len(runes) > reasonShown {
		return string(runes[:reasonShown]) + "…"
	}
	return text
}

// age tells how long ago a timestamp is, in its greatest unit.
func age(at string, now time.Time) string {
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return "-"
	}
	switch d := max(now.Sub(t), 0); {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	default:
		return fmt.Sprintf("%dd", int(d.Hours()/24))
	}
}

// counted writes a number with its noun.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
