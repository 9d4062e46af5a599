// Package app wires the router's parts into one value that main, and a test, can start and stop. It blocks in Run only.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"eclipse/actors"
	"eclipse/gateway"
	"eclipse/internal/chatlog"
	"eclipse/internal/config"
	"eclipse/internal/metrics"
	"eclipse/internal/nextapi"
	"eclipse/internal/token"
)

// Options of an App.
type Options struct {
	Log     *slog.Logger
	Out     io.Writer // where to look is printed here
	Version string
}

// App is a router with all its parts. Make it with New and end it through Run's context.
type App struct {
	cfg     config.Config
	log     *slog.Logger
	out     io.Writer
	metrics *metrics.Metrics

	store   store
	standin *standinServer // nil when a real API is configured
	router  *actors.Router
	gateway *gateway.Server
	sockets net.Listener
	ops     net.Listener
}

// store is the ordered log with its outbox and bus: on Redis, or in a file of a router that runs alone.
type store interface {
	chatlog.Log
	chatlog.Outbox
	chatlog.Bus
}

// Addr is where sockets and health are served; MetricsAddr where metrics are.
func (a *App) Addr() string        { return a.sockets.Addr().String() }
func (a *App) MetricsAddr() string { return a.ops.Addr().String() }

// New starts everything but serving: it listens, opens the database of the stand-in and spawns the actors. What it
// started is stopped again when it fails.
func New(cfg config.Config, o Options) (a *App, err error) {
	a = &App{cfg: cfg, log: o.Log, out: o.Out, metrics: metrics.New()}
	a.metrics.Version(o.Version)
	started := a // a is nil where New fails
	defer func() {
		if err != nil {
			started.release()
		}
	}()
	for _, warning := range cfg.Warnings() {
		a.log.Warn(warning)
	}
	if !cfg.Production() {
		if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
			return nil, fmt.Errorf("making DATA_DIR: %w", err)
		}
		if err := a.cfg.GenerateSecrets(); err != nil {
			return nil, fmt.Errorf("generating secrets: %w", err)
		}
	}
	if a.sockets, err = net.Listen("tcp", cfg.Addr()); err != nil {
		return nil, fmt.Errorf("listening for sockets: %w", err)
	}
	if a.ops, err = net.Listen("tcp", cfg.MetricsAddr()); err != nil {
		return nil, fmt.Errorf("listening for metrics: %w", err)
	}
	if a.store, err = openStore(&a.cfg, a.log); err != nil {
		return nil, err
	}
	api, err := a.openAPI()
	if err != nil {
		return nil, err
	}
	a.router = actors.Start(a.actorConfig(), actors.Deps{Log: a.store, Outbox: a.store, Bus: a.store, API: api, Metrics: a.metrics, Logger: a.log})
	if a.gateway, err = gateway.New(a.gatewayOptions()); err != nil {
		return nil, err
	}
	return a, nil
}

func openStore(cfg *config.Config, log *slog.Logger) (store, error) {
	o := chatlog.Options{Window: cfg.LogWindow}
	if cfg.Redis() == "" {
		return openDisk(cfg.LogFile(), o, log)
	}
	r, err := chatlog.NewRedis(chatlog.RedisOptions{URL: cfg.Redis().Reveal(), Options: o, ClientName: "eclipse", Logger: log})
	if err != nil {
		return nil, fmt.Errorf("opening Redis: %w", err)
	}
	go warnOfEviction(r, log)
	return r, nil
}

func openDisk(path string, o chatlog.Options, log *slog.Logger) (store, error) {
	d, err := chatlog.OpenDisk(path, o, log)
	if errors.Is(err, chatlog.ErrInUse) {
		return nil, fmt.Errorf("%w; stop it, or set DATA_DIR to another directory", err)
	}
	if err != nil {
		return nil, fmt.Errorf("the log of a router without Redis: %w", err)
	}
	return d, nil
}

// warnOfEviction asks Redis whether it may throw the log away when memory runs out.
func warnOfEviction(r *chatlog.Redis, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if policy, evicting, err := r.Evicting(ctx); err == nil && evicting {
		log.Warn("Redis evicts keys when memory runs out, which loses the order of chats; set maxmemory-policy to noeviction", "policy", policy)
	}
}

// openAPI reaches the Next.js API, or the stand-in over HTTP exactly as it reaches the real one.
func (a *App) openAPI() (*nextapi.Client, error) {
	url := a.cfg.NextAPIURL
	if url == "" {
		s, err := startStandin(filepath.Join(a.cfg.DataDir, "standin.db"), &a.cfg, a.log)
		if err != nil {
			return nil, fmt.Errorf("starting the embedded API: %w", err)
		}
		a.standin, url = s, s.url()
	}
	client, err := nextapi.New(nextapi.Options{
		BaseURL: url, Secret: a.cfg.InternalAPISecret.Reveal(), Timeout: a.cfg.SaveTimeout,
		MaxConnsPerHost: actors.MaxAPICalls(a.cfg.APIConcurrency) + 16, // look-ups of users run beside the saves
	})
	if err != nil {
		return nil, fmt.Errorf("NEXT_API_URL: %w", err)
	}
	return client, nil
}

func (a *App) actorConfig() actors.Config {
	c := actors.Config{
		MaxQueueBytes: a.cfg.MaxQueueBytes, BatchMax: a.cfg.BatchMax, APIConcurrency: a.cfg.APIConcurrency,
		SaveTimeout: a.cfg.SaveTimeout, SavePatience: a.cfg.SavePatience,
		ReplayAge: a.cfg.ReplayAge, ReplayMax: a.cfg.ReplayMax,
		Live: a.cfg.Delivery == config.Live, AcceptPatience: a.cfg.AcceptPatience,
	}
	if c.AcceptPatience == 0 {
		c.AcceptPatience = -1 // there 0 is the default
	}
	return c
}

func (a *App) gatewayOptions() gateway.Options {
	o := gateway.Options{
		Router: a.router, Verifier: token.NewVerifier(a.cfg.JWTSecrets(), 5*time.Second), Metrics: a.metrics, Log: a.log,
		AllowedOrigins: a.cfg.AllowedOrigins, TrustFlyClientIP: a.cfg.TrustFlyClientIP,
		MaxSockets: a.cfg.MaxConnections, MaxSocketsPerIP: a.cfg.MaxConnectionsPerIP, MaxSocketsPerUser: a.cfg.MaxConnectionsPerUser,
		RateLimit: float64(a.cfg.RateLimit), MaxFrame: a.cfg.MaxFrameBytes, MaxContent: a.cfg.MaxContentChars,
	}
	a.addPages(&o)
	return o
}

// Run serves until ctx ends, then drains: readiness off, no new sockets, clients are advised and closed over time, what
// was accepted is stored; all within DRAIN_TIMEOUT.
func (a *App) Run(ctx context.Context) error {
	serving, stop := context.WithCancel(context.Background())
	defer stop()
	go tuneGC(serving)
	go a.expireLetters(serving)
	failed := make(chan error, 2)
	go func() { failed <- a.gateway.Serve(serving, a.sockets) }()
	go func() { failed <- gateway.ServeOps(serving, a.ops, a.metrics.Handler(), a.log) }()
	a.announce()
	var err error
	select {
	case <-ctx.Done():
		a.drain()
	case err = <-failed:
	}
	stop()
	return errors.Join(err, a.release())
}

// drainSpread is how much of the drain's time is for closing sockets; the rest is for saves in flight.
const drainSpread = 0.6

func (a *App) drain() {
	timeout := a.cfg.DrainTimeout
	a.log.Info("going away", "within", timeout)
	a.gateway.Drain(timeout)
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	if err := a.router.Drain(ctx, time.Duration(float64(timeout)*drainSpread)); err != nil {
		a.log.Warn("the drain took too long; what was not stored had no acknowledgement", "error", err)
	}
}

// closeTimeout bounds each last step of going away.
const closeTimeout = 3 * time.Second

// release stops the parts in the order in which they depend on each other.
func (a *App) release() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	var errs []error
	closed := func(part string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("closing %s: %w", part, err))
		}
	}
	if a.gateway != nil {
		closed("the sockets", a.gateway.Close(ctx))
	}
	if a.router != nil {
		a.router.Close()
	}
	if a.standin != nil {
		closed("the embedded API", a.standin.close())
	}
	if a.store != nil {
		closed("the log", a.store.Close())
	}
	for _, l := range []net.Listener{a.sockets, a.ops} {
		if l != nil {
			_ = l.Close() // closed by its server where that ran
		}
	}
	return errors.Join(errs...)
}

// announce prints where to look.
func (a *App) announce() {
	if a.cfg.Production() {
		a.log.Info("ready", "address", a.Addr(), "metrics", a.MetricsAddr())
		return
	}
	fmt.Fprintf(a.out, "\n  Eclipse chat router\n\n")
	if a.cfg.JWTSecret != "" && a.standin != nil {
		fmt.Fprintf(a.out, "  Demo      http://%s/\n  Agents    http://%s/agents\n", a.Addr(), a.Addr())
	}
	fmt.Fprintf(a.out, "  Health    http://%s/health\n  Metrics   http://%s/metrics\n\n", a.Addr(), a.MetricsAddr())
	if a.standin != nil {
		fmt.Fprintf(a.out, "  No NEXT_API_URL: an embedded API keeps messages in %s\n", a.cfg.DataDir)
	}
	if a.cfg.Redis() == "" {
		fmt.Fprintf(a.out, "  No REDIS_URL: this instance runs alone and keeps its log in %s\n", a.cfg.DataDir)
	}
	fmt.Fprintf(a.out, "\n")
}
