package relay

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func join(t *testing.T, s *httptest.Server, room string) *websocket.Conn {
	t.Helper()
	c, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(s.URL, "http")+"/?room="+room, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	expect(t, c, string(connected))
	return c
}

func say(t *testing.T, c *websocket.Conn, frame string) {
	t.Helper()
	if err := c.WriteMessage(websocket.TextMessage, []byte(frame)); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, c *websocket.Conn, want string) {
	t.Helper()
	if _, got, err := c.ReadMessage(); err != nil || string(got) != want {
		t.Fatalf("got %q, %v; want %q", got, err, want)
	}
}

func TestMessagesGoToAllAndTypingToTheOthersOfARoom(t *testing.T) {
	h := New()
	s := httptest.NewServer(h)
	a, b, other := join(t, s, "1"), join(t, s, "1"), join(t, s, "2")
	say(t, a, `{"type":"typing","isTyping":true}`)
	say(t, a, `{"type":"message"}`)
	expect(t, b, `{"type":"typing","isTyping":true}`)
	expect(t, b, `{"type":"message"}`)
	expect(t, a, `{"type":"message"}`) // and no typing before it
	say(t, other, `{"n":2}`)
	expect(t, other, `{"n":2}`) // and nothing of room 1 before it
	for _, c := range []*websocket.Conn{a, b, other} {
		_ = c.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""))
		_, _, _ = c.ReadMessage() // the relay has closed
	}
	s.Close()
	for empty := false; !empty; {
		h.mu.Lock()
		empty = len(h.rooms) == 0
		h.mu.Unlock()
	}
}
