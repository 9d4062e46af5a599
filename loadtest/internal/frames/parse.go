package frames

import (
	"bytes"
	"encoding/json"
)

// Type of a frame from the server.
type Type uint8

const (
	Other       Type = iota // understood and of no interest: presence, read, agent_joined …
	Connected               // the socket has joined its chat
	Message                 // Tag, Tagged
	TypingState             // UserID, On
	Ack                     // Tag, Tagged, Stored
	Error                   // Tag, Tagged, Code (or the text where there is no code), Retryable
	Failed                  // message_failed: what was accepted is not stored after all
	Resumed                 // a replay is over
	Malformed               // no JSON object with a type
)

// Frame is what matters of a frame from the server. Byte slices are part of the parsed bytes or copies.
type Frame struct {
	Type      Type
	Tag       Tag
	Tagged    bool // Tag is set
	UserID    []byte
	On        bool
	Stored    bool
	Code      []byte
	Retryable bool
}

var types = map[string]Type{
	"connected": Connected, "message": Message, "typing": TypingState, "ack": Ack, "error": Error,
	"message_failed": Failed, "resumed": Resumed,
}

// Parse reads one frame. It never fails: what cannot be read is Malformed.
func Parse(p []byte) Frame {
	if f, ok := quick(p); ok {
		return f
	}
	return slow(p)
}

var typePrefix = []byte(`{"type":"`)

// What a relay passes on as it came, behind the prefix.
var (
	relayedOn  = typingOn[len(typePrefix):]
	relayedOff = typingOff[len(typePrefix):]
)

// quick reads the compact form of messages and typing, which are nearly all of the frames.
func quick(p []byte) (f Frame, ok bool) {
	if !bytes.HasPrefix(p, typePrefix) {
		return f, false
	}
	p = p[len(typePrefix):]
	switch {
	case bytes.HasPrefix(p, []byte(`message"`)):
		f.Type = Message
		f.Tag, f.Tagged = ParseTag(after(p, `"content":"`))
		return f, f.Tagged
	case bytes.Equal(p, relayedOn), bytes.Equal(p, relayedOff):
		return Frame{Type: TypingState, On: len(p) == len(relayedOn)}, true
	case bytes.HasPrefix(p, []byte(`typing"`)):
		f.Type = TypingState
		state := after(p, `"isTyping":`)
		f.UserID = after(p, `"userId":"`)
		end := bytes.IndexByte(f.UserID, '"')
		if end < 0 || len(state) < 4 || (state[0] != 't' && state[0] != 'f') {
			return f, false
		}
		f.UserID, f.On = f.UserID[:end], state[0] == 't'
		return f, bytes.IndexByte(f.UserID, '\\') < 0
	}
	return f, false
}

// after returns what follows key in p, nil when it is not there.
func after(p []byte, key string) []byte {
	i := bytes.Index(p, []byte(key))
	if i < 0 {
		return nil
	}
	return p[i+len(key):]
}

type anyFrame struct {
	Type            string `json:"type"`
	Content         string `json:"content"`
	ClientMessageID string `json:"clientMessageId"`
	IsTyping        bool   `json:"isTyping"`
	Status          string `json:"status"`
	Code            string `json:"code"`
	Error           string `json:"error"`
	Retryable       bool   `json:"retryable"`
	Data            struct {
		Content  string `json:"content"`
		UserID   string `json:"userId"`
		IsTyping bool   `json:"isTyping"`
	} `json:"data"`
}

func slow(p []byte) Frame {
	var a anyFrame
	if err := json.Unmarshal(p, &a); err != nil || a.Type == "" {
		return Frame{Type: Malformed}
	}
	f := Frame{Type: types[a.Type]}
	switch f.Type {
	case Message:
		content := a.Data.Content
		if content == "" {
			content = a.Content // a relay passes frames on as they came
		}
		f.Tag, f.Tagged = ParseTag([]byte(content))
	case TypingState:
		f.UserID, f.On = []byte(a.Data.UserID), a.Data.IsTyping || a.IsTyping
	case Ack:
		f.Tag, f.Tagged = ParseTag([]byte(a.ClientMessageID))
		f.Stored = a.Status == "stored"
	case Error:
		f.Tag, f.Tagged = ParseTag([]byte(a.ClientMessageID))
		if f.Code = []byte(a.Code); a.Code == "" {
			f.Code = []byte(a.Error)
		}
		f.Retryable = a.Retryable
	}
	return f
}
