package wire

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// Limits of what is accepted from outside, beside those that Limits configures.
const (
	MaxToken     = 4096      // bytes of a token in a frame
	MaxEpoch     = 64        // characters of an epoch
	MaxID        = 128       // characters of a message's or user's id
	MaxPayload   = 256 << 10 // bytes of a payload on a Redis channel, before it is sealed
	sealRoom     = 1 << 10   // bytes by which a raw payload may grow when it is completed and sealed
	maxSafeWhole = 1 << 53   // the greatest offset: what a JavaScript number holds exactly
)

// Limits on a client's frame. A zero field means the default.
type Limits struct {
	MaxContent int // code points of a message's content after trimming; DefaultMaxContent
	MaxFrame   int // bytes of one frame; DefaultMaxFrame
}

func (l Limits) orDefault() Limits {
	if l.MaxContent <= 0 {
		l.MaxContent = DefaultMaxContent
	}
	if l.MaxFrame <= 0 {
		l.MaxFrame = DefaultMaxFrame
	}
	return l
}

// ValidChatID tells whether s may name a chat: 1–64 characters of [A-Za-z0-9_-]. Such an id is safe as
// a path segment, in a Redis key and in JSON without quoting.
func ValidChatID(s string) bool { return isWord(s, MaxChatID) }

// ValidClientMessageID tells whether s may be a clientMessageId: 1–64 characters of [A-Za-z0-9_-].
func ValidClientMessageID(s string) bool { return isWord(s, MaxClientID) }

func isWord(s string, max int) bool {
	if len(s) == 0 || len(s) > max {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// validID tells whether s may be a message's or a user's id: 1–MaxID printable characters.
func validID(s string) bool { return s != "" && isPrintable(s, MaxID) }

func isPrintable(s string, max int) bool {
	if len(s) > max*utf8.UTFMax || utf8.RuneCountInString(s) > max {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

// trimJS removes what String.prototype.trim removes. That set is not Go's: it has U+FEFF and lacks U+0085, and
// clients compare the echo with what they trimmed.
func trimJS(b []byte) []byte { return bytes.TrimFunc(b, isSpaceJS) }

func isSpaceJS(r rune) bool {
	switch r {
	case '\t', '\n', '\v', '\f', '\r', ' ', '\u00a0', '\u1680', '\u2028', '\u2029', '\u202f', '\u205f', '\u3000', '\ufeff':
		return true
	}
	return r >= '\u2000' && r <= '\u200a'
}
