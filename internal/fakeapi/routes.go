package fakeapi

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Texts of this API's refusals.
const (
	chatNotFound    = "Chat not found"
	userNotFound    = "User not found"
	contentRequired = "Message content is required"
	contentRejected = "Message content was rejected"
	roleRequired    = "Valid role is required (USER, ASSISTANT, or AGENT)"
	messageNotFound = "Message not found"
	otherChat       = "The id belongs to a message of another chat"
	invalidBody     = "Invalid request body"
	earlierFailed   = "An earlier message of this chat was not stored"
)

var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// read hands the request's body to f. It reads to the end, since only then the server notices a caller that goes away.
func read(r *http.Request, f func(body []byte)) error {
	buffer := bodies.Get().(*bytes.Buffer)
	defer bodies.Put(buffer)
	buffer.Reset()
	if _, err := io.Copy(buffer, r.Body); err != nil {
		return err
	}
	f(buffer.Bytes())
	return nil
}

// postMessage is the single route: it mints the id, stores, publishes, answers.
func (a *API) postMessage(w http.ResponseWriter, r *http.Request) {
	a.count(func(s *Stats) { s.SingleCalls++ })
	var m incoming
	valid := false
	if read(r, func(body []byte) { m, valid = readSingle(body) }) != nil || !valid {
		answerError(w, http.StatusBadRequest, invalidBody)
		return
	}
	m.chatID, m.content, m.createdAt = r.PathValue("chatId"), strings.TrimSpace(m.content), a.now()
	leave := a.enter([]incoming{m})
	defer leave()
	call := a.strike(nil)
	if call.Kind == "" {
		call = a.strike(&m)
	}
	if !a.before(w, r, call) {
		return
	}
	a.pause(r)
	if status, text := a.refuse(m); status != 0 {
		answerError(w, status, text)
		return
	}
	row, _ := a.store(m)
	a.publish(row, call)
	body := append([]byte(nil), `{"success":true,"message":`...)
	a.after(w, r, call, append(a.appendMessage(body, row), '}'))
}

// refuse tells the API's final refusal of a message, 0 = none.
func (a *API) refuse(m incoming) (status int, text string) {
	switch {
	case strings.TrimSpace(m.content) == "":
		return http.StatusBadRequest, contentRequired
	case m.role != "USER" && m.role != "ASSISTANT" && m.role != "AGENT":
		return http.StatusBadRequest, roleRequired
	case !a.knowsChat(m.chatID):
		return http.StatusNotFound, chatNotFound
	}
	return 0, ""
}

func (a *API) publish(row Row, f struck) {
	if a.options.Publish == nil || f.Kind == LosePublish {
		return
	}
	channel, payload := "chat:"+row.ChatID, a.appendFrame(nil, row)
	if f.Kind == LatePublish && a.postpone(channel, payload, f) {
		return
	}
	a.options.Publish(channel, payload)
	if f.Kind == DoublePublish {
		a.options.Publish(channel, payload)
	}
	for _, late := range a.overdue(channel) {
		a.options.Publish(channel, late)
	}
}

// postpone keeps a payload for the next publish on its channel or for Heal; false when f was healed meanwhile.
func (a *API) postpone(channel string, payload []byte, f struck) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if f.over() {
		return false
	}
	if a.late == nil {
		a.late = map[string][][]byte{}
	}
	a.late[channel] = append(a.late[channel], payload)
	return true
}

// overdue takes out what is to follow a publish on a channel.
func (a *API) overdue(channel string) [][]byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	payloads := a.late[channel]
	delete(a.late, channel)
	return payloads
}

// postBatch is the batch route: it stores under the ids that come, and publishes nothing.
func (a *API) postBatch(w http.ResponseWriter, r *http.Request) {
	if !a.batchMode() {
		a.count(func(s *Stats) { s.MissingCalls++ })
		_, _ = io.Copy(io.Discard, r.Body)
		notFoundPage(w)
		return
	}
	var items []incoming
	valid := false
	if read(r, func(body []byte) { items, valid = readBatch(body) }) != nil || !valid {
		answerError(w, http.StatusBadRequest, invalidBody)
		return
	}
	a.count(func(s *Stats) { s.BatchCalls++; s.BatchSizes[len(items)]++ })
	leave := a.enter(items)
	defer leave()
	call := a.strike(nil)
	if !a.before(w, r, call) {
		return
	}
	a.pause(r)
	a.after(w, r, call, a.storeBatch(r, items))
}

func (a *API) storeBatch(r *http.Request, items []incoming) []byte {
	body := append(make([]byte, 0, 64+512*len(items)), `{"results":[`...)
	var blocked map[string]bool // chats with a failure that may pass
	for i, m := range items {
		if i > 0 {
			body = append(body, ',')
		}
		if blocked[m.chatID] {
			body = appendRefusal(body, http.StatusFailedDependency, earlierFailed)
			continue
		}
		var status int
		body, status = a.appendStored(body, r, m)
		if status >= 500 || status == http.StatusTooManyRequests {
			if blocked == nil {
				blocked = map[string]bool{}
			}
			blocked[m.chatID] = true
		}
	}
	return append(body, `]}`...)
}

// appendStored stores one item and writes its result.
func (a *API) appendStored(body []byte, r *http.Request, m incoming) ([]byte, int) {
	f := a.strike(&m)
	switch f.Kind {
	case Hang:
		a.hang(r, f)
	case Slow:
		a.wait(r, f.Delay)
	case Status:
		return appendRefusal(body, f.Status, http.StatusText(f.Status)), f.Status
	case UnknownChat:
		return appendRefusal(body, http.StatusNotFound, chatNotFound), http.StatusNotFound
	case RejectContent:
		return appendRefusal(body, http.StatusBadRequest, contentRejected), http.StatusBadRequest
	}
	if status, text := a.refuse(m); status != 0 {
		return appendRefusal(body, status, text), status
	}
	row, repeat := a.store(m)
	switch {
	case row.ChatID != m.chatID:
		return appendRefusal(body, http.StatusConflict, otherChat), http.StatusConflict
	case f.Kind == CommitThenHang:
		a.hang(r, f)
	case f.Kind == CommitThenStatus:
		return appendRefusal(body, f.Status, http.StatusText(f.Status)), f.Status
	case f.Kind == HalfAnswer:
		panic(http.ErrAbortHandler)
	}
	status := http.StatusCreated
	if repeat {
		status = http.StatusOK
	}
	body = strconv.AppendInt(append(body, `{"status":`...), int64(status), 10)
	return append(a.appendMessage(append(body, `,"message":`...), row), '}'), status
}

// getUser tells who a user is.
func (a *API) getUser(w http.ResponseWriter, r *http.Request) {
	a.count(func(s *Stats) { s.UserCalls++ })
	call := a.strike(nil)
	if !a.before(w, r, call) {
		return
	}
	a.pause(r)
	u, known := a.user(r.PathValue("userId"))
	if !known {
		answerError(w, http.StatusNotFound, userNotFound)
		return
	}
	a.after(w, r, call, appendUser(nil, u))
}

func (a *API) user(id string) (u User, known bool) {
	if strings.HasPrefix(id, "anon_") {
		return User{}, false
	}
	if a.options.Users == nil {
		return User{ID: id, Name: "User " + id, Email: id + "@example.com"}, true
	}
	u, known = a.options.Users[id]
	return u, known
}

// getMessagesAfter is history for the router: ?after=<message id>&limit=. The old API lacks it,
// unless Options.History says otherwise.
func (a *API) getMessagesAfter(w http.ResponseWriter, r *http.Request) {
	if !a.options.History && !a.batchMode() {
		notFoundPage(w)
		return
	}
	a.count(func(s *Stats) { s.HistoryCalls++ })
	call := a.strike(nil)
	if !a.before(w, r, call) {
		return
	}
	a.pause(r)
	limit, err := strconv.Atoi(r.URL.Query().Get("limit"))
	if err != nil || limit < 1 {
		limit = 200
	}
	rows, known := a.rowsAfter(r.PathValue("chatId"), r.URL.Query().Get("after"), limit)
	if !known {
		answerError(w, http.StatusNotFound, messageNotFound)
		return
	}
	a.after(w, r, call, a.appendRows(nil, rows))
}

// rowsAfter are a chat's rows after a message, or its latest ones.
func (a *API) rowsAfter(chatID, after string, limit int) (rows []Row, known bool) {
	rows = a.RowsOf(chatID)
	if after == "" {
		return rows[max(0, len(rows)-limit):], true
	}
	i := slices.IndexFunc(rows, func(r Row) bool { return r.ID == after })
	if i < 0 {
		return nil, false
	}
	rows = rows[i+1:]
	return rows[:min(limit, len(rows))], true
}

func (a *API) appendRows(b []byte, rows []Row) []byte {
	b = append(b, `{"messages":[`...)
	for i, row := range rows {
		if i > 0 {
			b = append(b, ',')
		}
		b = a.appendMessage(b, row)
	}
	return append(b, `]}`...)
}

// postMessagesAfter is history of many chats in one call. Only the new API has it.
func (a *API) postMessagesAfter(w http.ResponseWriter, r *http.Request) {
	if !a.batchMode() {
		notFoundPage(w)
		return
	}
	var asked struct {
		Chats []struct{ ChatID, After string }
		Limit int
	}
	if json.NewDecoder(r.Body).Decode(&asked) != nil || asked.Limit < 1 {
		answerError(w, http.StatusBadRequest, invalidBody)
		return
	}
	a.count(func(s *Stats) { s.HistoryCalls++ })
	call := a.strike(nil)
	if !a.before(w, r, call) {
		return
	}
	a.pause(r)
	body := []byte(`{"chats":[`)
	for i, chat := range asked.Chats {
		if i > 0 {
			body = append(body, ',')
		}
		limit := asked.Limit
		if chat.After == "" {
			limit = 1
		}
		if rows, known := a.rowsAfter(chat.ChatID, chat.After, limit); known {
			body = a.appendRows(body, rows)
		} else {
			body = append(body, `{"error":"`+messageNotFound+`"}`...)
		}
	}
	a.after(w, r, call, append(body, `]}`...))
}
