package gateway

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"eclipse/internal/token"
)

func with(tok string) request { return request{query: url.Values{"token": {tok}}} }

// refused asserts that a socket was refused over plain HTTP.
func refused(t *testing.T, res *http.Response, err error, status int) {
	t.Helper()
	if err == nil || res == nil || res.StatusCode != status {
		t.Fatalf("got %v, %v; want status %d", res, err, status)
	}
	if status == http.StatusServiceUnavailable && res.Header.Get("Retry-After") == "" {
		t.Error("503 without Retry-After")
	}
}

func TestTokenTravelsThreeWays(t *testing.T) {
	e := start(t, nil)
	tok := visitor(t)
	for name, q := range map[string]request{
		"query":         with(tok),
		"subprotocol":   {protocols: []string{"eclipse.v1", "bearer." + tok}},
		"authorization": {header: http.Header{"Authorization": {"Bearer " + tok}}},
	} {
		t.Run(name, func(t *testing.T) {
			ws, res, err := e.dial(q)
			if err != nil {
				t.Fatal(err)
			}
			send(t, ws, say("hi"))
			expect(t, ws, "hi")
			want := ""
			if name == "subprotocol" {
				want = "eclipse.v1"
			}
			if got := res.Header.Get("Sec-WebSocket-Protocol"); got != want {
				t.Errorf("subprotocol %q echoed, want %q", got, want)
			}
			if r := e.router.request(); r.V1 != (name == "subprotocol") || r.Identity.ChatID != "chat-1" || r.Identity.UserID != "anon_1" {
				t.Errorf("request %+v", r)
			}
		})
	}
}

func TestPartTwoClients(t *testing.T) {
	e := start(t, nil)
	opened := 0
	for query, want := range map[string]struct {
		v1     bool
		resume string
	}{
		"":                   {false, "<nil>"},
		"v=2":                {false, "<nil>"},
		"v=1":                {true, "<nil>"},
		"epoch=e1":           {false, "<nil>"},
		"epoch=e1&offset=7":  {true, "&{e1 7}"},
		"epoch=e1&offset=-7": {true, "<nil>"},
		"epoch=e1&offset=99999999999999999999999":   {true, "<nil>"},
		"offset=7&epoch=" + strings.Repeat("e", 65): {true, "<nil>"},
	} {
		q, _ := url.ParseQuery(query)
		q.Set("token", visitor(t))
		if _, _, err := e.dial(request{query: q}); err != nil {
			t.Fatal(err)
		}
		opened++
		eventually(t, "connected", func() bool { return e.router.count() == opened })
		r := e.router.request()
		if got := fmt.Sprint(r.Resume); r.V1 != want.v1 || got != want.resume {
			t.Errorf("%s: v1 %v resume %s, want %+v", query, r.V1, got, want)
		}
	}
}

func TestBadTokensAreTold(t *testing.T) {
	e := start(t, func(o *Options, _ *fakeRouter) { o.HoldStep, o.HoldMax = time.Millisecond, time.Millisecond })
	expired := mint(t, token.Claims{UserID: "u", ChatID: "c", ExpiresAt: time.Now().Add(-time.Hour)})
	foreign, _ := token.Mint("another-secret-that-has-over-32-bytes", token.Claims{UserID: "u", ChatID: "c"}, time.Now())
	for _, c := range []struct {
		token, reason string
		code          int
	}{
		{"", "Missing authentication token", 4001},
		{expired, "Token expired", 4002},
		{foreign, "Invalid token", 4002},
		{strings.Repeat("x", 5000), "Invalid token", 4002},
		{mint(t, token.Claims{ChatID: "c"}), "Invalid token payload: missing userId or chatId", 4002},
	} {
		ws, _, err := e.dial(with(c.token))
		if err != nil {
			t.Fatal(err)
		}
		expectClose(t, ws, c.code, c.reason)
	}
	eventually(t, "closes counted", func() bool { return e.metric(`eclipse_closes_total{code="4002"} 4`) })
	if !e.metric(`eclipse_bad_tokens_total{reason="expired"} 1`) || e.router.last() != nil {
		t.Error("not counted, or a session was opened")
	}
}

func TestRepeatedBadTokenIsHeld(t *testing.T) {
	e := start(t, func(o *Options, _ *fakeRouter) { o.HoldStep, o.HoldMax = 150*time.Millisecond, 10*time.Second })
	took := func() time.Duration {
		ws, _, err := e.dial(request{})
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		expectClose(t, ws, 4001, "")
		return time.Since(begun)
	}
	took()
	if d := took(); d < 140*time.Millisecond {
		t.Errorf("second held for %v", d)
	}
	if d := took(); d < 290*time.Millisecond {
		t.Errorf("third held for %v", d)
	}
	ws := e.open() // a good token from the same address is not held
	send(t, ws, say("hi"))
	expect(t, ws, "hi")
}

func TestRefusedBeforeTheUpgrade(t *testing.T) {
	t.Run("draining", func(t *testing.T) {
		e := start(t, nil)
		old := e.open()
		e.Drain(7 * time.Second)
		_, res, err := e.dial(with(visitor(t)))
		refused(t, res, err, http.StatusServiceUnavailable)
		if res.Header.Get("Retry-After") != "7" {
			t.Errorf("Retry-After %q", res.Header.Get("Retry-After"))
		}
		send(t, old, say("still here"))
		expect(t, old, "still here")
	})
	t.Run("origin", func(t *testing.T) {
		e := start(t, func(o *Options, _ *fakeRouter) { o.AllowedOrigins = []string{"https://shop.example"} })
		q := with(visitor(t))
		q.header = http.Header{"Origin": {"https://evil.example"}}
		_, res, err := e.dial(q)
		refused(t, res, err, http.StatusForbidden)
		q.header.Set("Origin", "https://shop.example")
		if _, _, err := e.dial(q); err != nil {
			t.Error(err)
		}
		e.open() // no browser, no origin
	})
	t.Run("total", func(t *testing.T) {
		e := start(t, func(o *Options, _ *fakeRouter) { o.MaxSockets = 1 })
		first := e.open()
		_, res, err := e.dial(with(visitor(t)))
		refused(t, res, err, http.StatusServiceUnavailable)
		_ = first.Close()
		eventually(t, "room again", func() bool { _, _, err := e.dial(with(visitor(t))); return err == nil })
	})
	t.Run("user", func(t *testing.T) {
		e := start(t, func(o *Options, _ *fakeRouter) { o.MaxSocketsPerUser = 1 })
		e.open()
		_, res, err := e.dial(with(visitor(t)))
		refused(t, res, err, http.StatusServiceUnavailable)
		if _, _, err := e.dial(with(mint(t, token.Claims{UserID: "other", ChatID: "chat-1"}))); err != nil {
			t.Error(err)
		}
	})
	t.Run("address", func(t *testing.T) {
		e := start(t, func(o *Options, _ *fakeRouter) { o.MaxSocketsPerIP = 1 })
		e.open()
		q := with(visitor(t))
		q.header = http.Header{"Fly-Client-Ip": {"203.0.113.9"}, "X-Forwarded-For": {"203.0.113.9"}} // forged: no Fly here
		_, res, err := e.dial(q)
		refused(t, res, err, http.StatusServiceUnavailable)
		if !e.metric(`eclipse_upgrades_total{outcome="limit_address"} 1`) {
			t.Error("not counted")
		}
	})
	t.Run("address behind Fly", func(t *testing.T) {
		e := start(t, func(o *Options, _ *fakeRouter) { o.MaxSocketsPerIP, o.TrustFlyClientIP = 1, true })
		for _, ip := range []string{"203.0.113.9", "203.0.113.10", "2001:db8:1:1::1"} {
			q := with(visitor(t))
			q.header = http.Header{"Fly-Client-Ip": {ip}}
			if _, _, err := e.dial(q); err != nil {
				t.Fatal(err)
			}
		}
		q := with(visitor(t))
		q.header = http.Header{"Fly-Client-Ip": {"2001:db8:1:1::2"}} // the same network
		_, res, err := e.dial(q)
		refused(t, res, err, http.StatusServiceUnavailable)
	})
}

func TestBadHandshakes(t *testing.T) {
	e := start(t, nil)
	const good = "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	for _, c := range []struct {
		old, new string
		status   int
	}{
		{"GET", "POST", http.StatusMethodNotAllowed},
		{"Version: 13", "Version: 8", http.StatusBadRequest},
		{"dGhlIHNhbXBsZSBub25jZQ==", "short", http.StatusBadRequest},
		{"Host: x", "Host: x\r\nX: " + strings.Repeat("x", 30<<10), http.StatusRequestHeaderFieldsTooLarge},
	} {
		conn, err := net.Dial("tcp", e.address)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, strings.Replace(good, c.old, c.new, 1))
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || res.StatusCode != c.status {
			t.Errorf("%.20q: %v %v, want %d", c.new, res, err, c.status)
		}
		_ = conn.Close()
	}
	if !e.metric(`eclipse_upgrades_total{outcome="bad_request"} 3`) {
		t.Error("not counted")
	}
	eventually(t, "all released", func() bool { return e.sockets() == 0 })
}

func (s *Server) sockets() (n int) {
	s.limits.each(func(*socket) { n++ })
	return n
}

// Over TLS the descriptor is out of reach; everything works all the same.
func TestTLS(t *testing.T) {
	e := start(t, nil)
	ts := httptest.NewUnstartedServer(e.Server)
	ts.StartTLS()
	defer ts.Close()
	d := websocket.Dialer{TLSClientConfig: ts.Client().Transport.(*http.Transport).TLSClientConfig}
	ws, _, err := d.Dial("wss://"+ts.Listener.Addr().String()+"/?token="+visitor(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	for range 3 {
		send(t, ws, say("secretly"))
		expect(t, ws, "secretly")
	}
	e.router.last().Close(1012, "")
	expectClose(t, ws, 1012, "")
	_ = ws.Close()
	eventually(t, "released", func() bool { return e.sockets() == 0 })
}

func TestSessionThatCannotOpen(t *testing.T) {
	e := start(t, func(_ *Options, r *fakeRouter) { r.fail = errors.New("no") })
	expectClose(t, e.open(), 4000, "Internal error")
	eventually(t, "released", func() bool { return e.sockets() == 0 })
}

func TestHijackedConnectionSendsEarly(t *testing.T) {
	e := start(t, nil)
	conn, err := net.Dial("tcp", e.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /?token=%s HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\x81\x80early", visitor(t))
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	if b, err := io.ReadAll(conn); len(b) > 0 {
		t.Errorf("answered %q, %v", b, err)
	}
	eventually(t, "released", func() bool { return e.sockets() == 0 && e.metric(`eclipse_upgrades_total{outcome="failed"} 1`) })
}
