package browser

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"eclipse/internal/fakeapi"
	"eclipse/internal/token"
	"eclipse/web"
)

type object = map[string]any

// site is an app with an API that can fail: its page has the widget, /agents is the agents' view, and its routes for
// browsers tell what the API has stored.
type site struct {
	*httptest.Server
	router *router
	api    *fakeapi.Server
	chat   string
}

// startSite starts the API, the router before it and the site.
func startSite(t *testing.T, env ...string) *site {
	t.Helper()
	api, err := fakeapi.Start(fakeapi.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(api.Close)
	s := &site{api: api, chat: "chat_outbox"}
	s.router = startRouter(t, append([]string{"NEXT_API_URL=" + api.URL, "INTERNAL_API_SECRET=" + strings.Repeat("s", 40)}, env...)...)
	mux := http.NewServeMux()
	pages := web.Options{Demo: true}
	for _, pattern := range web.Patterns(pages) { // a router with an API of its own shows no demo
		mux.Handle(pattern, web.Handler(pages))
	}
	mux.HandleFunc("GET /shop", s.page)
	mux.HandleFunc("GET /api/ws/token", s.token)
	mux.HandleFunc("GET /api/chats", s.chats)
	mux.HandleFunc("GET /api/chats/{id}/messages", s.history)
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func (s *site) page(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, fmt.Sprintf(`<!doctype html><html lang="en"><title>A shop</title><link rel="icon" href="data:,"><h1>A shop</h1>
		<script type="module" src="/widget.js" data-chat-id="%s" data-open></script>`, s.chat)) // a page that has gone needs nothing
}

func (s *site) token(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	claims := token.Claims{UserID: fmt.Sprintf("anon_%d", now.UnixNano()), ChatID: r.URL.Query().Get("chatId"), Role: "USER"}
	if r.URL.Query().Get("as") == "agent" {
		claims.UserID, claims.Role, claims.Authenticated = "user_ada", "AGENT", true
	}
	signed, err := token.Mint(s.router.secret, claims, now)
	if err != nil {
		http.Error(w, "no token", http.StatusInternalServerError)
		return
	}
	answer(w, object{"token": signed, "wsUrl": "ws://" + s.router.host() + "/", "userId": claims.UserID})
}

func (s *site) chats(w http.ResponseWriter, _ *http.Request) {
	chat := object{"id": s.chat, "messages": 0, "lastMessage": nil, "createdAt": "2026-01-01T00:00:00.000Z"}
	if list := s.stored(); len(list) > 0 {
		chat["messages"], chat["lastMessage"] = len(list), list[len(list)-1]
	}
	answer(w, object{"chats": []object{chat}})
}

func (s *site) history(w http.ResponseWriter, _ *http.Request) {
	answer(w, object{"messages": s.stored()})
}

// stored is the history of the chat.
func (s *site) stored() []object {
	list := []object{} // never null
	for _, r := range s.api.RowsOf(s.chat) {
		list = append(list, object{
			"id": r.ID, "content": r.Content, "role": strings.ToLower(r.Role), "timestamp": r.CreatedAt.UTC().Format("2006-01-02T15:04:05.000Z"),
			"sender": object{"id": r.UserID, "name": nil, "email": nil, "avatar": nil},
		})
	}
	return list
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // fails only when the page is gone
}

// openShop opens the visitor's page, openAgents the agents' view with the chat in it.
func (s *site) openShop(t *testing.T) *tab {
	t.Helper()
	tb := openTab(t, s.URL+"/shop")
	tb.until("widgetOpen() && page.visible('panel')")
	return tb
}

func (s *site) openAgents(t *testing.T) *tab {
	t.Helper()
	tb := openTab(t, s.URL+"/agents")
	tb.until("page.all('chat-row').length === 1 && document.body.dataset.connection === 'open'")
	tb.do("page.one('chat-row').click()")
	tb.until("page.visible('composer')")
	return tb
}
