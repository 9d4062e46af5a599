package outage

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strconv"
	"sync"
	"time"

	"eclipse/internal/token"
	"eclipse/loadtest/internal/frames"
	"eclipse/loadtest/internal/ws"
)

// member is one client in a chat. It keeps a socket open to one of the routers, as a browser does.
type member struct {
	chat   *chat
	index  int
	user   string
	joined chan struct{} // closed by the first connected frame

	// The reader's.
	router int          // which it is connected to, or tries next
	place  frames.Place // the last one seen in the log

	mu   sync.Mutex // a sender's messages go out in the order of their numbers
	conn *ws.Conn   // nil while it is away
	buf  []byte
}

func newMember(c *chat, index int) *member {
	kind := "agent"
	if index == 0 {
		kind = "anon"
	}
	return &member{
		chat: c, index: index, user: fmt.Sprintf("%s_%08x_%d", kind, uint32(c.run.id), c.number),
		joined: make(chan struct{}), router: c.group.router(index),
	}
}

// live keeps the member connected until ctx ends. Behind a load balancer a router that is gone is not met again, so it
// tries the other one.
func (m *member) live(ctx context.Context) {
	for try := 0; ; try++ {
		conn, err := m.dial(ctx)
		if err == nil {
			err = m.converse(ctx, conn)
			try = 0
		}
		if ctx.Err() != nil {
			return
		}
		if !m.chat.run.killed.Load() || m.router != 0 {
			m.chat.run.ended(err)
		}
		m.router = 1 - m.router
		select {
		case <-time.After(backoff(try)):
		case <-ctx.Done():
			return
		}
	}
}

// backoff before a reconnect: full jitter over an exponential, as in the browser client.
func backoff(try int) time.Duration {
	return rand.N(min(30*time.Second, time.Second<<min(try, 5)))
}

func (m *member) dial(ctx context.Context) (*ws.Conn, error) {
	c := m.chat
	now := time.Now()
	t, err := token.Mint(c.run.cluster.Secret, token.Claims{
		UserID: m.user, ChatID: c.id(), Authenticated: m.index > 0, ExpiresAt: now.Add(24 * time.Hour), // longer than any run
	}, now)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(c.run.cluster.URLs[m.router])
	if err != nil {
		return nil, err
	}
	q := url.Values{"token": {t}}
	if m.place.Epoch != "" {
		q.Set("epoch", m.place.Epoch)
		q.Set("offset", strconv.FormatUint(m.place.Offset, 10))
	}
	u.RawQuery = q.Encode()
	return ws.Dial(ctx, u, ws.Options{Protocols: "eclipse.v1", Alert: true})
}

// converse reads until the socket ends, and returns why.
func (m *member) converse(ctx context.Context, conn *ws.Conn) error {
	defer context.AfterFunc(ctx, conn.CloseNow)()
	defer conn.CloseNow()
	err := conn.Read(func(p []byte) { m.handle(conn, p) })
	m.mu.Lock()
	defer m.mu.Unlock()
	m.conn = nil
	return err
}

func (m *member) handle(conn *ws.Conn, p []byte) {
	f := frames.Parse(p)
	switch f.Type {
	case frames.Connected:
		if m.place.Epoch == "" { // else what follows it is replayed first
			m.place = frames.PlaceOf(p)
		}
		m.join(conn)
	case frames.Message, frames.Resumed:
		if at := frames.PlaceOf(p); at.After(m.place) {
			m.place = at
		}
	}
	m.chat.hear(m.index, f)
}

// join sends what has no final answer, and from now on what comes.
func (m *member) join(conn *ws.Conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, seq := range m.chat.unanswered(m.index) {
		m.write(conn, seq)
	}
	m.conn = conn
	select {
	case <-m.joined:
	default:
		close(m.joined)
		m.chat.run.ledger.join()
	}
}

// say sends the member's next message, when it is back if it is away.
func (m *member) say(due time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if seq := m.chat.depart(m.index, due); m.conn != nil {
		m.write(m.conn, seq)
		m.chat.run.ledger.wrote(time.Since(due))
	}
}

// write sends a message. That it failed is seen by the reader.
func (m *member) write(conn *ws.Conn, seq uint32) {
	c := m.chat
	if c.group.types() {
		_ = conn.WriteText(frames.Typing(seq%2 == 1))
		return
	}
	role := "AGENT"
	if m.index == 0 {
		role = "USER"
	}
	tag := frames.Tag{Run: c.run.id, Chat: c.number, Sender: m.index, Seq: seq}
	m.buf = frames.AppendMessage(m.buf[:0], tag, role, c.run.plan.Size, true)
	_ = conn.WriteText(m.buf)
}

// endName is a short and bounded name for why a socket ended or did not open.
func endName(err error) string {
	var closed *ws.Closed
	var refused *ws.Refused
	switch {
	case errors.As(err, &closed):
		return strconv.Itoa(closed.Code)
	case errors.As(err, &refused):
		return refused.Error()
	}
	return "1006"
}
