package fakeapi

import (
	"errors"
	"net/http"
	"sync"
	"time"
)

// Mode is which API it plays.
type Mode int

const (
	Batch Mode = iota // the new one: both routes
	Old               // the single route only
)

// ParseMode reads "batch" or "old".
func ParseMode(s string) (Mode, error) {
	switch s {
	case "batch":
		return Batch, nil
	case "old":
		return Old, nil
	}
	return 0, errors.New("fakeapi: the mode must be batch or old")
}

// User is who GET /api/users/{id} tells.
type User struct{ ID, Name, Email, Image string }

// Options of New. The zero value is a new API that accepts any secret, any chat and any user.
type Options struct {
	Mode    Mode
	Secret  string        // what X-Internal-Secret must be; "" = anything goes
	Latency time.Duration // before each answer; may be changed by SetLatency
	// Publish sends a payload on a Redis channel. It is called by the single route before it answers; nil = not at all.
	Publish func(channel string, payload []byte)
	Users   map[string]User  // nil = every id but anon_… is "User <id>"
	Chats   []string         // nil = every chat exists
	Control bool             // serve the control routes as well, so that other processes can inject and read
	History bool             // the old API has the history route too; the new one always has it
	Forget  bool             // count rows but keep none, for long load runs: repeats are then not recognised
	Now     func() time.Time // nil = time.Now
}

// API is the double. Safe for concurrent use.
type API struct {
	options Options
	chats   map[string]bool
	now     func() time.Time
	mux     *http.ServeMux

	mu      sync.Mutex // guards what follows; held only for memory, never while answering
	mode    Mode
	latency time.Duration
	faults  []*fault
	healed  chan struct{} // closed and replaced by Heal
	rows    []Row
	byID    map[string]int // id → index in rows
	minted  uint64
	stats   Stats
	busy    map[string]int      // chat → calls in flight
	late    map[string][][]byte // channel → payloads that LatePublish keeps
}

// New makes a double that is not listening; it is an http.Handler.
func New(o Options) *API {
	a := &API{
		options: o, now: o.Now, mux: http.NewServeMux(), healed: make(chan struct{}), mode: o.Mode, latency: o.Latency,
		byID: map[string]int{}, busy: map[string]int{}, stats: Stats{BatchSizes: map[int]int{}, Faults: map[Kind]int{}},
	}
	if a.now == nil {
		a.now = time.Now
	}
	if o.Chats != nil {
		a.chats = make(map[string]bool, len(o.Chats))
		for _, id := range o.Chats {
			a.chats[id] = true
		}
	}
	a.mux.HandleFunc("POST /api/internal/messages/batch", a.secretly(a.postBatch))
	a.mux.HandleFunc("POST /api/chats/{chatId}/messages/send", a.secretly(a.postMessage))
	a.mux.HandleFunc("GET /api/users/{userId}", a.secretly(a.getUser))
	a.mux.HandleFunc("GET /api/internal/chats/{chatId}/messages", a.secretly(a.getMessagesAfter))
	a.mux.HandleFunc("POST /api/internal/messages/after", a.secretly(a.postMessagesAfter))
	if o.Control {
		a.controlRoutes(a.mux)
	}
	a.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { notFoundPage(w) })
	return a
}

func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

// SetMode changes which API it plays, as a deployment of the real one would.
func (a *API) SetMode(m Mode) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mode = m
}

// SetLatency changes the time before each answer.
func (a *API) SetLatency(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.latency = d
}

func (a *API) batchMode() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.mode == Batch
}

func (a *API) knowsChat(id string) bool { return a.chats == nil || a.chats[id] }

// wait blocks for d. It drops the connection when the caller is gone.
func (a *API) wait(r *http.Request, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
		panic(http.ErrAbortHandler)
	}
}

// hang never answers: it blocks until the caller is gone or the API healed, and drops the connection.
func (a *API) hang(r *http.Request, f struck) {
	select {
	case <-f.healed:
	case <-r.Context().Done():
	}
	panic(http.ErrAbortHandler)
}

// pause is the set latency.
func (a *API) pause(r *http.Request) {
	a.mu.Lock()
	latency := a.latency
	a.mu.Unlock()
	a.wait(r, latency)
}

func (a *API) secretly(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if a.options.Secret != "" && r.Header.Get("X-Internal-Secret") != a.options.Secret {
			a.count(func(s *Stats) { s.Unauthorized++ })
			answerError(w, http.StatusUnauthorized, "Unauthorized")
			return
		}
		next(w, r)
	}
}
