package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"eclipse/internal/token"
)

// opening says how to open a socket. The zero value of what is not named is an old client of an authenticated user.
type opening struct {
	chat, user string // a user anon_… is anonymous
	role       string // role claim
	v1         bool   // a part-2 client, with the token as a subprotocol
	lives      time.Duration
	epoch      string // resume from here, with offset
	offset     uint64
	token      string      // instead of a minted one; "-" = none
	query      string      // added to the query
	header     http.Header // added to the handshake
	small      bool        // a small receive buffer, for readers that are slow on purpose
}

var addresses atomic.Uint32

// mint makes the token that an opening asks for.
func (o opening) mint(t testing.TB) string {
	t.Helper()
	if o.token != "" {
		return strings.TrimPrefix(o.token, "-")
	}
	lives := o.lives
	if lives == 0 {
		lives = token.Lifetime
	}
	now := time.Now()
	signed, err := token.Mint(jwtSecret, token.Claims{
		UserID: o.user, ChatID: o.chat, Role: o.role, ExpiresAt: now.Add(lives),
		Authenticated: !strings.HasPrefix(o.user, "anon_"),
	}, now)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// request is the URL and header of the handshake. Each client has an address of its own, unless the opening names one.
func (o opening) request(t testing.TB, r *Router) (string, http.Header, []string) {
	query, header, protocols := url.Values{}, http.Header{}, []string(nil)
	n := addresses.Add(1)
	header.Set("Fly-Client-IP", fmt.Sprintf("10.%d.%d.%d", n>>16, n>>8&0xff, n&0xff))
	for name, values := range o.header {
		header[name] = values
	}
	switch signed := o.mint(t); {
	case o.v1:
		protocols = []string{"eclipse.v1", "bearer." + signed}
	case signed != "":
		query.Set("token", signed)
	}
	if o.epoch != "" {
		query.Set("epoch", o.epoch)
		query.Set("offset", fmt.Sprint(o.offset))
	}
	target := strings.Replace(r.URL, "http", "ws", 1) + "/ws?" + query.Encode()
	if o.query != "" {
		target += "&" + o.query
	}
	return target, header, protocols
}

// try opens a socket; the response is that of a refused handshake.
func (o opening) try(t testing.TB, r *Router) (*Client, *http.Response, error) {
	t.Helper()
	target, header, protocols := o.request(t, r)
	dialer := websocket.Dialer{HandshakeTimeout: patience, Subprotocols: protocols}
	if o.small {
		dialer.NetDialContext = dialSmall
	}
	conn, response, err := dialer.Dial(target, header)
	if err != nil {
		return nil, response, err
	}
	c := &Client{t: t, how: o, conn: conn, changed: make(chan struct{})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.read()
	}()
	t.Cleanup(func() {
		conn.Close()
		<-done
		c.check()
	})
	return c, response, nil
}

func dialSmall(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err == nil {
		err = conn.(*net.TCPConn).SetReadBuffer(64 << 10)
	}
	return conn, err
}

// open opens a socket, whatever the router then thinks of its token.
func (r *Router) open(t testing.TB, o opening) *Client {
	t.Helper()
	c, _, err := o.try(t, r)
	if err != nil {
		t.Fatalf("opening a socket: %v", err)
	}
	return c
}

// dial opens a socket and waits for its first frame, which is always connected.
func (r *Router) dial(t testing.TB, o opening) *Client {
	t.Helper()
	c := r.open(t, o)
	if first := c.next(""); first.typ() != "connected" {
		t.Fatalf("the first frame is %v", first)
	}
	return c
}

// old opens a socket as the existing page does; v1 as a part-2 client does.
func (r *Router) old(t testing.TB, chat, user string) *Client {
	t.Helper()
	return r.dial(t, opening{chat: chat, user: user})
}

func (r *Router) v1(t testing.TB, chat, user string) *Client {
	t.Helper()
	return r.dial(t, opening{chat: chat, user: user, v1: true})
}
