package web_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// The API's routes that browsers use, as the mock router has them.

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func (m *mockRouter) create(w http.ResponseWriter, _ *http.Request) {
	m.mu.Lock()
	creating := m.creating
	m.mu.Unlock()
	if creating != nil {
		<-creating
	}
	m.mu.Lock()
	id := fmt.Sprintf("chat%04d", len(m.chats)+1)
	m.mu.Unlock()
	m.addChat(id)
	reply(w, object{"id": id})
}

func (m *mockRouter) list(w http.ResponseWriter, _ *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := []object{}
	for _, c := range m.chats {
		var last any
		if n := len(c.history); n > 0 {
			last = object{"content": c.history[n-1]["content"], "role": c.history[n-1]["role"], "timestamp": c.history[n-1]["timestamp"]}
		}
		out = append(out, object{"id": c.id, "messages": len(c.history), "lastMessage": last, "createdAt": stamp(c.created)})
	}
	reply(w, object{"chats": out})
}

func (m *mockRouter) messages(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads++
	c := m.chats[r.PathValue("id")]
	if c == nil {
		http.Error(w, `{"error":"Chat not found"}`, http.StatusNotFound)
		return
	}
	reply(w, object{"messages": append([]object{}, c.history...)})
}

func (m *mockRouter) token(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("chatId")
	m.mu.Lock()
	known, unknown := m.chats[id] != nil, m.unknown
	m.mu.Unlock()
	if unknown != "" {
		http.Error(w, unknown, http.StatusNotFound)
		return
	}
	if !known {
		http.Error(w, `{"error":"Chat not found"}`, http.StatusNotFound)
		return
	}
	claims := object{"chatId": id, "userId": "anon_" + id, "role": "USER", "exp": time.Now().Add(2 * time.Hour).Unix()}
	if r.URL.Query().Get("as") == "agent" {
		claims["userId"], claims["role"] = "agent_ada", "AGENT"
	}
	body, _ := json.Marshal(claims)
	reply(w, object{
		"token":  "h." + base64.RawURLEncoding.EncodeToString(body) + ".s",
		"wsUrl":  strings.Replace(m.URL, "http", "ws", 1) + "/ws",
		"userId": claims["userId"], "chatId": id,
	})
}
