package standin

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"eclipse/internal/token"
)

type tokenAnswer struct{ Token, WSURL, UserID, ChatID string }

func (f *fixture) token(query string) (tokenAnswer, token.Claims) {
	f.t.Helper()
	var got tokenAnswer
	f.get("/api/ws/token?"+query, &got)
	claims, err := token.NewVerifier([]string{jwtSecret}, 0).Verify(got.Token, clock)
	if err != nil {
		f.t.Fatalf("%s: %v", query, err)
	}
	if claims.UserID != got.UserID || claims.ChatID != got.ChatID || !claims.ExpiresAt.Equal(clock.Add(2*time.Hour).Truncate(time.Second)) {
		f.t.Errorf("%s: claims %+v, answer %+v", query, claims, got)
	}
	return got, claims
}

func TestToken(t *testing.T) {
	f := start(t)
	got, visitor := f.token("chatId=c1")
	if !strings.HasPrefix(visitor.UserID, "anon_") || visitor.Authenticated || visitor.Role != "" || got.ChatID != "c1" {
		t.Errorf("visitor %+v", visitor)
	}
	if want := "ws" + strings.TrimPrefix(f.http.URL, "http"); got.WSURL != want {
		t.Errorf("wsUrl %s, want %s", got.WSURL, want)
	}
	if _, other := f.token("chatId=c1&as=visitor"); other.UserID == visitor.UserID {
		t.Error("two visitors are one")
	}
	if _, agent := f.token("chatId=c1&as=agent"); agent.UserID != agentID || !agent.Authenticated || agent.Role != "AGENT" {
		t.Errorf("agent %+v", agent)
	}
	_, customer := f.token("chatId=c1&as=visitor&name=Jo")
	if _, again := f.token("chatId=c2&name=+Jo"); !customer.Authenticated || customer.Role != "USER" || again.UserID != customer.UserID {
		t.Errorf("customer %+v, then %+v", customer, again)
	}
	for _, query := range []string{"", "chatId=", "chatId=..%2Fx", "chatId=%C3%A4", "chatId=" + strings.Repeat("a", 65), "chatId=c1&as=admin", "chatId=c1&name=" + strings.Repeat("a", 81)} {
		if status, answer, _ := f.do("GET", "/api/ws/token?"+query, ""); status != 400 || !strings.HasPrefix(answer, `{"error":`) {
			t.Errorf("%s: %d %s", query, status, answer)
		}
	}
}

func TestSocketAddressFollowsTheRequest(t *testing.T) {
	f := start(t)
	for proto, want := range map[string]string{"": "ws://", "http": "ws://", "https": "wss://", "HTTPS, http": "wss://"} {
		if _, answer, _ := f.do("GET", "/api/ws/token?chatId=c1", "", "X-Forwarded-Proto", proto); !strings.Contains(answer, `"wsUrl":"`+want+f.http.Listener.Addr().String()+`"`) {
			t.Errorf("%q: %s", proto, answer)
		}
	}
	f.http.Close()
	f.http = httptest.NewTLSServer(f.Handler())
	if got, _ := f.token("chatId=c1"); !strings.HasPrefix(got.WSURL, "wss://") {
		t.Errorf("over TLS: %s", got.WSURL)
	}
}

func TestChats(t *testing.T) {
	f := start(t)
	status, answer, _ := f.do("GET", "/api/chats", "")
	if status != 200 || answer != `{"chats":[]}` {
		t.Errorf("none yet: %d %s", status, answer)
	}
	var made struct{ ID, CreatedAt string }
	status, answer, _ = f.do("POST", "/api/chats", "")
	if status != 201 || !strings.Contains(answer, `"createdAt":"2026-01-02T03:04:05.678Z"`) {
		t.Errorf("made: %d %s", status, answer)
	}
	made.ID = strings.Split(answer, `"`)[7]
	if !validChatID(made.ID) || len(made.ID) < 30 {
		t.Errorf("id %q", made.ID)
	}
	f.chat("old")
	late := item("m2", "old", "second")
	late.SentAt = "2026-02-01T00:00:00Z"
	f.batch(item("m1", "old", "first"), late)
	_, answer, _ = f.do("GET", "/api/chats", "")
	want := `{"chats":[{"createdAt":"2026-01-02T03:04:05.678Z","id":"old","lastMessage":{"id":"m2","content":"second","role":"user","timestamp":"2026-02-01T00:00:00.000Z",` +
		`"sender":{"id":"user_anonymous","name":"Anonymous","email":null,"avatar":null}},"messages":2},` +
		`{"createdAt":"2026-01-02T03:04:05.678Z","id":"` + made.ID + `","lastMessage":null,"messages":0}]}`
	if answer != want {
		t.Errorf("got  %s\nwant %s", answer, want)
	}
}

func TestHistory(t *testing.T) {
	f := start(t)
	f.chat("c1", "c2")
	agent := item("b", "c1", "2")
	agent.UserID, agent.Role = agentID, "AGENT"
	f.batch(item("a", "c1", "1"), item("x", "c2", "x"), agent, item("c", "c1", "3"), item("d", "c1", "4"))
	for query, want := range map[string]string{
		"": "1,2,3,4", "?limit=2": "3,4", "?after=a": "2,3,4", "?after=a&limit=2": "2,3", "?after=d": "", "?limit=999999": "1,2,3,4",
	} {
		if got := contents(f.history("c1", query)); got != want {
			t.Errorf("%q: %s, want %s", query, got, want)
		}
	}
	got := f.history("c1", "")[1]
	if got.Role != "agent" || got.Sender.ID != agentID || *got.Sender.Name != agentName || got.Sender.Email != nil || got.Timestamp != "2026-01-01T00:00:00.123Z" {
		t.Errorf("got %+v", got)
	}
	if _, answer, _ := f.do("GET", "/api/chats/never-opened/messages", ""); answer != `{"messages":[]}` {
		t.Errorf("a chat that was never opened: %s", answer)
	}
	for path, want := range map[string]int{
		"/api/chats/c1/messages?after=x": 404, "/api/chats/c1/messages?after=%27%20OR%201=1--": 404, "/api/chats/c1/messages?limit=0": 400,
		"/api/chats/c1/messages?limit=x": 400, "/api/chats/..%2fc1/messages": 404,
	} {
		if status, answer, _ := f.do("GET", path, ""); status != want || !strings.HasPrefix(answer, `{"error":`) {
			t.Errorf("%s: %d %s", path, status, answer)
		}
	}
}

func TestBrowserRoutesAreOpenToAnyOrigin(t *testing.T) {
	f := start(t)
	f.chat("c1")
	for _, path := range []string{"/api/ws/token?chatId=c1", "/api/ws/token", "/api/chats", "/api/chats/c1/messages"} {
		if _, _, h := f.do("GET", path, "", "Origin", "https://shop.example"); h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: %v", path, h)
		}
	}
	status, _, h := f.do("OPTIONS", "/api/chats", "", "Origin", "https://shop.example", "Access-Control-Request-Method", "POST")
	if status != 204 || h.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(h.Get("Access-Control-Allow-Methods"), "POST") {
		t.Errorf("preflight: %d %v", status, h)
	}
	if _, _, h := f.do("GET", "/api/users/user_ada", "", "X-Internal-Secret", internalSecret); h.Get("Access-Control-Allow-Origin") != "" {
		t.Error("a route with the secret is open to browsers")
	}
}

func TestBrowserHandlerHasNoSecretRoutes(t *testing.T) {
	f := start(t)
	f.http.Close()
	f.http = httptest.NewServer(f.BrowserHandler())
	f.chat("c1")
	for _, route := range [][2]string{
		{"POST", "/api/internal/messages/batch"}, {"POST", "/api/chats/c1/messages/send"}, {"GET", "/api/users/user_ada"}, {"GET", "/api/internal/chats/c1/messages"},
	} {
		if status, answer := f.secret(route[0], route[1], "{}"); status != 404 && status != 405 {
			t.Errorf("%v: %d %s", route, status, answer)
		}
	}
}
