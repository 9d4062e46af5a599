package standin

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"
)

// Options of Open.
type Options struct {
	Path           string           // SQLite file, made with its folder when missing; ":memory:" keeps nothing
	InternalSecret string           // what X-Internal-Secret must be, not empty
	JWTSecret      string           // signs tokens, not empty
	Now            func() time.Time // nil = time.Now
	Logger         *slog.Logger     // nil = slog.Default; no content, token or secret is logged
}

// Server is the stand-in. Safe for concurrent use.
type Server struct {
	store     *store
	secret    [sha256.Size]byte
	jwtSecret string
	now       func() time.Time
	log       *slog.Logger
}

// Open opens or makes the database. An error says what to do where a person can do something.
func Open(o Options) (*Server, error) {
	if o.InternalSecret == "" || o.JWTSecret == "" {
		return nil, errors.New("standin: both secrets are needed")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	store, err := openStore(o.Path)
	if err != nil {
		return nil, fmt.Errorf("standin: open %s: %w", o.Path, err)
	}
	return &Server{
		store: store, secret: sha256.Sum256([]byte(o.InternalSecret)), jwtSecret: o.JWTSecret, now: o.Now, log: o.Logger,
	}, nil
}

// Close closes the database. Requests after it fail with 500.
func (s *Server) Close() error { return s.store.close() }

// Handler serves every route.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	s.browserRoutes(mux)
	mux.HandleFunc("POST /api/internal/messages/batch", s.secretly(s.postBatch))
	mux.HandleFunc("POST /api/chats/{chatId}/messages/send", s.secretly(s.postMessage))
	mux.HandleFunc("GET /api/users/{userId}", s.secretly(s.getUser))
	mux.HandleFunc("GET /api/internal/chats/{chatId}/messages", s.secretly(s.getMessagesAfter))
	mux.HandleFunc("POST /api/internal/messages/after", s.secretly(s.postMessagesAfter))
	return mux
}

// BrowserHandler serves only the routes that browsers call, to be mounted on the public port.
func (s *Server) BrowserHandler() http.Handler {
	mux := http.NewServeMux()
	s.browserRoutes(mux)
	return mux
}

func (s *Server) browserRoutes(mux *http.ServeMux) {
	for pattern, handle := range map[string]http.HandlerFunc{
		"GET /api/ws/token":                s.getToken,
		"GET /api/chats":                   s.getChats,
		"POST /api/chats":                  s.postChat,
		"GET /api/chats/{chatId}/messages": s.getHistory,
		"OPTIONS /api/":                    preflight,
	} {
		mux.HandleFunc(pattern, anyOrigin(handle))
	}
}

// anyOrigin lets pages of any origin read the answer. No cookie is ever looked at.
func anyOrigin(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Cache-Control", "no-store")
		next(w, r)
	}
}

func preflight(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
	h.Set("Access-Control-Allow-Headers", "Content-Type")
	h.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
}

// secretly demands the internal secret, compared in constant time.
func (s *Server) secretly(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		given := sha256.Sum256([]byte(r.Header.Get("X-Internal-Secret")))
		if subtle.ConstantTimeCompare(given[:], s.secret[:]) != 1 {
			answerError(w, http.StatusUnauthorized, "Unauthorized")
			return
		}
		next(w, r)
	}
}

// failed answers 500 and logs the cause, which holds no content: SQLite's errors name tables and states.
func (s *Server) failed(w http.ResponseWriter, r *http.Request, err error) {
	s.log.ErrorContext(r.Context(), "stand-in API: request failed", "route", r.Pattern, "error", err)
	answerError(w, http.StatusInternalServerError, "Internal server error")
}
