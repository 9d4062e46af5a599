package work

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// logServer keeps one log for all of its sockets: each message is acknowledged, logged and sent to everyone; a socket
// that names a place gets what it missed. forget has it wait until that is something and lose the first entry, mute has it
// end no replay.
type logServer struct {
	mu     sync.Mutex
	log    [][]byte
	grown  sync.Cond // the log did
	known  map[string]bool
	open   map[*websocket.Conn]bool
	forget bool
	mute   bool

	closeAt int // messages after which everyone is closed, once; 0 = never
}

// start readies the server, which then is an http.Handler.
func (l *logServer) start() *logServer {
	l.known, l.open, l.grown.L = map[string]bool{}, map[*websocket.Conn]bool{}, &l.mu
	return l
}

func (l *logServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer c.Close()
	l.join(c, r.URL.Query().Get("offset"))
	defer l.leave(c)
	for {
		_, frame, err := c.ReadMessage()
		if err != nil {
			return
		}
		l.take(c, frame)
	}
}

func (l *logServer) join(c *websocket.Conn, offset string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	from, err := strconv.Atoi(offset)
	for l.forget && err == nil && from >= len(l.log) {
		l.grown.Wait()
	}
	l.open[c] = true
	say(c, `{"type":"connected","epoch":"e","offset":%d}`, len(l.log))
	if err != nil {
		return
	}
	missed := l.log[min(from, len(l.log)):]
	for i, entry := range missed {
		if !l.forget || i > 0 {
			say(c, "%s", entry)
		}
	}
	if l.mute {
		return
	}
	say(c, `{"type":"resumed","epoch":"e","offset":%d}`, len(l.log))
}

func (l *logServer) leave(c *websocket.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, c)
}

func (l *logServer) take(c *websocket.Conn, frame []byte) {
	var m struct{ Content, ClientMessageID string }
	if json.Unmarshal(frame, &m) != nil || m.Content == "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.known[m.ClientMessageID] {
		l.known[m.ClientMessageID] = true
		entry := fmt.Appendf(nil, `{"type":"message","data":{"content":%q},"offset":%d,"epoch":"e"}`, m.Content, len(l.log)+1)
		l.log = append(l.log, entry)
		l.grown.Broadcast()
		for each := range l.open {
			say(each, "%s", entry)
			if len(l.log) == l.closeAt {
				_ = each.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(4009, ""))
			}
		}
	}
	say(c, `{"type":"ack","clientMessageId":%q,"status":"stored"}`, m.ClientMessageID)
}

func say(c *websocket.Conn, format string, args ...any) {
	_ = c.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, format, args...))
}

func bounced(t *testing.T, l *logServer, share float64) (*Bounced, *Final) {
	t.Helper()
	patience := time.Minute
	if l.mute {
		patience = 500 * time.Millisecond
	}
	p := serveWorker(t)
	s := setup(start(t, l.start()))
	s.V1, s.Acks, s.Resume, s.Types, s.Sockets = true, true, true, true, 4
	p.must(Command{Do: SetUp, Setup: &s})
	p.must(Command{Do: Open, Chats: 1})
	p.must(Command{Do: Say, Talk: &Talk{Rate: 500, For: 100 * time.Millisecond}})
	d := p.must(Command{Do: Say, Talk: &Talk{
		Rate: 1000, For: 300 * time.Millisecond, Measured: true, Bounce: &Bounce{Share: share, Spread: 100 * time.Millisecond, Patience: patience},
	}})
	p.must(Command{Do: Drain, Timeout: time.Second})
	return d.Bounced, p.must(Command{Do: Close}).Final
}

func TestSocketsDropAndComeBack(t *testing.T) {
	b, f := bounced(t, &logServer{}, 1)
	if b.Sockets != 4 || b.Dialers != 4 || b.Took <= 0 || len(b.Retries) > 0 {
		t.Errorf("%+v", b)
	}
	if v := f.Verdict; v.Sent != 350 || v.Received != 4*350 || len(v.Violations()) > 0 || f.Unacked > 0 || len(f.Closes) > 0 {
		t.Errorf("%+v", f)
	}
}

func TestAShareOfTheSocketsDrops(t *testing.T) {
	if b, f := bounced(t, &logServer{}, 0.5); b.Sockets != 2 || len(f.Verdict.Violations()) > 0 {
		t.Errorf("%+v %+v", b, f)
	}
}

func TestAReplayWithAHoleIsFound(t *testing.T) {
	if _, f := bounced(t, &logServer{forget: true}, 0.25); f.Verdict.Lost != 1 {
		t.Errorf("%+v", f.Verdict)
	}
}

// That a return did not end is told, and the sockets that are closed after it are no blame of the server's.
func TestSocketsThatDoNotComeBackAreCounted(t *testing.T) {
	b, f := bounced(t, &logServer{mute: true}, 1)
	if b.NotBack != 4 || f.Verdict.Lost == 0 || len(f.Closes) > 0 {
		t.Errorf("%+v, %+v", b, f)
	}
}

// A socket that the server closes comes back too when it is its turn to drop; the close is told all the same.
func TestASocketThatTheServerClosedComesBack(t *testing.T) {
	l := &logServer{closeAt: 20}
	b, f := bounced(t, l, 1)
	if n := f.Closes["4009"]; b.NotBack != 0 || n != 4 || len(f.Verdict.Violations()) > 0 || f.Unacked > 0 {
		t.Errorf("%+v, %+v", b, f)
	}
}

func TestBusyChatsHaveTheirOwnRate(t *testing.T) {
	p := serveWorker(t)
	s := setup(start(t, (&logServer{}).start()))
	s.V1, s.Acks = true, true
	s.Sockets, s.Senders = 1, 1
	p.must(Command{Do: SetUp, Setup: &s})
	p.must(Command{Do: Open, Chats: 1})
	p.must(Command{Do: Say, Talk: &Talk{Rate: 10, For: 100 * time.Millisecond, Busy: 1, BusyRate: 400}})
	p.must(Command{Do: Drain, Timeout: 20 * time.Second})
	if f := p.must(Command{Do: Close}).Final; f.Verdict.Sent != 40 || len(f.Verdict.Violations()) > 0 {
		t.Errorf("%+v", f.Verdict)
	}
}
