package standin

import (
	"crypto/rand"
	"database/sql"
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Bounds on what is accepted.
const (
	maxBatchBody = 4_500_000 // bytes, as the real API's host has it
	maxBody      = 1 << 20   // bytes of any other request
	maxBatch     = 1000      // messages of a batch
	maxID        = 128       // bytes of a message's or user's id
)

// Texts that the real API answers with.
const (
	noContent = "Message content is required"
	noRole    = "Valid role is required (USER, ASSISTANT, or AGENT)"
	noUser    = "userId is required"
	noChat    = "Chat not found"
	noMessage = "Message not found"
)

// postMessage stores one message under a new id.
func (s *Server) postMessage(w http.ResponseWriter, r *http.Request) {
	var body struct{ Content, Role, UserID string }
	if !decode(w, r, maxBody, &body) {
		return
	}
	m := newMessage{
		id: "msg_" + strings.ToLower(rand.Text()), chatID: r.PathValue("chatId"), content: trim(body.Content),
		role: body.Role, userID: body.UserID, createdAt: s.now().UnixMilli(),
	}
	if fault := m.fault(); fault != "" {
		answerError(w, http.StatusBadRequest, fault)
		return
	}
	var stored row
	err := s.store.write(r.Context(), func(tx *sql.Tx) (err error) {
		stored, _, err = s.store.addMessage(r.Context(), tx, m)
		return err
	})
	switch {
	case errors.Is(err, errNoChat):
		answerError(w, http.StatusNotFound, noChat)
	case err != nil:
		s.failed(w, r, err)
	default:
		answer(w, http.StatusOK, object{"success": true, "message": stored.message()})
	}
}

// fault says in the API's words what is wrong with a message, "" = nothing. An impossible chat id is a chat that does
// not exist.
func (m newMessage) fault() string {
	switch {
	case trim(m.content) == "":
		return noContent
	case m.role != "USER" && m.role != "ASSISTANT" && m.role != "AGENT":
		return noRole
	case m.userID == "" || len(m.userID) > maxID:
		return noUser
	}
	return ""
}

// trim removes what JavaScript's trim removes.
func trim(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return unicode.IsSpace(r) && r != '\u0085' || r == '\ufeff' })
}

// batchItem is one message of a batch request.
type batchItem struct {
	ID              string `json:"id"`
	ChatID          string `json:"chatId"`
	Content         string `json:"content"`
	Role            string `json:"role"`
	UserID          string `json:"userId"`
	ClientMessageID string `json:"clientMessageId"` // not stored: id is derived from it
	SentAt          string `json:"sentAt"`
}

// batchResult is the outcome of one message.
type batchResult struct {
	Status  int      `json:"status"`
	Message *message `json:"message,omitempty"`
	Error   string   `json:"error,omitempty"`
}

// postBatch stores messages under the ids that they come with.
func (s *Server) postBatch(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Messages []batchItem `json:"messages"`
	}
	if !decode(w, r, maxBatchBody, &body) {
		return
	}
	if len(body.Messages) > maxBatch {
		answerError(w, http.StatusRequestEntityTooLarge, "Too many messages")
		return
	}
	results := make([]batchResult, len(body.Messages))
	err := s.store.write(r.Context(), func(tx *sql.Tx) error {
		s.storeBatch(r, tx, body.Messages, results)
		return nil
	})
	if err != nil {
		s.failed(w, r, err)
		return
	}
	answer(w, http.StatusOK, object{"results": results})
}

// storeBatch writes each message's result. After a failure that may pass, the later messages of the same chat are not
// stored, since they would overtake.
func (s *Server) storeBatch(r *http.Request, tx *sql.Tx, items []batchItem, results []batchResult) {
	blocked := map[string]bool{}
	for i, item := range items {
		if blocked[item.ChatID] {
			results[i] = batchResult{Status: http.StatusFailedDependency, Error: "An earlier message of this chat was not stored"}
			continue
		}
		m, fault := item.message()
		if fault != "" {
			results[i] = batchResult{Status: http.StatusBadRequest, Error: fault}
			continue
		}
		stored, added, err := s.store.addMessage(r.Context(), tx, m)
		results[i] = s.batchResult(r, stored, added, err)
		blocked[item.ChatID] = results[i].Status >= 500
	}
}

func (s *Server) batchResult(r *http.Request, stored row, added bool, err error) batchResult {
	switch {
	case errors.Is(err, errNoChat):
		return batchResult{Status: http.StatusNotFound, Error: noChat}
	case errors.Is(err, errOtherChat):
		return batchResult{Status: http.StatusConflict, Error: "The id belongs to a message of another chat"}
	case err != nil:
		s.log.ErrorContext(r.Context(), "stand-in API: message not stored", "error", err)
		return batchResult{Status: http.StatusServiceUnavailable, Error: "Not stored"}
	}
	m := stored.message()
	if added {
		return batchResult{Status: http.StatusCreated, Message: &m}
	}
	return batchResult{Status: http.StatusOK, Message: &m}
}

func (i batchItem) message() (m newMessage, fault string) {
	sentAt, err := time.Parse(time.RFC3339, i.SentAt)
	m = newMessage{
		id: i.ID, chatID: i.ChatID, content: i.Content, role: i.Role, userID: i.UserID, createdAt: sentAt.UnixMilli(),
	}
	switch {
	case i.ID == "" || len(i.ID) > maxID:
		return m, "Valid id is required"
	case err != nil:
		return m, "Valid sentAt is required"
	}
	return m, m.fault()
}

// getUser tells who a user is. Visitors without an account are nobody.
func (s *Server) getUser(w http.ResponseWriter, r *http.Request) {
	u, err := s.store.user(r.Context(), r.PathValue("userId"))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		answerError(w, http.StatusNotFound, "User not found")
	case err != nil:
		s.failed(w, r, err)
	default:
		answer(w, http.StatusOK, u)
	}
}

// getMessagesAfter is history for the router: messages as the storing routes show them.
func (s *Server) getMessagesAfter(w http.ResponseWriter, r *http.Request) {
	known, err := s.store.hasChat(r.Context(), r.PathValue("chatId"))
	switch {
	case err != nil:
		s.failed(w, r, err)
		return
	case !known:
		answerError(w, http.StatusNotFound, noChat)
		return
	}
	if rows, ok := s.history(w, r); ok {
		answer(w, http.StatusOK, object{"messages": mapped(rows, row.message)})
	}
}

// postMessagesAfter is history of many chats in one call.
func (s *Server) postMessagesAfter(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Chats []struct {
			ChatID string `json:"chatId"`
			After  string `json:"after"`
		} `json:"chats"`
		Limit int `json:"limit"`
	}
	if !decode(w, r, maxBatchBody, &body) {
		return
	}
	if len(body.Chats) > maxBatch || body.Limit < 1 {
		answerError(w, http.StatusBadRequest, "Too many chats, or no limit")
		return
	}
	chats := make([]object, len(body.Chats))
	for i, chat := range body.Chats {
		var err error
		if chats[i], err = s.historyOf(r, chat.ChatID, chat.After, body.Limit); err != nil {
			s.failed(w, r, err)
			return
		}
	}
	answer(w, http.StatusOK, object{"chats": chats})
}

// historyOf is what the single route would answer, with the latest message only where there is none to begin after.
func (s *Server) historyOf(r *http.Request, chatID, after string, limit int) (object, error) {
	known, err := s.store.hasChat(r.Context(), chatID)
	if err != nil || !known {
		return object{"error": noChat}, err
	}
	if after == "" {
		limit = 1
	}
	rows, err := s.store.messages(r.Context(), chatID, after, min(limit, maxHistory))
	if errors.Is(err, errNoMessage) {
		return object{"error": noMessage}, nil
	}
	return object{"messages": mapped(rows, row.message)}, err
}

// validChatID: 1–64 characters of [A-Za-z0-9_-].
func validChatID(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for _, c := range s {
		if c >= utf8.RuneSelf || c != '_' && c != '-' && !unicode.IsLetter(c) && !unicode.IsDigit(c) {
			return false
		}
	}
	return true
}
