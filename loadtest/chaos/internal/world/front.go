package world

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// front is where one instance finds the API. It can be taken away, and it can tell when the API has stored a call
// and has not answered it yet.
type front struct {
	address string
	api     http.Handler
	stored  atomic.Pointer[func()] // called once, between storing and answering

	mu     sync.Mutex
	server *http.Server // nil while it is away
}

func newFront(api http.Handler) (*front, error) {
	f := &front{address: "127.0.0.1:0", api: api}
	if err := f.listen(); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *front) url() string { return "http://" + f.address }

// listen opens it, again on the same address.
func (f *front) listen() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.server != nil {
		return nil
	}
	listener, err := net.Listen("tcp", f.address)
	if err != nil {
		return fmt.Errorf("the API's front: %w", err)
	}
	f.address = listener.Addr().String()
	f.server = &http.Server{Handler: f, ReadHeaderTimeout: 10 * time.Second}
	go func(s *http.Server) { _ = s.Serve(listener) }(f.server) // returns when the server is closed
	return nil
}

// close drops every call and refuses new ones.
func (f *front) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.server != nil {
		_ = f.server.Close()
		f.server = nil
	}
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f.stored.Load() == nil || r.Method != http.MethodPost || !strings.Contains(r.URL.Path, "/messages/") {
		f.api.ServeHTTP(w, r)
		return
	}
	answer := &kept{header: http.Header{}, status: http.StatusOK}
	f.api.ServeHTTP(answer, r)
	if struck := f.stored.Swap(nil); struck != nil {
		(*struck)()
	}
	for name, values := range answer.header {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.status)
	_, _ = w.Write(answer.body) // fails when the instance is gone, as meant
}

// kept holds an answer back.
type kept struct {
	header http.Header
	status int
	body   []byte
}

func (k *kept) Header() http.Header    { return k.header }
func (k *kept) WriteHeader(status int) { k.status = status }

func (k *kept) Write(p []byte) (int, error) {
	k.body = append(k.body, p...)
	return len(p), nil
}
