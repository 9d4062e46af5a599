package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"eclipse/internal/wire"
)

func TestSessionSaysGoodbye(t *testing.T) {
	e := start(t, nil)
	ws := e.open()
	eventually(t, "connected", func() bool { return e.router.last() != nil })
	f := e.router.last()
	f.Close(wire.CloseTokenExpired, "Token expired")
	expectClose(t, ws, 4003, "Token expired")
	<-f.gone
	_ = ws.Close()
	eventually(t, "released", func() bool { return e.sockets() == 0 && e.metric(`eclipse_closes_total{code="4003"} 1`) })
}

func TestGoodbyeToADeafPeerEnds(t *testing.T) {
	e := start(t, func(o *Options, _ *fakeRouter) { o.LingerTimeout = 100 * time.Millisecond })
	ws := e.open() // never reads
	eventually(t, "connected", func() bool { return e.router.last() != nil })
	e.router.last().Close(wire.CloseRestart, "")
	eventually(t, "released", func() bool { return e.sockets() == 0 })
	_ = ws
}

func TestCloseEndsEverything(t *testing.T) {
	e := start(t, func(o *Options, _ *fakeRouter) { o.HoldStep = time.Hour; o.HoldMax = time.Hour })
	ws, deaf := e.open(), e.open()
	eventually(t, "connected", func() bool { return e.router.count() == 2 })
	first, _, _ := e.dial(request{})
	expectClose(t, first, 4001, "")
	held, _, err := e.dial(request{})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "held", func() bool { return e.metric("eclipse_held_sockets 1") })
	done := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		done <- e.Close(ctx)
	}()
	expectClose(t, ws, 1001, "")
	expectClose(t, held, 4001, "")
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := e.sockets(); n != 0 {
		t.Errorf("%d sockets left", n)
	}
	_ = deaf
}

func TestCloseGivesUpWithItsContext(t *testing.T) {
	arrived := make(chan struct{})
	e := start(t, func(o *Options, _ *fakeRouter) {
		o.Handlers = map[string]http.Handler{"/slow": http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(arrived)
			<-r.Context().Done()
		})}
	})
	go func() {
		if res, err := http.Get("http://" + e.address + "/slow"); err == nil {
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
	}()
	<-arrived
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if err := e.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Close: %v", err)
	}
	http.DefaultClient.CloseIdleConnections()
}

func status(t *testing.T, e *edge, path string) int {
	t.Helper()
	res, err := http.Get("http://" + e.address + path)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}
