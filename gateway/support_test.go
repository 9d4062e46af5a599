package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"eclipse/actors"
	"eclipse/internal/metrics"
	"eclipse/internal/token"
	"eclipse/internal/wire"
)

const secret = "a-test-secret-that-has-over-32-bytes!"

// helper is set in a process that is not here to test, but to help another one.
var helper func()

func TestMain(m *testing.M) {
	if helper != nil {
		helper()
		return
	}
	goleak.VerifyTestMain(m)
}

// fakeRouter stands in for the actors. Its sessions echo messages and write what the connection actor would.
type fakeRouter struct {
	mu        sync.Mutex
	sessions  []*fakeSession
	requests  []actors.ConnectRequest
	fail      error
	quiet     bool // sessions never write
	forgetful bool // what arrives is not kept
	status    actors.Status
	asked     atomic.Int64
	expire    func(now time.Time) time.Time
}

func (r *fakeRouter) Connect(_ context.Context, q actors.ConnectRequest) (actors.GatewaySession, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		return nil, r.fail
	}
	f := &fakeSession{socket: q.Socket, expireAt: r.expire, quiet: r.quiet, forgetful: r.forgetful, gone: make(chan struct{})}
	if !r.forgetful {
		r.sessions = append(r.sessions, f)
		r.requests = append(r.requests, q)
	}
	return f, nil
}

func (r *fakeRouter) Status(context.Context) actors.Status { r.asked.Add(1); return r.status }

func (r *fakeRouter) last() *fakeSession {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.sessions) == 0 {
		return nil
	}
	return r.sessions[len(r.sessions)-1]
}

func (r *fakeRouter) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.sessions)
}

func (r *fakeRouter) request() actors.ConnectRequest {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.requests[len(r.requests)-1]
}

type fakeSession struct {
	socket    actors.Socket
	quiet     bool
	forgetful bool
	expireAt  func(time.Time) time.Time

	mu         sync.Mutex
	frames     []wire.ClientFrame
	identities []actors.Identity
	rejected   []*wire.Error
	closed     bool
	handled    atomic.Int64
	beats      atomic.Int64
	expired    atomic.Int64
	goneCalls  atomic.Int64
	gone       chan struct{}
}

func (f *fakeSession) write(make func(dst []byte) []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.quiet || f.closed {
		return
	}
	p := make(nil)
	n, err := f.socket.TryWrite(p)
	if err == nil && n < len(p) {
		_ = f.socket.Write(p[n:], time.Now().Add(2*time.Second))
	}
}

func (f *fakeSession) text(payload []byte) {
	f.write(func(dst []byte) []byte { return f.socket.AppendText(dst, payload) })
}

func (f *fakeSession) Handle(c wire.ClientFrame) {
	f.handled.Add(1)
	if c.Content == "panic" {
		panic("as asked: " + c.Content)
	}
	f.note(c, nil)
	if c.Kind == wire.KindMessage {
		f.text([]byte(c.Content))
	}
	if c.Kind == wire.KindPing {
		f.text([]byte(`{"type":"pong"}`))
	}
}

func (f *fakeSession) note(c wire.ClientFrame, id *actors.Identity) {
	if f.forgetful {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.frames = append(f.frames, c)
	if id != nil {
		f.identities = append(f.identities, *id)
	}
}

func (f *fakeSession) Subscribe(c wire.ClientFrame, id actors.Identity) {
	f.note(c, &id)
	f.text([]byte("subscribed"))
}

func (f *fakeSession) Authenticate(c wire.ClientFrame, id actors.Identity) {
	f.note(c, &id)
	f.text([]byte("authenticated"))
}

func (f *fakeSession) Reject(e *wire.Error, _ wire.ClientFrame) {
	f.mu.Lock()
	f.rejected = append(f.rejected, e)
	f.mu.Unlock()
	f.text([]byte("error " + string(e.Code)))
}

func (f *fakeSession) Expire(now time.Time) time.Time {
	f.expired.Add(1)
	if f.expireAt == nil {
		return time.Time{}
	}
	return f.expireAt(now)
}

func (f *fakeSession) Heartbeat() {
	f.beats.Add(1)
	f.write(func(dst []byte) []byte { return f.socket.AppendPing(dst) })
}

func (f *fakeSession) Pong(data []byte) {
	f.write(func(dst []byte) []byte { return f.socket.AppendPong(dst, data) })
}

func (f *fakeSession) Close(code wire.CloseCode, reason string) {
	f.write(func(dst []byte) []byte { return f.socket.AppendClose(dst, code, reason) })
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.socket.Close()
}

func (f *fakeSession) Gone() {
	if f.goneCalls.Add(1) == 1 {
		close(f.gone)
	}
}

func (f *fakeSession) lastRejected() *wire.Error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rejected[len(f.rejected)-1]
}

// edge is a running server.
type edge struct {
	*Server
	t       testing.TB
	router  *fakeRouter
	address string
}

func start(t testing.TB, change func(o *Options, r *fakeRouter)) *edge {
	t.Helper()
	r := &fakeRouter{}
	o := Options{Router: r, Verifier: token.NewVerifier([]string{secret}, -1), Metrics: metrics.New(), LingerTimeout: 500 * time.Millisecond}
	if change != nil {
		change(&o, r)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(context.Background(), l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return &edge{s, t, r, l.Addr().String()}
}

func mint(t testing.TB, c token.Claims) string {
	t.Helper()
	raw, err := token.Mint(secret, c, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func visitor(t testing.TB) string {
	return mint(t, token.Claims{UserID: "anon_1", ChatID: "chat-1"})
}

type request struct {
	query     url.Values
	header    http.Header
	protocols []string
}

// dial opens a socket; the answer is that of the handshake.
func (e *edge) dial(q request) (*websocket.Conn, *http.Response, error) {
	d := websocket.Dialer{HandshakeTimeout: 5 * time.Second, Subprotocols: q.protocols}
	ws, res, err := d.Dial("ws://"+e.address+"/any/path?"+q.query.Encode(), q.header)
	if ws != nil {
		e.t.Cleanup(func() { _ = ws.Close() })
	}
	return ws, res, err
}

// open opens a visitor's socket.
func (e *edge) open() *websocket.Conn {
	e.t.Helper()
	ws, _, err := e.dial(request{query: url.Values{"token": {visitor(e.t)}}})
	if err != nil {
		e.t.Fatal(err)
	}
	return ws
}

// rawSocket opens a visitor's socket and returns the connection under it, after the handshake.
func (e *edge) rawSocket() net.Conn {
	e.t.Helper()
	return e.open().NetConn()
}

func send(t testing.TB, ws *websocket.Conn, text string) {
	t.Helper()
	if err := ws.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func say(content string) string {
	b, _ := json.Marshal(map[string]string{"type": "message", "content": content, "role": "USER"})
	return string(b)
}

func expect(t testing.TB, ws *websocket.Conn, want string) {
	t.Helper()
	_ = ws.SetReadDeadline(time.Now().Add(5 * time.Second))
	_, got, err := ws.ReadMessage()
	if err != nil || string(got) != want {
		t.Fatalf("got %q, %v; want %q", got, err, want)
	}
}

// expectClose reads until the close frame.
func expectClose(t testing.TB, ws *websocket.Conn, code int, reason string) {
	t.Helper()
	_ = ws.SetReadDeadline(time.Now().Add(10 * time.Second))
	for {
		_, _, err := ws.ReadMessage()
		if err == nil {
			continue
		}
		closed, ok := errors.AsType[*websocket.CloseError](err)
		if !ok || closed.Code != code || (reason != "" && closed.Text != reason) {
			t.Fatalf("got %v; want close %d %q", err, code, reason)
		}
		return
	}
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	limit := time.Now().Add(10 * time.Second)
	for !ok() {
		if time.Now().After(limit) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

func (e *edge) metric(line string) bool { return strings.Contains(e.scrape(), line) }

func (e *edge) scrape() string {
	w := newRecorder()
	e.metrics.Handler().ServeHTTP(w, &http.Request{Method: http.MethodGet, URL: &url.URL{}, Header: http.Header{}})
	return w.body.String()
}

type recorder struct {
	body   strings.Builder
	header http.Header
	status int
}

func newRecorder() *recorder                          { return &recorder{header: http.Header{}} }
func (r *recorder) Header() http.Header               { return r.header }
func (r *recorder) WriteHeader(status int)            { r.status = status }
func (r *recorder) Write(p []byte) (n int, err error) { return r.body.Write(p) }
