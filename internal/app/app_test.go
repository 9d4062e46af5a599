package app

import (
	"context"
	"io"
	"log/slog"
	"net"
	"testing"

	"eclipse/internal/config"
)

// A connection to the embedded API that never carried a request, such as a client opens ahead of one, does not hold up the end.
func TestGoesWithAnUnusedConnection(t *testing.T) {
	cfg, err := config.Load([]string{"PORT=0", "METRICS_PORT=0", "DATA_DIR=" + t.TempDir(), "LOG_LEVEL=error", "DRAIN_TIMEOUT=2s"}, "")
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(cfg, Options{Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Out: io.Discard, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	unused, err := net.Dial("tcp", a.standin.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer unused.Close()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := a.Run(ctx); err != nil {
		t.Errorf("Run: %v", err)
	}
}
