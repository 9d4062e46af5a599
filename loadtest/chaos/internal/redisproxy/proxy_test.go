package redisproxy

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"eclipse/internal/chatlog/redistest"
)

// patience bounds every wait; quiet is for how long nothing must come.
const (
	patience = 10 * time.Second
	quiet    = 100 * time.Millisecond
)

// world is a Redis and a proxy to it.
func world(t *testing.T) (*redistest.Server, *Proxy) {
	t.Helper()
	server := redistest.Start(t)
	p, err := Listen(server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return server, p
}

// link is a connection through the proxy.
type link struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func dial(t *testing.T, p *Proxy) *link {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.URL(), "redis://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &link{t: t, conn: conn, in: bufio.NewReader(conn)}
}

func (l *link) send(words ...string) {
	l.t.Helper()
	text := fmt.Sprintf("*%d\r\n", len(words))
	for _, w := range words {
		text += fmt.Sprintf("$%d\r\n%s\r\n", len(w), w)
	}
	if _, err := l.conn.Write([]byte(text)); err != nil {
		l.t.Fatal(err)
	}
}

// line reads one line; "" when none comes within the time, or the connection has ended.
func (l *link) line(within time.Duration) string {
	_ = l.conn.SetReadDeadline(time.Now().Add(within))
	text, err := l.in.ReadString('\n')
	if err != nil {
		return ""
	}
	return strings.TrimSpace(text)
}

func (l *link) expect(lines ...string) {
	l.t.Helper()
	for _, want := range lines {
		if got := l.line(patience); got != want {
			l.t.Fatalf("got %q, want %q", got, want)
		}
	}
}

// gone waits until the connection has ended.
func (l *link) gone() {
	l.t.Helper()
	_ = l.conn.SetReadDeadline(time.Now().Add(patience))
	for {
		if _, err := l.in.ReadByte(); err != nil {
			if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
				l.t.Fatal("the connection is still up")
			}
			return
		}
	}
}

// feed subscribes to a chat.
func feed(t *testing.T, p *Proxy) *link {
	t.Helper()
	l := dial(t, p)
	l.send("SUBSCRIBE", "chat:a")
	l.expect("*3", "$9", "subscribe", "$6", "chat:a", ":1")
	return l
}

func publish(s *redistest.Server, offset int) {
	s.Do("PUBLISH", "chat:a", fmt.Sprintf(`{"type":"x","offset":%d,"epoch":"e"}`, offset))
}

// offsets reads the next entries of a feed.
func (l *link) offsets(n int) string {
	l.t.Helper()
	var got []string
	for range n {
		for range 6 {
			if l.line(patience) == "" {
				l.t.Fatalf("no further entry after %q", got)
			}
		}
		text := l.line(patience)
		text, _, _ = strings.Cut(strings.TrimPrefix(text, `{"type":"x","offset":`), ",")
		got = append(got, text)
	}
	return strings.Join(got, " ")
}

func TestCommandsPass(t *testing.T) {
	_, p := world(t)
	l := dial(t, p)
	l.send("SET", "a", "1")
	l.expect("+OK")
	l.send("GET", "a")
	l.expect("$1", "1")
	if r := p.Record(); len(r.Opened) != 1 || len(r.Feeds) != 0 {
		t.Errorf("%+v", r)
	}
}

func TestEntriesAreDisturbed(t *testing.T) {
	server, p := world(t)
	l := feed(t, p)
	p.Disturb(Lost, 1)
	publish(server, 1)
	publish(server, 2)
	if got := l.offsets(1); got != "2" {
		t.Errorf("lost: %s", got)
	}
	r := p.Record()
	if len(r.Lost) != 1 || r.Lost[0].Place != (Place{"a", "e", 1}) || r.Lost[0].Shown.Before(r.Lost[0].At) || len(r.Feeds) != 1 {
		t.Errorf("%+v", r)
	}
	p.Disturb(Doubled, 1)
	publish(server, 3)
	if got := l.offsets(2); got != "3 3" {
		t.Errorf("doubled: %s", got)
	}
	p.Disturb(Swapped, 1)
	publish(server, 4)
	publish(server, 5)
	if got := l.offsets(2); got != "5 4" {
		t.Errorf("swapped: %s", got)
	}
}

func TestTheFeedAlone(t *testing.T) {
	server, p := world(t)
	commands, silent, cut := dial(t, p), feed(t, p), (*link)(nil)
	p.SilenceFeed()
	publish(server, 1)
	if got := silent.line(quiet); got != "" {
		t.Errorf("a silent feed says %q", got)
	}
	cut = feed(t, p)
	publish(server, 2)
	if got := cut.offsets(1); got != "2" {
		t.Errorf("a new feed says %s", got)
	}
	p.CutFeed()
	cut.gone()
	silent.gone()
	commands.send("PING")
	commands.expect("+PONG")
}

func TestTheReplyOfAScriptIsLost(t *testing.T) {
	server, p := world(t)
	sha := server.Do("SCRIPT", "LOAD", "return redis.call('SET', KEYS[1], '1')")
	l := dial(t, p)
	p.LoseReplies(1)
	l.send("EVALSHA", sha, "1", "ran")
	l.gone()
	if server.Do("GET", "ran") != "1" || p.Record().Swept != 1 {
		t.Errorf("the script did not run: %+v", p.Record())
	}
}

func TestEverythingIsHeldBackAndHealed(t *testing.T) {
	_, p := world(t)
	l := dial(t, p)
	p.Silence(true)
	l.send("PING")
	if got := l.line(quiet); got != "" {
		t.Errorf("a silent connection says %q", got)
	}
	p.Heal()
	l.expect("+PONG")
	p.Delay(quiet)
	began := time.Now()
	l.send("PING")
	l.expect("+PONG")
	if took := time.Since(began); took < quiet {
		t.Errorf("a slow connection took %v", took)
	}
	p.Refuse(true)
	dial(t, p).gone()
	p.Cut()
	l.gone()
	p.Heal()
	again := dial(t, p)
	again.send("PING")
	again.expect("+PONG")
}
