package browser

import (
	"bufio"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"eclipse/internal/app"
	"eclipse/internal/browsertest"
	"eclipse/internal/config"
)

// router is the real one, in this process; it can be stopped and started again with the same port and data.
type router struct {
	t      *testing.T
	dir    string
	secret string   // signs tokens
	port   string   // "0" until the first start has taken one
	env    []string // further settings
	app    *app.App
	stop   context.CancelFunc
	done   chan error
}

func startRouter(t *testing.T, env ...string) *router {
	t.Helper()
	if browsertest.Executable() == "" {
		t.Skip("no Chromium on this machine")
	}
	r := &router{t: t, dir: t.TempDir(), secret: rand.Text() + rand.Text(), port: "0", env: env}
	r.start()
	t.Cleanup(r.end)
	return r
}

func (r *router) start() {
	r.t.Helper()
	cfg, err := config.Load(append([]string{
		"PORT=" + r.port, "METRICS_PORT=0", "DATA_DIR=" + r.dir, "JWT_SECRET=" + r.secret, "DRAIN_TIMEOUT=2s", "LOG_LEVEL=error",
	}, r.env...), "")
	if err != nil {
		r.t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(r.t.Output(), &slog.HandlerOptions{Level: cfg.LogLevel}))
	if r.app, err = app.New(cfg, app.Options{Log: log, Out: io.Discard, Version: "browser-test"}); err != nil {
		r.t.Fatal(err)
	}
	_, r.port, _ = strings.Cut(r.app.Addr(), ":")
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	r.stop, r.done = stop, done
	go func(a *app.App) { done <- a.Run(ctx) }(r.app)
}

// end drains the router and waits until it is gone.
func (r *router) end() {
	r.t.Helper()
	if r.stop == nil {
		return
	}
	r.stop()
	r.stop = nil
	if err := <-r.done; err != nil {
		r.t.Errorf("the router stopped with %v", err)
	}
}

func (r *router) url() string { return "http://" + r.app.Addr() }

func (r *router) host() string { return r.app.Addr() }

// metric reads one value without labels from the metrics page.
func (r *router) metric(name string) float64 {
	r.t.Helper()
	res, err := http.Get("http://" + r.app.MetricsAddr() + "/metrics")
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if text, found := strings.CutPrefix(lines.Text(), name+" "); found {
			v, err := strconv.ParseFloat(text, 64)
			if err != nil {
				r.t.Fatal(err)
			}
			return v
		}
	}
	r.t.Fatalf("no metric %s", name)
	return 0
}

func (r *router) get(path string, into any) {
	r.t.Helper()
	res, err := http.Get(r.url() + path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(into); err != nil || res.StatusCode != http.StatusOK {
		r.t.Fatalf("GET %s: %s, %v", path, res.Status, err)
	}
}

// row is a message in the database of the API's stand-in.
type row struct{ id, content string }

// rows reads a chat's messages from the database itself, in the order of storing.
func (r *router) rows(chat string) []row {
	r.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(filepath.Join(r.dir, "standin.db"))+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		r.t.Fatal(err)
	}
	defer db.Close()
	found, err := db.Query("SELECT id, content FROM messages WHERE chat_id = ? ORDER BY seq", chat)
	if err != nil {
		r.t.Fatal(err)
	}
	defer found.Close()
	var list []row
	for found.Next() {
		var m row
		if err := found.Scan(&m.id, &m.content); err != nil {
			r.t.Fatal(err)
		}
		list = append(list, m)
	}
	if err := found.Err(); err != nil {
		r.t.Fatal(err)
	}
	return list
}

// stored are the texts of a chat's messages, in the order of storing.
func (r *router) stored(chat string) []string {
	return fields(r.rows(chat), func(m row) string { return m.content })
}

// ids are the ids of a chat's messages, in the order of storing.
func (r *router) ids(chat string) []string {
	return fields(r.rows(chat), func(m row) string { return m.id })
}

func fields(rows []row, of func(row) string) []string {
	list := make([]string, len(rows))
	for i, m := range rows {
		list[i] = of(m)
	}
	return list
}

// newChat makes a chat as the widget does.
func (r *router) newChat() string {
	r.t.Helper()
	res, err := http.Post(r.url()+"/api/chats", "application/json", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	var chat struct{ ID string }
	if err := json.NewDecoder(res.Body).Decode(&chat); err != nil || chat.ID == "" {
		r.t.Fatalf("making a chat: %s, %v", res.Status, err)
	}
	return chat.ID
}

// tell lets somebody without a browser say something and waits until it is stored. As is agent or visitor.
func (r *router) tell(chat, as, name, text string) {
	r.t.Helper()
	var grant struct{ Token string }
	r.get("/api/ws/token?"+url.Values{"chatId": {chat}, "as": {as}, "name": {name}}.Encode(), &grant)
	dialer := websocket.Dialer{Subprotocols: []string{"eclipse.v1", "bearer." + grant.Token}}
	ws, _, err := dialer.Dial("ws://"+r.host()+"/", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	defer ws.Close()
	_ = ws.SetReadDeadline(time.Now().Add(patience)) // fails on a closed socket only, where the read fails too
	role := map[string]string{"agent": "AGENT", "visitor": "USER"}[as]
	send := map[string]string{"type": "message", "content": text, "role": role, "clientMessageId": rand.Text()}
	if err := ws.WriteJSON(send); err != nil {
		r.t.Fatal(err)
	}
	for {
		var frame struct{ Type, Status, Code string }
		if err := ws.ReadJSON(&frame); err != nil {
			r.t.Fatalf("waiting for the ack: %v", err)
		}
		if frame.Type == "ack" && frame.Status == "stored" {
			return
		}
		if frame.Type == "error" {
			r.t.Fatalf("refused with %s", frame.Code)
		}
	}
}

// eventually waits until a condition holds that no page shows.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}
