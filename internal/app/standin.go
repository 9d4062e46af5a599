package app

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"eclipse/gateway"
	"eclipse/internal/config"
	"eclipse/internal/standin"
	"eclipse/web"
)

// standinServer is the embedded API on a port of its own.
type standinServer struct {
	api      *standin.Server
	http     *http.Server
	listener net.Listener
	done     chan struct{}
}

func startStandin(path string, cfg *config.Config, log *slog.Logger) (*standinServer, error) {
	api, err := standin.Open(standin.Options{
		Path: path, InternalSecret: cfg.InternalAPISecret.Reveal(), JWTSecret: cfg.JWTSecret.Reveal(), Logger: log,
	})
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, api.Close())
	}
	s := &standinServer{
		api: api, listener: l, done: make(chan struct{}),
		http: &http.Server{Handler: api.Handler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute},
	}
	go func() {
		defer close(s.done)
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the embedded API stopped", "error", err)
		}
	}()
	return s, nil
}

func (s *standinServer) url() string { return "http://" + s.listener.Addr().String() }

// close comes after the router, its only client, has gone, so no request is waited for. A graceful end would wait 5 s for
// each connection that the client opened ahead of a request and never used.
func (s *standinServer) close() error {
	err := s.http.Close()
	<-s.done
	return errors.Join(err, s.api.Close())
}

// addPages serves the widget always, and the demo with the browser's routes of the stand-in where there is one.
func (a *App) addPages(o *gateway.Options) {
	demo := a.standin != nil && !a.cfg.Production()
	pages := web.Handler(web.Options{Demo: demo})
	o.Handlers = make(map[string]http.Handler)
	for _, pattern := range web.Patterns(web.Options{Demo: demo}) {
		if pattern == "/{$}" {
			o.Demo = pages
			continue
		}
		o.Handlers[pattern] = pages
	}
	if demo {
		o.Handlers["/api/"] = a.standin.api.BrowserHandler()
	}
}
