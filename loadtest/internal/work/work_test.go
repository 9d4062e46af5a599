package work

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"eclipse/loadtest/internal/relay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// process is a served worker and its parent's two pipes.
type process struct {
	t     *testing.T
	in    *json.Encoder
	out   *json.Decoder
	ticks []*Tick

	once   sync.Once
	hangUp func() error
	rest   io.Reader
	ended  chan struct{}
}

// leave closes the worker's input, as a parent that ends does, and waits until it has ended.
func (p *process) leave() {
	p.once.Do(func() {
		_ = p.hangUp()
		go func() { _, _ = io.Copy(io.Discard, p.rest) }()
		<-p.ended
	})
}

func serveWorker(t *testing.T) *process {
	t.Helper()
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = Serve(t.Context(), inR, outW) // its failures come as events too
		_ = outW.Close()
	}()
	p := &process{t: t, in: json.NewEncoder(inW), out: json.NewDecoder(outR), hangUp: inW.Close, rest: outR, ended: ended}
	t.Cleanup(p.leave)
	return p
}

// do sends a command and returns its answer.
func (p *process) do(c Command) Event {
	p.t.Helper()
	sent := make(chan error, 1)
	go func() { sent <- p.in.Encode(c) }()
	for {
		var e Event
		if err := p.out.Decode(&e); err != nil {
			p.t.Fatalf("%s: %v", c.Do, err)
		}
		if e.Tick == nil {
			if err := <-sent; err != nil {
				p.t.Fatal(err)
			}
			return e
		}
		p.ticks = append(p.ticks, e.Tick)
	}
}

func (p *process) must(c Command) *Done {
	p.t.Helper()
	e := p.do(c)
	if e.Done == nil {
		p.t.Fatalf("%s: %s", c.Do, e.Failed)
	}
	return e.Done
}

func start(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return "ws" + strings.TrimPrefix(s.URL, "http")
}

func setup(url string) Setup {
	return Setup{Run: 7, URLs: []string{url}, Room: true, Dialers: 4, FirstChat: 10, Sockets: 2, Senders: 2, Size: 100}
}

func (p *process) sums() (all, measured Tick) {
	for _, t := range p.ticks {
		all.Sent += t.Sent
		all.Delivered += t.Delivered
		if t.Measured {
			measured.Sent += t.Sent
			measured.Delivered += t.Delivered
		}
	}
	return all, measured
}

func TestAnOpenLoopIsSentMeasuredAndChecked(t *testing.T) {
	p := serveWorker(t)
	s := setup(start(t, relay.New()))
	p.must(Command{Do: SetUp, Setup: &s})
	if d := p.must(Command{Do: Open, Chats: 3}); d.Sockets != 6 || len(d.NotOpened) > 0 {
		t.Fatalf("opened %+v", d)
	}
	p.must(Command{Do: Say, Talk: &Talk{Rate: 1000, For: 100 * time.Millisecond}})
	p.must(Command{Do: Say, Talk: &Talk{Rate: 1000, For: 200 * time.Millisecond, Measured: true}})
	if d := p.must(Command{Do: Drain, Timeout: 20 * time.Second}); d.Pending != 0 {
		t.Errorf("%d deliveries missing", d.Pending)
	}
	f := p.must(Command{Do: Close}).Final
	if f.Verdict.Sent != 300 || f.Verdict.Received != 600 || len(f.Verdict.Violations()) > 0 || len(f.Closes) > 0 {
		t.Errorf("%+v", f)
	}
	all, measured := p.sums()
	if all.Sent != 300 || all.Delivered != 600 || measured.Sent != 200 {
		t.Errorf("ticks: all %+v, measured %+v", all, measured)
	}
}

func TestAClosedLoopKeepsItsWindowFull(t *testing.T) {
	p := serveWorker(t)
	s := setup(start(t, relay.New()))
	p.must(Command{Do: SetUp, Setup: &s})
	p.must(Command{Do: Open, Chats: 2})
	p.must(Command{Do: Say, Talk: &Talk{Window: 3, For: 200 * time.Millisecond}})
	p.must(Command{Do: Say, Talk: &Talk{Window: 3, For: 200 * time.Millisecond, Measured: true}})
	p.must(Command{Do: Drain, Timeout: 20 * time.Second})
	f := p.must(Command{Do: Close}).Final
	if f.Verdict.Sent <= 6 || f.Verdict.Received != 2*f.Verdict.Sent || len(f.Verdict.Violations()) > 0 {
		t.Errorf("%+v", f.Verdict)
	}
	if _, measured := p.sums(); measured.Sent == 0 {
		t.Error("the second stretch sent nothing: the windows did not stay open")
	}
}

func TestOnceIsOnce(t *testing.T) {
	p := serveWorker(t)
	s := setup(start(t, relay.New()))
	p.must(Command{Do: SetUp, Setup: &s})
	for range 2 {
		p.must(Command{Do: Open, Chats: 5})
		p.must(Command{Do: Say, Talk: &Talk{Rate: 10_000, Once: true}})
	}
	p.must(Command{Do: Open, Chats: 0})
	p.must(Command{Do: Say, Talk: &Talk{Rate: 10_000, Once: true}})
	p.must(Command{Do: Drain, Timeout: 20 * time.Second})
	if f := p.must(Command{Do: Close}).Final; f.Verdict.Sent != 20 || f.Verdict.Lost != 0 {
		t.Errorf("%+v", f.Verdict)
	}
}

// wicked answers each message frame with what answer makes of it.
func wicked(t *testing.T, answer func(c *websocket.Conn, n int, frame []byte)) string {
	up := websocket.Upgrader{}
	return start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer c.Close()
		_ = c.WriteMessage(websocket.TextMessage, []byte(`{"type":"connected"}`))
		for n := 1; ; n++ {
			_, frame, err := c.ReadMessage()
			if err != nil {
				return
			}
			answer(c, n, frame)
		}
	}))
}

func echo(c *websocket.Conn, frame []byte) { _ = c.WriteMessage(websocket.TextMessage, frame) }

func TestWhatAServerDoesWrongIsFound(t *testing.T) {
	tests := []struct {
		name   string
		answer func(c *websocket.Conn, n int, frame []byte)
		want   func(f *Final, pending int64) bool
	}{
		{"lost", func(c *websocket.Conn, n int, frame []byte) {
			if n != 3 {
				echo(c, frame)
			}
		}, func(f *Final, pending int64) bool { return f.Verdict.Lost == 1 && pending == 1 }},
		{"doubled at the very end", func(c *websocket.Conn, n int, frame []byte) {
			echo(c, frame)
			if n == 10 {
				echo(c, frame)
			}
		}, func(f *Final, _ int64) bool { return f.Verdict.Duplicated == 1 && f.Verdict.Lost == 0 }},
		{"another chat's", func(c *websocket.Conn, n int, frame []byte) {
			echo(c, frame)
			if n == 5 {
				echo(c, []byte(strings.ReplaceAll(string(frame), "-10-0-", "-11-0-")))
			}
		}, func(f *Final, _ int64) bool { return f.Verdict.Misrouted == 1 }},
		{"strange", func(c *websocket.Conn, n int, frame []byte) {
			echo(c, frame)
			if n == 5 {
				echo(c, []byte(`{"type":"message","data":{"content":"hello"}}`))
				echo(c, []byte(`]`))
			}
		}, func(f *Final, _ int64) bool { return f.Verdict.Unexpected == 1 && f.Errors["malformed frame"] == 1 }},
		{"closed", func(c *websocket.Conn, n int, frame []byte) {
			echo(c, frame)
			if n == 10 {
				_ = c.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(4009, ""))
			}
		}, func(f *Final, _ int64) bool { return f.Closes["4009"] == 1 && f.Verdict.Lost == 0 }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := serveWorker(t)
			s := setup(wicked(t, tt.answer))
			s.Sockets, s.Senders = 1, 1
			p.must(Command{Do: SetUp, Setup: &s})
			p.must(Command{Do: Open, Chats: 1})
			p.must(Command{Do: Say, Talk: &Talk{Rate: 1000, For: 10 * time.Millisecond}})
			pending := p.must(Command{Do: Drain, Timeout: 200 * time.Millisecond}).Pending
			if f := p.must(Command{Do: Close}).Final; f.Verdict.Sent != 10 || !tt.want(f, pending) {
				t.Errorf("%+v, %d pending", f, pending)
			}
		})
	}
}

// field cuts a text field out of a frame that this program made.
func field(frame []byte, name string) string {
	_, rest, _ := strings.Cut(string(frame), `"`+name+`":"`)
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

func TestAcksAndRefusals(t *testing.T) {
	p := serveWorker(t)
	s := setup(wicked(t, func(c *websocket.Conn, n int, frame []byte) {
		id := field(frame, "clientMessageId")
		switch n {
		case 2:
			echo(c, []byte(`{"type":"error","error":"busy","code":"OVERLOADED","retryable":true,"clientMessageId":"`+id+`"}`))
		case 4:
			echo(c, frame) // and no ack
		case 6:
			echo(c, []byte(`{"type":"ack","clientMessageId":"`+id+`","status":"accepted"}`))
			echo(c, frame)
			echo(c, []byte(`{"type":"message_failed","data":{"clientMessageId":"`+id+`"}}`))
			echo(c, []byte(`{"type":"error","error":"busy","code":"OVERLOADED"}`)) // which names nothing
		default:
			echo(c, []byte(`{"type":"ack","clientMessageId":"`+id+`","status":"accepted"}`))
			echo(c, frame)
			echo(c, []byte(`{"type":"ack","clientMessageId":"`+id+`","status":"stored"}`))
		}
	}))
	s.Sockets, s.Senders, s.V1, s.Acks = 1, 1, true, true
	p.must(Command{Do: SetUp, Setup: &s})
	p.must(Command{Do: Open, Chats: 1})
	p.must(Command{Do: Say, Talk: &Talk{Rate: 1000, For: 10 * time.Millisecond, Measured: true}})
	if d := p.must(Command{Do: Drain, Timeout: 200 * time.Millisecond}); d.Pending != 2 {
		t.Errorf("%d pending; two messages are not stored", d.Pending)
	}
	f := p.must(Command{Do: Close}).Final
	if f.Verdict.Refused != 1 || f.Verdict.Lost != 0 || f.Unacked != 1 || f.Unstored != 1 ||
		f.Errors["OVERLOADED"] != 2 || f.Refusals["OVERLOADED"] != 1 || f.Errors["message_failed"] != 1 {
		t.Errorf("%+v", f)
	}
	var stored, accepted int64
	for _, tick := range p.ticks {
		stored, accepted = stored+tick.Stored, accepted+tick.Accepted
	}
	if stored != 7 || accepted != 8 {
		t.Errorf("%d stored, %d accepted; want 7 and 8", stored, accepted)
	}
}

func TestSocketsThatDoNotOpenAreCountedByReason(t *testing.T) {
	p := serveWorker(t)
	s := setup(start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })))
	p.must(Command{Do: SetUp, Setup: &s})
	d := p.must(Command{Do: Open, Chats: 2})
	if d.Sockets != 0 || d.NotOpened["ws: upgrade refused with status 503"] != 4 {
		t.Errorf("%+v", d)
	}
}

// A server that closes right after the upgrade is not waited for, each such socket is told once, and when it lets nobody in
// the others are given up, even those that it holds.
func TestAServerThatLetsNobodyInIsGivenUpSoon(t *testing.T) {
	p := serveWorker(t)
	up := websocket.Upgrader{}
	var came atomic.Int64
	s := setup(start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer c.Close()
		if came.Add(1) <= 2 { // these it holds
			_, _, _ = c.ReadMessage()
			return
		}
		_ = c.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(4002, "Invalid token"))
		_, _, _ = c.ReadMessage() // until the other side has closed
	})))
	p.must(Command{Do: SetUp, Setup: &s})
	start := time.Now()
	d := p.must(Command{Do: Open, Chats: 500})
	told, others := d.NotOpened["closed before the connected frame: 4002, the token is bad: is -jwt-secret the server's?"], d.NotOpened[errHopeless.Error()]
	if d.Sockets != 0 || told < hopeless || told >= hopeless+int64(s.Dialers) || told+others != 1000 {
		t.Errorf("%+v", d)
	}
	if took := time.Since(start); took > joinTimeout/2 {
		t.Errorf("took %v", took)
	}
	if f := p.must(Command{Do: Close}).Final; len(f.Closes) > 0 {
		t.Errorf("told twice: %v", f.Closes)
	}
}

func TestBadCommandsEndTheProcess(t *testing.T) {
	for name, c := range map[string]Command{
		"before setup": {Do: Open, Chats: 1}, "no setup": {Do: SetUp}, "no URL": {Do: SetUp, Setup: &Setup{URLs: []string{"http://x"}, Sockets: 1}},
		"no sockets": {Do: SetUp, Setup: &Setup{URLs: []string{"ws://x"}}},
	} {
		if e := serveWorker(t).do(c); e.Failed == "" {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

func TestAParentThatGoesEndsEvenWhatIsBlocked(t *testing.T) {
	deaf := make(chan struct{}) // a server that never reads
	up := websocket.Upgrader{}
	url := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer c.Close()
		_ = c.WriteMessage(websocket.TextMessage, []byte(`{"type":"connected"}`))
		<-deaf
	}))
	defer close(deaf)
	p := serveWorker(t)
	s := setup(url)
	s.Sockets, s.Senders, s.Size = 1, 1, 16_000
	p.must(Command{Do: SetUp, Setup: &s})
	p.must(Command{Do: Open, Chats: 1})
	if err := p.in.Encode(Command{Do: Say, Talk: &Talk{Rate: 1e6, For: time.Hour}}); err != nil {
		t.Fatal(err)
	}
	for last := int64(-1); ; { // until a second passes in which nothing could be sent
		var e Event
		if err := p.out.Decode(&e); err != nil || e.Tick == nil {
			t.Fatalf("%+v, %v", e, err)
		}
		if last > 0 && e.Tick.Sent == 0 {
			break
		}
		last = max(last, e.Tick.Sent)
	}
	p.leave()
}
