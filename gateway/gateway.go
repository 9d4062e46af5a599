package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"eclipse/actors"
	"eclipse/internal/metrics"
	"eclipse/internal/token"
	"eclipse/internal/wire"
	"eclipse/internal/workers"
)

// Options of a Server. Router and Verifier are required; for the rest the zero value means the default. Limits on
// sockets and frames are off at zero.
type Options struct {
	Router   actors.GatewayRouter
	Verifier *token.Verifier
	Metrics  *metrics.Metrics // default: a registry that nobody reads
	Log      *slog.Logger     // default: none

	AllowedOrigins    []string      // scheme://host[:port]; empty or "*" = any. A request without Origin is always let in
	TrustFlyClientIP  bool          // take the visitor's address from Fly-Client-IP; only behind Fly's proxy
	MaxSockets        int           // open sockets in all
	MaxSocketsPerIP   int           // per IPv4 address or IPv6 /64
	MaxSocketsPerUser int           // per userId of the token
	RateLimit         float64       // frames per second and socket, with a burst of four times that
	MaxFrame          int           // bytes of one message, default 64 KiB
	MaxContent        int           // characters of a message's content, default 16,000
	PingInterval      time.Duration // default 25 s
	PongTimeout       time.Duration // less than PingInterval, default 10 s
	FrameTimeout      time.Duration // from a frame's first byte to its last, default 30 s
	HoldStep          time.Duration // first hold of a socket whose address repeats a bad token, default 1 s
	HoldMax           time.Duration // longest hold, default 10 s
	LingerTimeout     time.Duration // wait for the peer's close after ours, default 3 s

	Demo     http.Handler            // GET /, default: the health page
	Handlers map[string]http.Handler // by pattern of http.ServeMux
	Fallback http.Handler            // every other path, default: 404 as JSON
}

const (
	headerTimeout  = 10 * time.Second // for a request's header
	requestTimeout = 30 * time.Second // for a whole request, and for its answer
	idleTimeout    = 60 * time.Second // between two requests of one connection
	maxHeader      = 16 << 10         // bytes; a token has at most 4 KiB

	connectTimeout = 5 * time.Second  // for the actors to open a session
	limitRetry     = 10 * time.Second // Retry-After of a refusal by a limit
	goodbyeTimeout = time.Second      // for the goodbyes in Close
)

// maxIdleWorkers is how many goroutines that read are kept without a socket to read. Where a socket has a goroutine of its own, that one
// only waits, so its stack stays at the smallest size: one that has once been deep is never given back to that size.
const maxIdleWorkers = 16

// Server is the edge. Make it with New, and end it with Close even when it never served.
type Server struct {
	opts     Options
	log      *slog.Logger
	metrics  *metrics.Metrics
	origins  origins
	limits   *limits
	holds    *holds
	pulse    *pulse
	readers  *readers
	workers  *workers.Pool[*socket] // they read what has arrived
	watcher  *watcher
	health   *health
	upgrader websocket.Upgrader
	mux      *http.ServeMux
	http     *http.Server

	draining   atomic.Bool
	retryAfter atomic.Int64 // seconds, while draining
}

// New makes a server and starts its heartbeat.
func New(o Options) (*Server, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	s := &Server{
		opts:    o,
		log:     o.Log,
		metrics: o.Metrics,
		origins: newOrigins(o.AllowedOrigins),
		limits:  newLimits(o.MaxSockets, o.MaxSocketsPerIP, o.MaxSocketsPerUser),
		holds:   newHolds(o.HoldStep, o.HoldMax, o.Metrics.HeldSockets),
		pulse:   newPulse(o.PingInterval, o.PongTimeout),
		readers: newReaders(o.MaxFrame),
		workers: workers.New(maxIdleWorkers, (*socket).serve),
		watcher: newWatcher(),
		health:  newHealth(o.Router),
	}
	s.upgrader = newUpgrader()
	s.mux = s.routes()
	s.http = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       requestTimeout,
		WriteTimeout:      requestTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn),
	}
	go s.pulse.run()
	return s, nil
}

// complete fills in the defaults and tells every fault at once.
func (o *Options) complete() error {
	var faults []error
	if o.Router == nil {
		faults = append(faults, errors.New("gateway: no Router"))
	}
	if o.Verifier == nil {
		faults = append(faults, errors.New("gateway: no Verifier"))
	}
	if o.Metrics == nil {
		o.Metrics = metrics.New()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	orDefault(&o.MaxFrame, wire.DefaultMaxFrame)
	orDefault(&o.MaxContent, wire.DefaultMaxContent)
	orDefault(&o.PingInterval, 25*time.Second)
	orDefault(&o.PongTimeout, 10*time.Second)
	orDefault(&o.FrameTimeout, 30*time.Second)
	orDefault(&o.HoldStep, time.Second)
	orDefault(&o.HoldMax, 10*time.Second)
	orDefault(&o.LingerTimeout, 3*time.Second)
	if o.PingInterval < beats*time.Millisecond {
		faults = append(faults, fmt.Errorf("gateway: PingInterval must be at least %v", beats*time.Millisecond))
	}
	if o.PongTimeout >= o.PingInterval {
		faults = append(faults, errors.New("gateway: PongTimeout must be less than PingInterval"))
	}
	if o.MaxSockets < 0 || o.MaxSocketsPerIP < 0 || o.MaxSocketsPerUser < 0 || o.RateLimit < 0 {
		faults = append(faults, errors.New("gateway: a limit is negative"))
	}
	return errors.Join(faults...)
}

func orDefault[T int | time.Duration](v *T, def T) {
	if *v <= 0 {
		*v = def
	}
}

// Serve answers a listener until ctx ends or the server is closed (both nil) or the listener fails. It closes the
// listener. Sockets outlive ctx: only Close ends them. It may be called for several listeners.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() { _ = s.http.Close() })
	defer stop()
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// ServeHTTP answers one request: any path with a WebSocket upgrade is a socket.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if websocket.IsWebSocketUpgrade(r) {
		s.accept(w, r)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// Drain makes the instance unready and refuses new sockets with 503; retryAfter (at least a second) is what refused ones are told.
// Open sockets stay: the router says goodbye to them. It returns at once and cannot be undone.
func (s *Server) Drain(retryAfter time.Duration) {
	s.retryAfter.Store(int64(max(retryAfter, time.Second).Round(time.Second) / time.Second))
	s.draining.Store(true)
}

// Close drains, closes the listeners, waits for requests in flight, says goodbye (1001) to the sockets that are left and waits for
// them to end. Sockets that do not go within a second, or when ctx ends, are cut. The error is ctx's, when it ended before everything did.
func (s *Server) Close(ctx context.Context) error {
	s.Drain(time.Second)
	s.limits.close()
	err := s.http.Shutdown(ctx)
	if err != nil {
		_ = s.http.Close()
	}
	s.holds.flush()
	gone := s.limits.empty()
	for _, sock := range s.pulse.close() {
		sock.session.Close(wire.CloseGoingAway, wire.CloseGoingAway.Reason())
	}
	goodbye, cancel := context.WithTimeout(ctx, goodbyeTimeout)
	defer cancel()
	select {
	case <-gone:
	case <-goodbye.Done():
		s.limits.each((*socket).drop)
	}
	defer s.workers.Close()
	defer s.watcher.close()
	select {
	case <-gone:
		return err
	case <-ctx.Done():
		return errors.Join(err, context.Cause(ctx))
	}
}
