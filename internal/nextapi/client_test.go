package nextapi

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestNewRefuses(t *testing.T) {
	for _, o := range []Options{
		{BaseURL: "", Secret: secret}, {BaseURL: "example.com", Secret: secret}, {BaseURL: "ftp://example.com", Secret: secret},
		{BaseURL: "http://", Secret: secret}, {BaseURL: "http://user:hush@example.com", Secret: secret}, {BaseURL: "http://example.com?a", Secret: secret},
		{BaseURL: "http://example.com/#x", Secret: secret}, {BaseURL: "http://exa mple.com/hush", Secret: secret},
		{BaseURL: "http://example.com", Secret: ""}, {BaseURL: "http://example.com", Secret: "hush\nhush"}, {BaseURL: "http://example.com", Secret: "hüsh"},
	} {
		_, err := New(o)
		if err == nil {
			t.Errorf("accepted %q with secret %q", o.BaseURL, o.Secret)
		} else if strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "hüsh") {
			t.Errorf("the error shows a secret: %v", err)
		}
	}
}

func TestRequests(t *testing.T) {
	type seen struct {
		method, path, body string
		header             http.Header
	}
	got := make(chan seen, 1)
	c := against(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- seen{r.Method, r.URL.EscapedPath(), string(body), r.Header}
		fmt.Fprint(w, `{"success":true,"id":"u","name":"N","email":"e@example.com","image":null,"message":`+stored("a")+`,"results":[`+itemStored("a")+`]}`)
	}), func(o *Options) { o.BaseURL += "/prefix/" })

	check := func(method, path, body string) {
		t.Helper()
		s := <-got
		if s.method != method || s.path != path || s.body != body {
			t.Errorf("got %s %s\n%s\nwant %s %s\n%s", s.method, s.path, s.body, method, path, body)
		}
		want := map[string]string{"X-Internal-Secret": secret, "Content-Type": "application/json", "User-Agent": "eclipse-chat-router", "Accept-Encoding": "identity"}
		for name, value := range want {
			if s.header.Get(name) != value {
				t.Errorf("header %s is %q", name, s.header.Get(name))
			}
		}
		if _, sent := s.header["Idempotency-Key"]; sent {
			t.Error("the transport's mark was sent")
		}
	}

	m := message("a", "chat-1")
	batch := c.StoreBatch(t.Context(), []Message{m})
	check("POST", "/prefix/api/internal/messages/batch", `{"messages":[{"id":"a","chatId":"chat-1","content":"Hello <b>\n\"you\"`+"\u2028"+
		`","role":"USER","userId":"anon_1","clientMessageId":"ca","sentAt":"2026-01-02T02:04:05.678Z"}]}`)
	single := c.Store(t.Context(), m)
	check("POST", "/prefix/api/chats/chat-1/messages/send", `{"content":"Hello <b>\n\"you\"`+"\u2028"+`","role":"USER","userId":"anon_1"}`)
	for _, r := range []Result{batch[0], single} {
		if r.Class != Stored || r.ID != "a" || string(r.Data) != stored("a") {
			t.Errorf("got %+v", r)
		}
	}
	user, r := c.User(t.Context(), "user é?%2F#1")
	check("GET", "/prefix/api/users/user%20%C3%A9%3F%252F%231", "")
	if want := (User{ID: "u", Name: "N", Email: "e@example.com"}); user != want || r.Class != Stored {
		t.Errorf("got %+v, %+v", user, r)
	}
}

func TestIDsThatWalkAreNotSent(t *testing.T) {
	c := against(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { t.Errorf("sent %s", r.URL) }))
	for _, id := range []string{"", ".", "..", "../users", "a/b", "a.b", "a%2fb", "ä", "a b", strings.Repeat("a", 65)} {
		if r := c.Store(t.Context(), message("a", id)); r.Class != Rejected || !errors.Is(r.Err, ErrID) {
			t.Errorf("chat %q: %+v", id, r)
		}
	}
	for _, id := range []string{"", ".", "..", "../chats", `..\chats`, "a\x00b", "a\nb", "\xff", strings.Repeat("a", 257)} {
		if _, r := c.User(t.Context(), id); r.Class != Rejected || !errors.Is(r.Err, ErrID) {
			t.Errorf("user %q: %+v", id, r)
		}
	}
}

func TestBatchIsBounded(t *testing.T) {
	var sizes []int
	c := against(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var batch struct{ Messages []struct{ ID string } }
		if err := json.Unmarshal(body, &batch); err != nil {
			t.Error(err)
		}
		sizes = append(sizes, len(body))
		items := make([]string, len(batch.Messages))
		for i, m := range batch.Messages {
			items[i] = itemStored(m.ID)
		}
		fmt.Fprint(w, batchOf(items...))
	}))
	messages := make([]Message, 60)
	for i := range messages {
		messages[i] = message(fmt.Sprint(i), "chat")
		messages[i].Content = strings.Repeat("\x01", 16_000) // six bytes each
	}
	sent := 0
	for i, r := range c.StoreBatch(t.Context(), messages) {
		switch {
		case r.Class == Stored && sent == i:
			sent++
		case r.Class != Retry || !errors.Is(r.Err, ErrNotSent):
			t.Fatalf("item %d: %+v", i, r)
		}
	}
	if sent == 0 || sent == len(messages) || sizes[0] > MaxBatchBytes || sizes[0] < MaxBatchBytes-100_000 {
		t.Errorf("sent %d messages in %v bytes", sent, sizes)
	}
	messages[0].Content = strings.Repeat("x", MaxBatchBytes)
	if r := c.StoreBatch(t.Context(), messages[:2]); r[0].Class != Stored || !errors.Is(r[1].Err, ErrNotSent) {
		t.Errorf("got %+v", r)
	}
	if r := c.StoreBatch(t.Context(), nil); len(r) != 0 || len(sizes) != 2 {
		t.Errorf("nothing to send: %+v, %d calls", r, len(sizes))
	}
}

func TestNobodyListensIsNotSent(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	for name, address := range map[string]string{"refused": server.URL, "no such host": "http://nobody.invalid"} {
		c := clientOf(t, address)
		for _, r := range append(c.StoreBatch(t.Context(), []Message{message("a", "x")}), c.Store(t.Context(), message("", "x"))) {
			if r.Class != Retry || r.Status != 0 || r.Err == nil {
				t.Errorf("%s: %+v", name, r)
			}
		}
	}
}

func TestTLSFailureIsNotSent(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	if r := clientOf(t, server.URL).Store(t.Context(), message("", "x")); r.Class != Retry || r.Status != 0 {
		t.Errorf("got %+v", r)
	}
}

func TestTransportFaults(t *testing.T) {
	hijack := func(answer string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.WriteString(conn, answer)
			_ = conn.Close()
		}
	}
	hang := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}
	for name, h := range map[string]http.HandlerFunc{
		"hang":           hang,
		"closed":         hijack(""),
		"no HTTP":        hijack("SSH-2.0-OpenSSH\r\n"),
		"half a header":  hijack("HTTP/1.1 200 OK\r\nContent-Le"),
		"half an answer": hijack("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"success\":true,\"message\":{\"id\":\"a\"}}"),
		"half a chunk":   hijack("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100\r\n{\"results\":["),
		"too large":      hijack("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n{}"),
	} {
		t.Run(name, func(t *testing.T) {
			c := against(t, h, func(o *Options) { o.Timeout = 200 * time.Millisecond; o.UserTimeout = o.Timeout })
			_, user := c.User(t.Context(), "u")
			for i, r := range append(c.StoreBatch(t.Context(), []Message{message("a", "x")}), c.Store(t.Context(), message("", "x")), user) {
				if r.Class != Ambiguous || r.Err == nil {
					t.Errorf("route %d: %+v", i, r)
				} else if text := r.Err.Error(); strings.Contains(text, secret) || strings.Contains(text, "/api/") || strings.Contains(text, "Hello") {
					t.Errorf("the error tells too much: %s", text)
				}
			}
		})
	}
}

func TestHalfA404ProvesNothing(t *testing.T) {
	c := against(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		w.WriteHeader(404)
		fmt.Fprint(w, `{"error":"Chat`)
	}))
	if r := c.StoreBatch(t.Context(), []Message{message("a", "x")}); r[0].Class != Retry || r[0].Err == nil {
		t.Errorf("got %+v", r[0])
	}
}

func TestCancelledCall(t *testing.T) {
	entered := make(chan struct{})
	c := against(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(entered)
		<-r.Context().Done()
	}), func(o *Options) { o.MaxConnsPerHost = 1 })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan Result)
	go func() { done <- c.Store(ctx, message("", "x")) }()
	<-entered
	waiting, giveUp := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer giveUp()
	if r := c.Store(waiting, message("", "x")); r.Class != Retry || !errors.Is(r.Err, context.DeadlineExceeded) {
		t.Errorf("without a connection: %+v", r)
	}
	cancel()
	if r := <-done; r.Class != Ambiguous || !errors.Is(r.Err, context.Canceled) {
		t.Errorf("in flight: %+v", r)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { t.Error("the secret went elsewhere") }))
	t.Cleanup(elsewhere.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		h := reply(status, "", "Location", elsewhere.URL)
		for _, c := range []*Client{against(t, h), against(t, h, func(o *Options) { o.HTTPClient = &http.Client{} })} {
			if r := c.Store(t.Context(), message("", "x")); r.Class != Retry || r.Status != status {
				t.Errorf("%d: %+v", status, r)
			}
		}
	}
}

func TestGzipIsUnderstoodAndBounded(t *testing.T) {
	zip := func(plain []byte) string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = w.Write(plain)
		_ = w.Close()
		return b.String()
	}
	for name, tc := range map[string]struct {
		body string
		want Class
	}{
		"gzip":          {zip([]byte(`{"success":true,"message":` + stored("a") + `}`)), Stored},
		"no gzip":       {"plain", Ambiguous},
		"zip bomb":      {zip(bytes.Repeat([]byte(" "), maxAnswer+1)), Ambiguous},
		"broken inside": {zip([]byte(`{"success":true}`))[:20], Ambiguous},
	} {
		c := against(t, reply(200, tc.body, "Content-Encoding", "gzip"))
		if r := c.Store(t.Context(), message("", "x")); r.Class != tc.want || (tc.want == Stored && string(r.Data) != stored("a")) {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestConnectionsAreKept(t *testing.T) {
	var opened atomic.Int32
	server := httptest.NewUnstartedServer(reply(404, strings.Repeat(" ", 5000)+`{"error":"no"}`))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	c := clientOf(t, server.URL)
	for range 20 {
		c.StoreBatch(t.Context(), []Message{message("a", "x")})
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("%d connections for 20 calls", n)
	}
}
