package client

import (
	"encoding/json"

	"eclipse/loadtest/internal/frames"
)

// frame is what matters of a frame from the server.
type frame struct {
	Type            string `json:"type"`
	ID              string `json:"id"`
	ClientMessageID string `json:"clientMessageId"`
	Status          string `json:"status"`
	Code            string `json:"code"`
	Retryable       bool   `json:"retryable"`
	RetryAfterMs    int    `json:"retryAfterMs"`
	Epoch           string `json:"epoch"`
	Offset          uint64 `json:"offset"`
	Recovered       bool   `json:"recovered"`
	AfterMs         int    `json:"afterMs"`
	Data            struct {
		ID              string `json:"id"`
		Content         string `json:"content"`
		ClientMessageID string `json:"clientMessageId"`
	} `json:"data"`
}

// parse reads a frame; ok is false for what is no JSON object.
func parse(p []byte) (f frame, ok bool) {
	return f, json.Unmarshal(p, &f) == nil
}

func (f *frame) position() position { return position{f.Epoch, f.Offset} }

// tag tells which of our messages a frame is about.
func (f *frame) tag() (frames.Tag, bool) {
	for _, text := range []string{f.Data.Content, f.ClientMessageID, f.Data.ClientMessageID} {
		if t, ok := frames.ParseTag([]byte(text)); ok {
			return t, true
		}
	}
	return frames.Tag{}, false
}

type ask struct {
	Type   string `json:"type"`
	Epoch  string `json:"epoch"`
	Offset uint64 `json:"offset"`
}

// resumeFrame asks for what follows a position.
func resumeFrame(p position) []byte {
	b, err := json.Marshal(ask{"resume", p.epoch, p.offset})
	if err != nil {
		panic(err) // a struct of strings and numbers always can be written
	}
	return b
}
