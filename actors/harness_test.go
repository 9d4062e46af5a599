package actors

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"eclipse/internal/chatlog"
	"eclipse/internal/metrics"
	"eclipse/internal/nextapi"
	"eclipse/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// eventually waits until a condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
		<-tick.C
	}
}

// fakeSocket records what is written to it. Frames are kept apart by a newline instead of a transport's framing.
type fakeSocket struct {
	mu     sync.Mutex
	frames []map[string]any
	rest   string
	code   wire.CloseCode
	closed bool
	stuck  bool // the peer does not read
	freed  chan struct{}
}

func newSocket() *fakeSocket { return &fakeSocket{freed: make(chan struct{})} }

func (s *fakeSocket) AppendText(dst, p []byte) []byte { return append(append(dst, p...), '\n') }
func (s *fakeSocket) AppendPing(dst []byte) []byte    { return append(dst, "{\"type\":\"#ping\"}\n"...) }
func (s *fakeSocket) AppendPong(dst, _ []byte) []byte {
	return append(dst, "{\"type\":\"#pong\"}\n"...)
}
func (s *fakeSocket) AppendClose(dst []byte, code wire.CloseCode, _ string) []byte {
	return fmt.Appendf(dst, "{\"type\":\"#close\",\"code\":%d}\n", code)
}

func (s *fakeSocket) TryWrite(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stuck {
		return 0, nil
	}
	s.take(p)
	return len(p), nil
}

func (s *fakeSocket) Write(p []byte, deadline time.Time) error {
	select {
	case <-s.freed:
	case <-time.After(time.Until(deadline)):
		return context.DeadlineExceeded
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.take(p)
	return nil
}

func (s *fakeSocket) take(p []byte) {
	s.rest += string(p)
	for {
		line, rest, ok := strings.Cut(s.rest, "\n")
		if !ok {
			return
		}
		s.rest = rest
		var f map[string]any
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			f = map[string]any{"type": "#broken", "line": line}
		}
		if f["type"] == "#close" {
			s.code = wire.CloseCode(f["code"].(float64))
		}
		s.frames = append(s.frames, f)
	}
}

func (s *fakeSocket) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

// stall makes the peer stop reading until free.
func (s *fakeSocket) stall() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stuck = true
}

func (s *fakeSocket) free() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stuck = false
	close(s.freed)
}

// of returns the frames of a type, in order.
func (s *fakeSocket) of(types ...string) (frames []map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.frames {
		if slices.Contains(types, f["type"].(string)) {
			frames = append(frames, f)
		}
	}
	return frames
}

func (s *fakeSocket) count(types ...string) int { return len(s.of(types...)) }

// contents lists the content of the messages, in order.
func (s *fakeSocket) contents() (out []string) {
	for _, f := range s.of("message") {
		out = append(out, f["data"].(map[string]any)["content"].(string))
	}
	return out
}

// fakeAPI stores in memory. What it does is switched while it runs.
type fakeAPI struct {
	mu            sync.Mutex
	rows          map[string]nextapi.Message
	order         []string
	calls         int
	sizes         []int
	fail          *nextapi.Result // every item's outcome
	old           bool            // no batch route
	hang          chan struct{}   // calls wait for it
	publish       func(chatID string, payload []byte)
	user          nextapi.User
	history       map[string][]nextapi.Row // of the history route, nil = there is none
	historySingly bool                     // it is for one chat at a time
	historyFail   *nextapi.Result          // it fails so
	asked         int                      // how often it was asked
}

func newAPI() *fakeAPI {
	return &fakeAPI{rows: make(map[string]nextapi.Message), user: nextapi.User{Name: "Ada"}}
}

func (a *fakeAPI) StoreBatch(ctx context.Context, ms []nextapi.Message) []nextapi.Result {
	a.wait(ctx)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls++
	a.sizes = append(a.sizes, len(ms))
	out := make([]nextapi.Result, len(ms))
	for i, m := range ms {
		switch {
		case a.old:
			out[i] = nextapi.Result{Class: nextapi.Missing, Status: 404}
		case a.fail != nil:
			out[i] = *a.fail
		default:
			out[i] = a.store(m)
		}
	}
	return out
}

func (a *fakeAPI) Store(ctx context.Context, m nextapi.Message) nextapi.Result {
	a.wait(ctx)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls++
	if a.fail != nil {
		return *a.fail
	}
	m.ID = fmt.Sprintf("api-%d", len(a.rows)+1)
	r := a.store(m)
	if a.publish != nil {
		body, err := wire.MessageBody(m.ChatID, r.Data, "", time.Now())
		if err == nil {
			a.publish(m.ChatID, body.Body)
		}
	}
	return r
}

func (a *fakeAPI) Probe(context.Context) nextapi.Result {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.old:
		return nextapi.Result{Class: nextapi.Missing, Status: 404}
	case a.fail != nil && a.fail.Class != nextapi.Rejected:
		return *a.fail
	}
	return nextapi.Result{Class: nextapi.Stored, Status: 200}
}

func (a *fakeAPI) wait(ctx context.Context) {
	a.mu.Lock()
	hang := a.hang
	a.mu.Unlock()
	if hang == nil {
		return
	}
	select {
	case <-hang:
	case <-ctx.Done():
	}
}

func (a *fakeAPI) store(m nextapi.Message) nextapi.Result {
	if known, ok := a.rows[m.ID]; ok {
		m = known
	} else {
		a.rows[m.ID] = m
		a.order = append(a.order, m.Content)
	}
	data := fmt.Sprintf(`{"id":%q,"content":%q,"role":%q,"createdAt":"2026-01-02T03:04:05.000Z","sender":{"id":%q,"name":"N","email":"n@example.com","avatar":null},"extra":1}`,
		m.ID, m.Content, m.Role, m.UserID)
	return nextapi.Result{Class: nextapi.Stored, Status: 201, ID: m.ID, Data: []byte(data)}
}

func (a *fakeAPI) User(context.Context, string) (nextapi.User, nextapi.Result) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fail != nil {
		return nextapi.User{}, *a.fail
	}
	return a.user, nextapi.Result{Class: nextapi.Stored, Status: 200}
}

// After is the history route, which this API has when it keeps history.
func (a *fakeAPI) After(_ context.Context, chatID, after string, limit int) ([]nextapi.Row, nextapi.Result) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.history == nil {
		return nil, nextapi.Result{Class: nextapi.Missing, Status: 404}
	}
	if a.asked++; a.historyFail != nil {
		return nil, *a.historyFail
	}
	rows := a.history[chatID]
	if after == "" {
		return rows[max(0, len(rows)-limit):], nextapi.Result{Class: nextapi.Stored, Status: 200}
	}
	at := slices.IndexFunc(rows, func(r nextapi.Row) bool { return r.ID == after })
	if at < 0 {
		return nil, nextapi.Result{Class: nextapi.Rejected, Status: 404}
	}
	rows = rows[at+1:]
	return rows[:min(limit, len(rows))], nextapi.Result{Class: nextapi.Stored, Status: 200}
}

// AfterEach is the history route for many chats, which this API has when it keeps history and is not asked for each alone.
func (a *fakeAPI) AfterEach(ctx context.Context, questions []nextapi.Question, limit int) ([]nextapi.History, nextapi.Result) {
	a.mu.Lock()
	missing := a.history == nil || a.historySingly
	a.mu.Unlock()
	if missing {
		return nil, nextapi.Result{Class: nextapi.Missing, Status: 404}
	}
	found := make([]nextapi.History, len(questions))
	for i, q := range questions {
		rows, r := a.After(ctx, q.ChatID, q.After, limit)
		found[i] = nextapi.History{Rows: rows, Known: r.Class == nextapi.Stored}
	}
	return found, nextapi.Result{Class: nextapi.Stored, Status: 200}
}

func (a *fakeAPI) set(change func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change()
}

func (a *fakeAPI) stored() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.order)
}

// fixture is a router with its surroundings.
type fixture struct {
	*Router
	t   testing.TB
	api *fakeAPI
	log *chatlog.Memory
}

// quick makes every wait short.
func quick() Config {
	return Config{
		Linger: 200 * time.Millisecond, TypingTimeout: 300 * time.Millisecond, OfflineGrace: 200 * time.Millisecond,
		LogPatience: 300 * time.Millisecond, SavePatience: time.Second, AliveEvery: 200 * time.Millisecond, HeadCheck: 500 * time.Millisecond,
	}
}

func start(t testing.TB, cfg Config, api *fakeAPI, log *chatlog.Memory) *fixture {
	return startOn(t, cfg, api, log, log, log)
}

func startOn(t testing.TB, cfg Config, api *fakeAPI, memory *chatlog.Memory, log chatlog.Log, bus chatlog.Bus) *fixture {
	t.Helper()
	var outbox chatlog.Outbox = memory
	if own, ok := log.(chatlog.Outbox); ok {
		outbox = own
	}
	r := Start(cfg, Deps{Log: log, Outbox: outbox, Bus: bus, API: api, Metrics: metrics.New(), Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	t.Cleanup(r.Close)
	return &fixture{Router: r, t: t, api: api, log: memory}
}

func single(t testing.TB, change ...func(*Config)) *fixture {
	m := chatlog.NewMemory(chatlog.Options{})
	t.Cleanup(func() { m.Close() })
	cfg := quick()
	for _, c := range change {
		c(&cfg)
	}
	return start(t, cfg, newAPI(), m)
}

// client is a socket with its session.
type client struct {
	*fakeSocket
	GatewaySession
	t testing.TB
}

// Close is the session's; the socket's own is for the connection actor.
func (c *client) Close(code wire.CloseCode, reason string) { c.GatewaySession.Close(code, reason) }

type option func(*ConnectRequest)

func part2(r *ConnectRequest)    { r.V1 = true }
func signedIn(r *ConnectRequest) { r.Identity.Authenticated = true }
func withRole(role wire.Role) option {
	return func(r *ConnectRequest) { r.Identity.Role = role }
}
func resumeAt(p wire.Position) option { return func(r *ConnectRequest) { r.Resume = &p } }

// connect opens a session and waits for its greeting.
func (f *fixture) connect(chatID, userID string, options ...option) *client {
	f.t.Helper()
	c := f.connectOnly(chatID, userID, options...)
	eventually(f.t, "connected", func() bool { return c.count("connected") == 1 })
	return c
}

func (f *fixture) connectOnly(chatID, userID string, options ...option) *client {
	f.t.Helper()
	socket := newSocket()
	r := ConnectRequest{Socket: socket, Identity: Identity{UserID: userID, ChatID: chatID, ExpiresAt: time.Now().Add(time.Hour)}}
	for _, o := range options {
		o(&r)
	}
	s, err := f.Connect(context.Background(), r)
	if err != nil {
		f.t.Fatal(err)
	}
	return &client{fakeSocket: socket, GatewaySession: s, t: f.t}
}

func (c *client) say(content string)             { c.sayAs(content, "", wire.RoleUser) }
func (c *client) sayID(content, clientID string) { c.sayAs(content, clientID, wire.RoleUser) }
func (c *client) sayAs(content, clientID string, role wire.Role) {
	c.Handle(wire.ClientFrame{Kind: wire.KindMessage, Content: content, ClientMessageID: clientID, Role: role})
}

func (c *client) hears(types string, n int) {
	c.t.Helper()
	eventually(c.t, fmt.Sprintf("%d × %s", n, types), func() bool { return c.count(types) >= n })
	if got := c.count(types); got != n {
		c.t.Fatalf("%d × %s, want %d", got, types, n)
	}
}

func data(f map[string]any) map[string]any { return f["data"].(map[string]any) }
