package main

import (
	"bytes"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"eclipse/internal/token"
	"eclipse/internal/wire"
	"eclipse/loadtest/internal/work"
)

func TestReadChats(t *testing.T) {
	tests := []struct {
		name, in string
		want     []work.Known
		fault    string // part of the error
	}{
		{"nothing", "", nil, ""},
		{"chats", "a1\nb-2\tagent_7\n  c_3   x@y.z  \n", []work.Known{{Chat: "a1"}, {Chat: "b-2", Agent: "agent_7"}, {Chat: "c_3", Agent: "x@y.z"}}, ""},
		{"comments, empty lines, no last end of line", "# ours\r\n\r\n  # more\r\na1 b", []work.Known{{Chat: "a1", Agent: "b"}}, ""},
		{"no chat id", "a1\na/2\n", nil, `line 2: "a/2" is no chat id`},
		{"a long one", strings.Repeat("a", 65), nil, "is no chat id: 1 to 64"},
		{"too much", "a1 b c", nil, "line 1: give a chat id and at most one user id"},
		{"no user id", "a1 " + strings.Repeat("b", 129), nil, "is no user id"},
		{"a user id that cannot be printed", "a1 b\x01", nil, "is no user id"},
		{"twice", "a1\n\na1 b", nil, "line 3: chat a1 stands in line 1 too"},
		{"an endless line", strings.Repeat("a", 1<<20), nil, "too long"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := readChats(strings.NewReader(tt.in))
			if tt.fault == "" && (err != nil || !slices.Equal(got, tt.want)) {
				t.Errorf("%v, %v; want %v", got, err, tt.want)
			}
			if tt.fault != "" && (err == nil || !strings.Contains(err.Error(), tt.fault)) {
				t.Errorf("%v; want %q", err, tt.fault)
			}
		})
	}
}

func FuzzReadChats(f *testing.F) {
	f.Add([]byte("# ours\na1\nb-2 agent_7\n"))
	f.Fuzz(func(t *testing.T, p []byte) {
		list, err := readChats(bytes.NewReader(p))
		seen := map[string]bool{}
		for _, known := range list {
			if err != nil || !wire.ValidChatID(known.Chat) || seen[known.Chat] || strings.ContainsAny(known.Agent, " \n") {
				t.Fatalf("%q, %v", list, err)
			}
			seen[known.Chat] = true
		}
	})
}

// door lets in whoever has a token, and notes the users of each chat.
type door struct {
	secret string
	mu     sync.Mutex
	users  map[string][]string
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	claims, err := token.NewVerifier([]string{d.secret}, time.Minute).Verify(r.URL.Query().Get("token"), time.Now())
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	c, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer c.Close()
	d.mu.Lock()
	d.users[claims.ChatID] = append(d.users[claims.ChatID], claims.UserID)
	d.mu.Unlock()
	_ = c.WriteMessage(websocket.TextMessage, []byte(`{"type":"connected"}`))
	_, _, _ = c.ReadMessage() // until the other side closes
}

func TestKnownChatsReachTheServer(t *testing.T) {
	d := &door{secret: "0123456789abcdef0123456789abcdef", users: map[string][]string{}}
	server := httptest.NewServer(d)
	defer server.Close()
	file := filepath.Join(t.TempDir(), "chats")
	if err := os.WriteFile(file, []byte("chat_a agent_7\nchat_b\nchat_c agent_8\nchat_d\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	url := "ws" + strings.TrimPrefix(server.URL, "http")
	args := []string{"idle", "-senders", "0", "-settle", "1ms", "-hold", "1ms", "-procs", "2", "-url", url, "-jwt-secret", d.secret, "-chat-ids", file}
	status, out, _ := load(t, append(args, "-chats", "3")...)
	if status != 0 {
		t.Fatalf("exit status %d\n%s", status, out)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if chats := slices.Sorted(maps.Keys(d.users)); !slices.Equal(chats, []string{"chat_a", "chat_b", "chat_c"}) {
		t.Errorf("chats %q", chats)
	}
	for chat, agent := range map[string]string{"chat_a": "agent_7", "chat_b": "agent_", "chat_c": "agent_8"} {
		users := slices.Sorted(slices.Values(d.users[chat]))
		if len(users) != 2 || !strings.HasPrefix(users[0], agent) || (chat != "chat_b") != (users[0] == agent) || !strings.HasPrefix(users[1], "anon_") {
			t.Errorf("%s: users %q", chat, users)
		}
	}
	for _, more := range [][]string{{"-chats", "5"}, {"-steps", "4,10"}, {"-chat-ids", file + "x"}, {"-url", ""}} {
		var out, problems bytes.Buffer
		if status := run(t.Context(), append(slices.Clone(args), more...), &out, &problems); status != exitUnable || problems.Len() == 0 {
			t.Errorf("%q: exit status %d, %q", more, status, &problems)
		}
	}
}
