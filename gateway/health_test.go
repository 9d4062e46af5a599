package gateway

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"eclipse/actors"
	"eclipse/internal/metrics"
)

func TestHealthPage(t *testing.T) {
	e := start(t, func(_ *Options, r *fakeRouter) {
		r.status = actors.Status{Connections: 3, Chats: []actors.ChatCount{{ChatID: "clxyz0123456789", Count: 2}, {ChatID: "short", Count: 1}}}
	})
	for _, path := range []string{"/health", "/"} {
		res, err := http.Get("http://" + e.address + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != 200 || res.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %v", path, res)
		}
		var page map[string]any
		if err := json.Unmarshal(body, &page); err != nil {
			t.Fatal(err)
		}
		if page["status"] != "healthy" || page["uptime"] == nil || page["timestamp"] == nil || len(page) != 5 {
			t.Errorf("page %s", body)
		}
		if !strings.Contains(string(body), `"connections":{"total":3,"byChat":[{"chatId":"clxyz012...","count":2},{"chatId":"short...","count":1}]}`) {
			t.Errorf("page %s", body)
		}
		if m, ok := page["memory"].(map[string]any); !ok || m["total"].(float64) <= 0 || m["percentage"].(float64) > 100 || m["used"] == nil {
			t.Errorf("memory %v", page["memory"])
		}
	}
	if n := e.router.asked.Load(); n > 2 {
		t.Errorf("router asked %d times", n)
	}
}

func TestDegradedIsToldAndServed(t *testing.T) {
	e := start(t, func(_ *Options, r *fakeRouter) { r.status.Degraded = []string{"redis: away"} })
	res, err := http.Get("http://" + e.address + "/health")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, _ := io.ReadAll(res.Body); res.StatusCode != 200 || !strings.HasPrefix(string(body), `{"status":"degraded"`) || strings.Contains(string(body), "redis") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	if status(t, e, "/ready") != 200 {
		t.Error("an outage makes the instance unready")
	}
	e.Drain(0)
	if status(t, e, "/ready") != 503 || status(t, e, "/health") != 200 {
		t.Error("draining")
	}
}

func TestRoutes(t *testing.T) {
	says := func(text string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) })
	}
	plain := start(t, nil)
	if status(t, plain, "/nothing") != 404 {
		t.Error("no 404")
	}
	e := start(t, func(o *Options, _ *fakeRouter) {
		o.Demo, o.Fallback = says("demo"), says("fallback")
		o.Handlers = map[string]http.Handler{"GET /widget.js": says("widget")}
	})
	for path, want := range map[string]string{"/": "demo", "/widget.js": "widget", "/else": "fallback"} {
		res, err := http.Get("http://" + e.address + path)
		if err != nil {
			t.Fatal(err)
		}
		if body, _ := io.ReadAll(res.Body); string(body) != want {
			t.Errorf("%s: %s", path, body)
		}
		_ = res.Body.Close()
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestOps(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- ServeOps(ctx, l, metrics.New().Handler(), slog.New(slog.DiscardHandler)) }()
	for path, part := range map[string]string{"/metrics": "eclipse_connections 0", "/debug/pprof/goroutine?debug=1": "goroutine profile"} {
		res, err := http.Get("http://" + l.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		if body, _ := io.ReadAll(res.Body); !strings.Contains(string(body), part) {
			t.Errorf("%s: %.100s", path, body)
		}
		_ = res.Body.Close()
	}
	http.DefaultClient.CloseIdleConnections()
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}
