package fakeapi

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// incoming is a message as a request has it.
type incoming struct {
	id, chatID, content, role, userID, clientMessageID string
	createdAt                                          time.Time
	single                                             bool // came by the single route
}

// readSingle reads {"content","role","userId"}.
func readSingle(body []byte) (m incoming, ok bool) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(body))
	ok = m.read(dec)
	// That route knows neither id nor time, and ignores them.
	return incoming{content: m.content, role: m.role, userID: m.userID, single: true}, ok
}

// readBatch reads {"messages":[…]}.
func readBatch(body []byte) (items []incoming, ok bool) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(body))
	if !expect(dec, '{') {
		return nil, false
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, false
		}
		if name.String() != "messages" {
			if dec.SkipValue() != nil {
				return nil, false
			}
			continue
		}
		if !expect(dec, '[') {
			return nil, false
		}
		ok = true
		for dec.PeekKind() == '{' {
			var m incoming
			if !m.read(dec) {
				return nil, false
			}
			items = append(items, m)
		}
		if !expect(dec, ']') {
			return nil, false
		}
	}
	return items, ok && expect(dec, '}')
}

// read reads one object of strings; what is no string is skipped.
func (m *incoming) read(dec *jsontext.Decoder) bool {
	if !expect(dec, '{') {
		return false
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return false
		}
		key := name.String() // before the next read
		if dec.PeekKind() != '"' {
			if dec.SkipValue() != nil {
				return false
			}
			continue
		}
		value, err := dec.ReadToken()
		if err != nil || !m.set(key, value.String()) {
			return false
		}
	}
	return expect(dec, '}')
}

func (m *incoming) set(name, value string) bool {
	switch name {
	case "id":
		m.id = value
	case "chatId":
		m.chatID = value
	case "content":
		m.content = value
	case "role":
		m.role = value
	case "userId":
		m.userID = value
	case "clientMessageId":
		m.clientMessageID = value
	case "sentAt":
		at, err := time.Parse(time.RFC3339, value)
		m.createdAt = at
		return err == nil
	}
	return true
}

func expect(dec *jsontext.Decoder, kind jsontext.Kind) bool {
	token, err := dec.ReadToken()
	return err == nil && token.Kind() == kind
}

const timeFormat = "2006-01-02T15:04:05.000Z"

// appendText quotes s; bytes that are no UTF-8 are replaced.
func appendText(dst []byte, s string) []byte {
	dst, _ = jsontext.AppendQuote(dst, s)
	return dst
}

// appendOptional writes null for "".
func appendOptional(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, `null`...)
	}
	return appendText(dst, s)
}

// appendMessage writes a message as the storing routes answer it.
func (a *API) appendMessage(dst []byte, row Row) []byte {
	dst = a.appendHead(dst, row, row.Role)
	dst = append(dst, `,"createdAt":"`...)
	return a.appendTail(dst, row)
}

// appendFrame writes a message as the API publishes it: a frame for clients.
func (a *API) appendFrame(dst []byte, row Row) []byte {
	dst = a.appendHead(append(dst, `{"type":"message","data":`...), row, strings.ToLower(row.Role))
	dst = a.appendTail(append(dst, `,"timestamp":"`...), row)
	dst = append(dst, `,"timestamp":"`...)
	return append(a.now().UTC().AppendFormat(dst, timeFormat), `"}`...)
}

func (a *API) appendHead(dst []byte, row Row, role string) []byte {
	dst = appendText(append(dst, `{"id":`...), row.ID)
	dst = appendText(append(dst, `,"content":`...), row.Content)
	return appendText(append(dst, `,"role":`...), role)
}

func (a *API) appendTail(dst []byte, row Row) []byte {
	dst = row.CreatedAt.UTC().AppendFormat(dst, timeFormat)
	u, known := a.user(row.UserID)
	if !known {
		u = User{ID: "user_anonymous", Name: "Anonymous"} // as the real API: never the token's id
	}
	dst = appendText(append(dst, `","sender":{"id":`...), u.ID)
	dst = appendOptional(append(dst, `,"name":`...), u.Name)
	dst = appendOptional(append(dst, `,"email":`...), u.Email)
	dst = appendOptional(append(dst, `,"avatar":`...), u.Image)
	return append(dst, `}}`...)
}

func appendUser(dst []byte, u User) []byte {
	dst = appendText(append(dst, `{"id":`...), u.ID)
	dst = appendOptional(append(dst, `,"name":`...), u.Name)
	dst = appendOptional(append(dst, `,"email":`...), u.Email)
	dst = appendOptional(append(dst, `,"image":`...), u.Image)
	return append(dst, '}')
}

func appendRefusal(dst []byte, status int, text string) []byte {
	dst = strconv.AppendInt(append(dst, `{"status":`...), int64(status), 10)
	return append(appendText(append(dst, `,"error":`...), text), '}')
}

func answer(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // fails only when the caller is gone
}

func answerError(w http.ResponseWriter, status int, text string) {
	answer(w, status, append(appendText([]byte(`{"error":`), text), '}'))
}

// notFoundPage is how the old app answers a path that it does not have.
func notFoundPage(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(http.StatusNotFound)
	_, _ = w.Write([]byte("<!DOCTYPE html><html><head><title>404: This page could not be found.</title></head><body></body></html>"))
}
