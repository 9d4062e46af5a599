package standin

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	internalSecret = "internal-secret-of-the-tests-0123456789"
	jwtSecret      = "jwt-secret-of-the-tests-0123456789abcdef"
	content        = "my parcel is missing"
)

var clock = time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)

// fixture is a running stand-in.
type fixture struct {
	*Server
	t    *testing.T
	http *httptest.Server
	logs *logBuffer
	path string
}

// logBuffer is written by handlers and read by tests.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func start(t *testing.T) *fixture { return startAt(t, filepath.Join(t.TempDir(), "new", "chat 1%.db")) }

func startAt(t *testing.T, path string) *fixture {
	t.Helper()
	logs := &logBuffer{}
	s, err := Open(Options{
		Path: path, InternalSecret: internalSecret, JWTSecret: jwtSecret, Now: func() time.Time { return clock },
		Logger: slog.New(slog.NewTextHandler(logs, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{Server: s, t: t, http: httptest.NewServer(s.Handler()), logs: logs, path: path}
	t.Cleanup(f.stop)
	return f
}

func (f *fixture) stop() {
	f.http.Close()
	if err := f.Close(); err != nil {
		f.t.Error(err)
	}
	for _, word := range []string{content, internalSecret, jwtSecret} {
		if strings.Contains(f.logs.String(), word) {
			f.t.Errorf("the log tells too much: %s", f.logs)
		}
	}
}

// do sends a request; header pairs follow the body.
func (f *fixture) do(method, path, body string, header ...string) (status int, answer string, h http.Header) {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), method, f.http.URL+path, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := f.http.Client().Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return response.StatusCode, strings.TrimSpace(string(text)), response.Header
}

// secret sends a request with the internal secret.
func (f *fixture) secret(method, path, body string) (int, string) {
	f.t.Helper()
	status, answer, _ := f.do(method, path, body, "X-Internal-Secret", internalSecret)
	return status, answer
}

// get expects 200 from a browser route.
func (f *fixture) get(path string, into any) {
	f.t.Helper()
	status, answer, _ := f.do("GET", path, "")
	if status != 200 {
		f.t.Fatalf("GET %s: %d %s", path, status, answer)
	}
	if err := json.Unmarshal([]byte(answer), into); err != nil {
		f.t.Fatal(err)
	}
}

// chat makes chats exist.
func (f *fixture) chat(ids ...string) {
	f.t.Helper()
	for _, id := range ids {
		f.get("/api/ws/token?chatId="+id, &struct{}{})
	}
}

func item(id, chat, text string) batchItem {
	return batchItem{ID: id, ChatID: chat, Content: text, Role: "USER", UserID: "anon_1", ClientMessageID: "c-" + id, SentAt: "2026-01-01T00:00:00.123Z"}
}

func (f *fixture) batch(items ...batchItem) []batchResult {
	f.t.Helper()
	body, _ := json.Marshal(object{"messages": items})
	status, answer := f.secret("POST", "/api/internal/messages/batch", string(body))
	var got struct{ Results []batchResult }
	if err := json.Unmarshal([]byte(answer), &got); err != nil || status != 200 || len(got.Results) != len(items) {
		f.t.Fatalf("batch: %d %s, %v", status, answer, err)
	}
	return got.Results
}

func statuses(results []batchResult) []int {
	list := make([]int, len(results))
	for i, r := range results {
		list[i] = r.Status
	}
	return list
}

func (f *fixture) history(chat, query string) []historic {
	f.t.Helper()
	var got struct{ Messages []historic }
	f.get("/api/chats/"+chat+"/messages"+query, &got)
	return got.Messages
}

func contents(list []historic) string {
	texts := make([]string, len(list))
	for i, m := range list {
		texts[i] = m.Content
	}
	return strings.Join(texts, ",")
}
