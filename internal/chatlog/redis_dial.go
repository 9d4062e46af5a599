package chatlog

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

const (
	// An idle connection is pinged this often, and dropped when nothing comes back for as long again: a silent server
	// is noticed within ten seconds.
	keepAlive  = 5 * time.Second
	pingWithin = 5 * time.Second

	connBuffer = 32 << 10 // bytes each way; the library's own default is sixteen times that
	ringScale  = 8        // 2^8 commands in flight per connection; a whole batch is one of them
)

// errNotYet is what the library's eager first dial gets, so that making a client neither blocks nor fails.
var errNotYet = errors.New("not dialed yet")

// dialer opens the connections of one client, and cuts them all at once: the library waits politely for a server's
// last answers, which a stopped one never gives.
type dialer struct {
	log    *slog.Logger
	armed  atomic.Bool
	closed context.Context // also interrupts a dial
	close  context.CancelFunc

	mu    sync.Mutex
	conns map[*cutConn]struct{}
}

// newClient makes a client that dials when it is first used, again after each break, and never after cut.
func newClient(o rueidis.ClientOption, log *slog.Logger) (rueidis.Client, *dialer, error) {
	d := &dialer{log: log, conns: make(map[*cutConn]struct{})}
	d.closed, d.close = context.WithCancel(context.Background())
	o.DialCtxFn = d.dial
	client, err := rueidis.NewClient(o)
	if client == nil {
		d.close()
		return nil, nil, err
	}
	d.armed.Store(true)
	return client, d, nil
}

func (d *dialer) dial(ctx context.Context, addr string, nd *net.Dialer, config *tls.Config) (net.Conn, error) {
	if !d.armed.Load() {
		return nil, errNotYet
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(d.closed, cancel)()
	conn, err := open(ctx, addr, nd, config)
	if err != nil {
		d.log.Debug("redis connection failed", "error", err)
		return nil, err
	}
	d.log.Info("redis connection opened")
	return d.track(conn)
}

func open(ctx context.Context, addr string, nd *net.Dialer, config *tls.Config) (net.Conn, error) {
	if config == nil {
		return nd.DialContext(ctx, "tcp", addr)
	}
	return (&tls.Dialer{NetDialer: nd, Config: config}).DialContext(ctx, "tcp", addr)
}

func (d *dialer) track(conn net.Conn) (net.Conn, error) {
	c := &cutConn{Conn: conn, dialer: d}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed.Err() != nil {
		c.abort()
		return nil, ErrClosed
	}
	d.conns[c] = struct{}{}
	return c, nil
}

// cut closes every connection, also one that is still shaking hands, and lets none be opened again.
func (d *dialer) cut() {
	d.close()
	d.mu.Lock()
	conns := d.conns
	d.conns = nil
	d.mu.Unlock()
	for c := range conns {
		c.abort()
	}
}

// cutConn forgets itself when it is closed.
type cutConn struct {
	net.Conn
	dialer *dialer
}

func (c *cutConn) Close() error {
	c.dialer.mu.Lock()
	delete(c.dialer.conns, c)
	c.dialer.mu.Unlock()
	return c.Conn.Close()
}

// abort closes below TLS, whose own Close may wait five seconds to say goodbye to a peer that does not read.
func (c *cutConn) abort() {
	if secure, ok := c.Conn.(*tls.Conn); ok {
		_ = secure.NetConn().Close()
		return
	}
	_ = c.Conn.Close()
}
