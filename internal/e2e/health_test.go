package e2e

import (
	"net/http"
	"testing"

	"eclipse/internal/fakeapi"
)

func TestHealthPage(t *testing.T) {
	t.Parallel()
	r, _ := alone(t, fakeapi.Options{})
	const chat = "a-chat-with-a-long-name"
	r.old(t, chat, "user_1")
	r.old(t, chat, "user_2")
	r.old(t, "b", "user_1")
	page := r.health()
	equal(t, "keys", page.keys(), "connections memory status timestamp uptime")
	equal(t, "keys of connections", page.keys("connections"), "byChat total")
	equal(t, "keys of memory", page.keys("memory"), "percentage total used")
	equal(t, "status", page.str("status"), "healthy")
	stamped(t, page, "timestamp")
	equal(t, "total", page.num("connections", "total"), 3)
	byChat, _ := page.at("connections", "byChat").([]any)
	if len(byChat) != 2 {
		t.Fatalf("byChat: %v", byChat)
	}
	for i, want := range []frame{{"chatId": "a-chat-w...", "count": 2.0}, {"chatId": "b...", "count": 1.0}} {
		line, _ := byChat[i].(map[string]any)
		equal(t, "chat", line["chatId"], want["chatId"])
		equal(t, "count", line["count"], want["count"])
	}
	_, header, _ := get(t, r.URL+"/health")
	equal(t, "CORS", header.Get("Access-Control-Allow-Origin"), "*")
}

// TestOutagesDegrade: an outage shows on /health, which answers 200 all the same, and never unroutes the instance.
func TestOutagesDegrade(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeapi.Batch)
	r := w.router("SAVE_PATIENCE=300ms")
	c := r.old(t, newChat(), "user_1")
	becomes := func(status string) {
		t.Helper()
		eventually(t, "the instance is "+status, func() bool { return r.health().str("status") == status })
		ready, _, body := get(t, r.URL+"/ready")
		equal(t, "readiness while "+status, ready, http.StatusOK)
		equal(t, "answer of /ready while "+status, body, "{\"status\":\"ready\"}\n")
	}
	// A refusal is spoken to until the API's state is known, as visitors do.
	talkUntil := func(status string) {
		t.Helper()
		stop := pace(t, func(int) { c.say(words("is anybody there?")) })
		becomes(status)
		stop()
	}
	becomes("healthy")
	w.redis.Kill()
	becomes("degraded")
	equal(t, "redis_up of the pub/sub link", r.metric(`redis_up{link="pubsub"}`), 0)
	c.say(words("for the log")) // an idle link for commands is not noticed before it is used
	eventually(t, "redis_up of commands is 0", func() bool { return r.metric(`redis_up{link="commands"}`) == 0 })
	becomes("degraded")
	w.redis.Restart()
	becomes("healthy")
	c.has(words("for the log"))
	for _, fault := range []fakeapi.Fault{
		{Kind: fakeapi.Status, Status: http.StatusInternalServerError},
		{Kind: fakeapi.Status, Status: http.StatusUnauthorized},
		{Kind: fakeapi.Status, Status: http.StatusServiceUnavailable, RetryAfter: "1"},
	} {
		heal := w.api.Inject(fault)
		talkUntil("degraded")
		heal()
		talkUntil("healthy")
	}
	c.say(words("after all of it"))
	c.has(words("after all of it"))
}
