package e2e

import (
	"fmt"
	"strings"
	"testing"

	"eclipse/internal/fakeapi"
)

// TestInternalError has the API store a message and answer with one that no frame has room for.
func TestInternalError(t *testing.T) {
	t.Parallel()
	r, _ := alone(t, fakeapi.Options{Users: map[string]fakeapi.User{
		"user_1": {ID: "user_1", Name: strings.Repeat("x", 300<<10)}, // a payload has 256 KiB
		"user_2": {ID: "user_2", Name: "Ann"},
	}})
	chat := newChat()
	c, other := r.v1(t, chat, "user_1"), r.v1(t, chat, "user_2")
	c.sayAs("USER", words("too much around it"), "id-1")
	f := c.next("error")
	equal(t, "code", f.str("code"), "INTERNAL")
	equal(t, "error", f.str("error"), "Failed to process message")
	equal(t, "retryable", f.at("retryable"), any(true))
	equal(t, "clientMessageId", f.str("clientMessageId"), "id-1")
	equal(t, "a time to retry", f.num("retryAfterMs") > 0, true)
	equal(t, "counter", r.metric(`refusals_total{code="INTERNAL"}`), 1)
	other.sayAs("USER", words("not touched"), "id-1")
	c.has(words("not touched"))
	c.settle()
}

// TestLogUnavailable fills what may wait for a log that is away, 32 MiB, with messages that are stored; the next one is
// refused before it is stored, and is taken when the log is back.
func TestLogUnavailable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeapi.Batch)
	api := startAPI(t, fakeapi.Options{Users: map[string]fakeapi.User{"user_1": {ID: "user_1", Name: strings.Repeat("x", 200<<10)}}})
	r := w.router("NEXT_API_URL="+api.URL, "BATCH_MAX=10", "MAX_QUEUE_BYTES=16777216")
	const perChat = 20
	var clients []*Client
	for range 10 {
		clients = append(clients, r.v1(t, newChat(), "user_1"))
	}
	w.redis.Kill()
	sent, refused := 0, 0
	var last *Client
	for _, last = range clients {
		for i := range perChat {
			last.sayAs("USER", words("%d", i), fmt.Sprintf("id-%d", i))
		}
		sent += perChat
		eventually(t, "each is stored or refused", func() bool {
			refused = len(last.of("error"))
			return api.Stats().Rows+refused == sent
		})
		if refused > 0 {
			break
		}
	}
	f := last.next("error")
	equal(t, "code", f.str("code"), "LOG_UNAVAILABLE")
	equal(t, "error", f.str("error"), "Failed to send message")
	equal(t, "retryable", f.at("retryable"), any(true))
	equal(t, "a time to retry", f.num("retryAfterMs") > 0, true)
	equal(t, "counter", r.metric(`refusals_total{code="LOG_UNAVAILABLE"}`), float64(refused))
	last.send(`{"type":"typing","isTyping":true}`)
	last.settle()

	for _, c := range clients {
		if c != last {
			c.conn.Close() // before 5 s are over, when it would be served all of its own
		}
	}
	w.redis.Restart()
	answers := func() (acks, all int) {
		acks = len(last.of("ack"))
		return acks, acks + len(last.of("error"))
	}
	eventually(t, "an answer to each", func() bool { _, all := answers(); return all == perChat })
	for acks, before := answers(); acks == perChat-refused; acks, before = answers() { // until the log has taken enough of the others' messages
		last.sayAs("USER", words("again"), f.str("clientMessageId"))
		eventually(t, "an answer to the one that was refused", func() bool { _, all := answers(); return all > before })
	}
	equal(t, "rows", api.Stats().Rows, sent-refused+1)
}

// TestGoingAway gives a stop no time at all, so that sockets are left when the instance closes. It may be quick enough
// to ask them to go before that, and is then asked again.
func TestGoingAway(t *testing.T) {
	t.Parallel()
	for range 10 {
		r, _ := alone(t, fakeapi.Options{}, "DRAIN_TIMEOUT=0s")
		v1, old := r.v1(t, newChat(), "user_1"), r.old(t, newChat(), "user_2")
		r.Term()
		end := v1.closed()
		equal(t, "end of an old client", old.closed(), end)
		r.wait()
		equal(t, "exit code", r.exitCode(), 0)
		if end == (ending{1001, "Going away"}) {
			return
		}
		equal(t, "end of one that was asked to go", end, ending{1012, "Server restarts"})
	}
	t.Error("no socket was ever left")
}
