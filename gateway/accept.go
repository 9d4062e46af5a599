package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/gorilla/websocket"

	"eclipse/actors"
	"eclipse/internal/metrics"
	"eclipse/internal/token"
	"eclipse/internal/wire"
)

// accept judges a request to open a socket. Everything but the token is answered over plain HTTP, so that a browser
// backs off; the token is answered with a close code, which a page can read.
func (s *Server) accept(w http.ResponseWriter, r *http.Request) {
	if s.draining.Load() {
		s.refuse(w, metrics.UpgradeDraining)
		return
	}
	if !s.origins.allow(r) {
		s.refuse(w, metrics.UpgradeBadOrigin)
		return
	}
	o := readOpening(r)
	claims, fault := s.opts.Verifier.Verify(o.token, time.Now())
	sock := newSocket(s, visitorAddress(r, s.opts.TrustFlyClientIP))
	if fault == nil {
		sock.user = claims.UserID
	}
	if outcome := s.limits.admit(sock); outcome != metrics.UpgradeAccepted {
		s.refuse(w, outcome)
		return
	}
	if !s.upgrade(sock, w, r) {
		s.limits.release(sock)
		return
	}
	if fault != nil {
		s.hold(sock, fault)
		return
	}
	s.connect(sock, identity(claims), o)
}

// refuse answers over HTTP.
func (s *Server) refuse(w http.ResponseWriter, outcome metrics.UpgradeOutcome) {
	s.metrics.Upgrade(outcome)
	if outcome == metrics.UpgradeBadOrigin {
		writeError(w, http.StatusForbidden, "Origin not allowed")
		return
	}
	text, retry := "Too many connections", int64(limitRetry/time.Second)
	if outcome == metrics.UpgradeDraining {
		text, retry = "Restarting", max(1, s.retryAfter.Load())
	}
	w.Header().Set("Retry-After", strconv.FormatInt(retry, 10))
	writeError(w, http.StatusServiceUnavailable, text)
}

// newUpgrader answers bad handshakes in JSON.
func newUpgrader() websocket.Upgrader {
	return websocket.Upgrader{
		HandshakeTimeout: headerTimeout,
		Subprotocols:     []string{subprotocol},
		CheckOrigin:      func(*http.Request) bool { return true }, // judged before
		WriteBufferPool:  noBuffers{},
		Error: func(w http.ResponseWriter, _ *http.Request, status int, _ error) {
			if status == http.StatusMethodNotAllowed {
				w.Header().Set("Allow", http.MethodGet)
			}
			writeError(w, status, "Not a WebSocket handshake")
		},
	}
}

// upgrade shakes hands, and keeps nothing but the connection. On failure the request has been answered or its connection closed.
func (s *Server) upgrade(sock *socket, w http.ResponseWriter, r *http.Request) bool {
	ws, err := s.upgrader.Upgrade(w, r, nil)
	if err != nil {
		outcome := metrics.UpgradeFailed
		if _, answered := errors.AsType[websocket.HandshakeError](err); answered {
			outcome = metrics.UpgradeBadRequest
		}
		s.metrics.Upgrade(outcome)
		return false
	}
	s.metrics.Upgrade(metrics.UpgradeAccepted)
	sock.transport.take(ws.NetConn())
	return true
}

// connect opens a session and begins to read.
func (s *Server) connect(sock *socket, id actors.Identity, o opening) {
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	session, err := s.opts.Router.Connect(ctx, actors.ConnectRequest{Socket: sock, Identity: id, V1: o.v1, Resume: o.resume})
	if err != nil {
		s.log.Error("socket not connected", "chat", shortID(id.ChatID), "error", err)
		go sock.dismiss(wire.CloseInternal, wire.CloseInternal.Reason())
		return
	}
	sock.session = session
	sock.chatID = id.ChatID
	s.metrics.Connections.Inc()
	if !s.pulse.add(sock) { // closed meanwhile
		sock.drop()
	}
	sock.expire()
	sock.begin()
}

// hold closes a socket with a bad token, at once the first time, later and later as its address comes back with another.
func (s *Server) hold(sock *socket, fault error) {
	s.metrics.BadToken(tokenFault(fault))
	code, reason := token.CloseReason(fault)
	s.holds.hold(sock.address, func() { sock.dismiss(wire.CloseCode(code), reason) })
}

func identity(c token.Claims) actors.Identity {
	return actors.Identity{
		UserID: c.UserID, ChatID: c.ChatID, Authenticated: c.Authenticated,
		Role: wire.Role(c.Role), ExpiresAt: c.ExpiresAt,
	}
}

func tokenFault(err error) metrics.TokenFault {
	switch {
	case errors.Is(err, token.ErrMissing):
		return metrics.TokenMissing
	case errors.Is(err, token.ErrExpired):
		return metrics.TokenExpired
	case errors.Is(err, token.ErrPayload):
		return metrics.TokenPayload
	}
	return metrics.TokenInvalid
}

func writeError(w http.ResponseWriter, status int, text string) {
	writeJSON(w, status, map[string]string{"error": text})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the peer may be gone; there is nobody else to tell
}

// shortID is a chat's id as logs and the health page show it.
func shortID(id string) string {
	if len(id) <= 8 {
		return id
	}
	return id[:8]
}
