package outage

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// opened is one socket that a server was asked for.
type opened struct {
	query url.Values
	conn  *websocket.Conn
}

// serve starts a server that hands on its sockets and says connected on each.
func serve(t *testing.T, epoch string) (address string, sockets chan opened) {
	t.Helper()
	sockets = make(chan opened, 4)
	up := websocket.Upgrader{Subprotocols: []string{"eclipse.v1"}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		t.Cleanup(func() { _ = conn.Close() })
		_ = conn.WriteMessage(websocket.TextMessage, []byte(`{"type":"connected","epoch":"`+epoch+`","offset":3}`))
		sockets <- opened{r.URL.Query(), conn}
	}))
	t.Cleanup(s.Close)
	return "ws" + strings.TrimPrefix(s.URL, "http") + "/", sockets
}

func (o opened) next(t *testing.T) string {
	t.Helper()
	_ = o.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	_, p, err := o.conn.ReadMessage()
	if err != nil {
		t.Fatal(err)
	}
	return string(p)
}

// A member whose router goes away comes back to the other one, at the place that it had reached, and says again what has no answer.
func TestAMemberComesBack(t *testing.T) {
	r := newRun(1)
	var first, second chan opened
	r.cluster.URLs[0], first = serve(t, "e1")
	r.cluster.URLs[1], second = serve(t, "e1")
	m := r.chats[0].members[0]
	ctx, cancel := context.WithCancel(t.Context())
	var living sync.WaitGroup
	living.Go(func() { m.live(ctx) })
	defer living.Wait()
	defer cancel()

	here := <-first
	<-m.joined
	if here.query.Has("epoch") || here.query.Get("token") == "" {
		t.Errorf("opened with %v", here.query)
	}
	m.say(time.Now())
	m.say(time.Now())
	one, two := here.next(t), here.next(t)
	for _, text := range []string{
		`{"type":"message","data":{"content":"` + tagIn(one) + `"},"offset":5,"epoch":"e1"}`,
		`{"type":"ack","clientMessageId":"` + tagIn(one) + `","status":"stored"}`,
	} {
		if err := here.conn.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	waitUntil(t, func() bool { return len(r.chats[0].unanswered(0)) == 1 })
	r.killed.Store(true)
	_ = here.conn.Close()

	there := <-second
	if there.query.Get("epoch") != "e1" || there.query.Get("offset") != "5" {
		t.Errorf("came back with %v", there.query)
	}
	if again := there.next(t); again != two {
		t.Errorf("said %s again, want %s", again, two)
	}
	m.say(time.Now())
	if three := there.next(t); tagIn(three) == tagIn(two) {
		t.Error("what is new must follow")
	}
	if len(r.ends) > 0 {
		t.Errorf("the end of a killed router's socket was blamed on it: %v", r.ends)
	}
	_ = there.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(4009, ""), time.Now().Add(time.Second))
	waitUntil(t, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.ends["4009"] == 1
	})
}

// tagIn cuts the clientMessageId out of a message.
func tagIn(text string) string {
	_, rest, _ := strings.Cut(text, `"clientMessageId":"`)
	tag, _, _ := strings.Cut(rest, `"`)
	return tag
}

func waitUntil(t *testing.T, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain")
		}
	}
}
