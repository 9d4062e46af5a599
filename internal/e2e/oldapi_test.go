package e2e

import (
	"fmt"
	"testing"
	"time"

	"eclipse/internal/fakeapi"
)

// TestOldAPI has the API publish each message on Redis before it answers, which the old server showed three times.
func TestOldAPI(t *testing.T) {
	t.Parallel()
	for name, publish := range map[string]fakeapi.Kind{
		"published":        "",
		"publish lost":     fakeapi.LosePublish,
		"published twice":  fakeapi.DoublePublish,
		"every other lost": fakeapi.LosePublish,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, fakeapi.Old)
			if publish != "" {
				every := 1
				if name == "every other lost" {
					every = 2
				}
				w.api.Inject(fakeapi.Fault{Kind: publish, Every: every})
			}
			w.api.SetLatency(2 * time.Millisecond)
			a, b := w.pair()
			chat := newChat()
			clients := []*Client{a.old(t, chat, "anon_a"), b.old(t, chat, "user_b"), a.v1(t, chat, "user_a1"), b.v1(t, chat, "user_b1")}
			w.allSpeak(t, chat, 15, clients)
		})
	}
}

// TestAPIPublishesByItself: what the Next.js app says without being asked reaches everyone once, also while clients
// of two instances race to log it.
func TestAPIPublishesByItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeapi.Old)
	a, b := w.pair()
	chat := newChat()
	clients := []*Client{a.old(t, chat, "anon_a"), a.v1(t, chat, "user_a"), b.old(t, chat, "anon_b"), b.v1(t, chat, "user_b")}
	const n = 30
	for i := range n {
		payload := fmt.Appendf(nil, `{"type":"message","data":{"id":"m%d","content":"%s","role":"assistant","timestamp":"2026-01-01T00:00:00.000Z","sender":{"id":"u","name":"Bot","email":"bot@example.com","avatar":null}},"timestamp":"2026-01-01T00:00:00.000Z"}`, i, words("bot %d", i))
		w.publish("chat:"+chat, payload)
		w.publish("chat:"+chat, payload)
	}
	sameOrder(t, n, clients...)
	equal(t, "e-mail for an anonymous socket", clients[0].of("message")[0].at("data", "sender", "email"), nil)
	equal(t, "e-mail for an authenticated socket", clients[1].of("message")[0].str("data", "sender", "email"), "bot@example.com")
	joined := []byte(`{"type":"agent_joined","data":{"agentId":"u","agentName":"Ann","timestamp":"2026-01-01T00:00:00.000Z"},"timestamp":"2026-01-01T00:00:00.000Z"}`)
	w.publish("chat:"+chat, joined)
	w.publish("chat:"+chat, joined)
	clients[0].say(words("the end"))
	for _, c := range clients {
		c.has(words("the end"))
		equal(t, "agent_joined at "+c.how.user, len(c.of("agent_joined")), 1)
	}
}

// TestAPIFallsBack: an API that loses its batch route is served by the old one.
func TestAPIFallsBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeapi.Batch)
	r := w.router()
	chat := newChat()
	c := r.v1(t, chat, "user_1")
	c.sayAs("USER", words("by the batch route"), "id-1")
	c.next("ack")
	w.api.SetMode(fakeapi.Old)
	c.sayAs("USER", words("by the single route"), "id-2")
	c.next("ack")
	equal(t, "calls of the single route", w.api.Stats().SingleCalls, 1)
	r.reaches("api_fallbacks_total", 1)
	sameOrder(t, 2, c)
	equal(t, "rows", len(w.api.RowsOf(chat)), 2)
}
