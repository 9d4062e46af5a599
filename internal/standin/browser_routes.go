package standin

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"eclipse/internal/token"
)

const (
	defaultHistory = 200 // messages
	maxHistory     = 1000
	maxChats       = 200
	maxName        = 80 // characters
)

// getToken mints a token for a chat, which begins to exist with it.
func (s *Server) getToken(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	claims := token.Claims{ChatID: query.Get("chatId")}
	if !validChatID(claims.ChatID) {
		answerError(w, http.StatusBadRequest, "Valid chatId is required")
		return
	}
	name := strings.ToValidUTF8(trim(query.Get("name")), "\ufffd")
	switch as := query.Get("as"); {
	case as == "agent":
		claims.UserID, claims.Authenticated, claims.Role = agentID, true, "AGENT"
	case as != "" && as != "visitor":
		answerError(w, http.StatusBadRequest, "as must be agent or visitor")
		return
	case name == "":
		claims.UserID = "anon_" + strings.ToLower(rand.Text())
	case utf8.RuneCountInString(name) > maxName:
		answerError(w, http.StatusBadRequest, "name is too long")
		return
	default:
		claims.UserID, claims.Authenticated, claims.Role = customerID(name), true, "USER"
		if err := s.store.addUser(r.Context(), claims.UserID, name); err != nil {
			s.failed(w, r, err)
			return
		}
	}
	s.answerToken(w, r, claims)
}

// customerID is the same for the same name, so that a customer who reloads the page is still the same sender.
func customerID(name string) string {
	sum := sha256.Sum256([]byte(name))
	return "user_" + hex.EncodeToString(sum[:12])
}

func (s *Server) answerToken(w http.ResponseWriter, r *http.Request, claims token.Claims) {
	now := s.now()
	if err := s.store.addChat(r.Context(), claims.ChatID, now.UnixMilli()); err != nil {
		s.failed(w, r, err)
		return
	}
	signed, err := token.Mint(s.jwtSecret, claims, now)
	if err != nil {
		s.failed(w, r, err)
		return
	}
	answer(w, http.StatusOK, object{"token": signed, "wsUrl": wsURL(r), "userId": claims.UserID, "chatId": claims.ChatID})
}

// wsURL is the address that the request came to. It has no path: sockets open at any.
func wsURL(r *http.Request) string {
	proto, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Proto"), ",")
	if r.TLS != nil || strings.EqualFold(strings.TrimSpace(proto), "https") {
		return "wss://" + r.Host
	}
	return "ws://" + r.Host
}

// getChats lists the chats, the latest activity first.
func (s *Server) getChats(w http.ResponseWriter, r *http.Request) {
	chats, err := s.store.chats(r.Context(), maxChats)
	if err != nil {
		s.failed(w, r, err)
		return
	}
	list := make([]object, len(chats))
	for i, c := range chats {
		list[i] = object{"id": c.id, "createdAt": formatMillis(c.createdAt), "messages": c.messages, "lastMessage": nil}
		if c.last != nil {
			list[i]["lastMessage"] = c.last.historic()
		}
	}
	answer(w, http.StatusOK, object{"chats": list})
}

// postChat makes a chat with an id that cannot be guessed.
func (s *Server) postChat(w http.ResponseWriter, r *http.Request) {
	id, now := "chat_"+strings.ToLower(rand.Text()), s.now().UnixMilli()
	if err := s.store.addChat(r.Context(), id, now); err != nil {
		s.failed(w, r, err)
		return
	}
	answer(w, http.StatusCreated, object{"id": id, "createdAt": formatMillis(now)})
}

// getHistory is history for browsers. A chat that was never opened has none.
func (s *Server) getHistory(w http.ResponseWriter, r *http.Request) {
	if !validChatID(r.PathValue("chatId")) {
		answerError(w, http.StatusNotFound, noChat)
		return
	}
	if rows, ok := s.history(w, r); ok {
		answer(w, http.StatusOK, object{"messages": mapped(rows, row.historic)})
	}
}

func mapped[T any](rows []row, show func(row) T) []T {
	list := make([]T, len(rows)) // never null
	for i := range rows {
		list[i] = show(rows[i])
	}
	return list
}

// history reads ?after=<message id>&limit=; where it cannot, it answers and returns false.
func (s *Server) history(w http.ResponseWriter, r *http.Request) ([]row, bool) {
	limit := defaultHistory
	if text := r.URL.Query().Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			answerError(w, http.StatusBadRequest, "limit must be a positive number")
			return nil, false
		}
		limit = min(n, maxHistory)
	}
	rows, err := s.store.messages(r.Context(), r.PathValue("chatId"), r.URL.Query().Get("after"), limit)
	switch {
	case errors.Is(err, errNoMessage):
		answerError(w, http.StatusNotFound, noMessage)
	case err != nil:
		s.failed(w, r, err)
	}
	return rows, err == nil
}
