package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"eclipse/internal/fakeapi"
)

// TestCloseCodes ends a socket in each way that a peer can bring about, and looks for one count of each: 1012, 4003, 4009
// and our own 1001 have tests of their own. 4000 has none here: it needs a panic, or actors that do not answer for five
// seconds, and nothing from outside brings these about.
func TestCloseCodes(t *testing.T) {
	t.Parallel()
	r, _ := alone(t, fakeapi.Options{}, "RATE_LIMIT=5")
	chat := newChat()
	bystander := r.old(t, chat, "user_bystander")
	for _, c := range []struct {
		want ending
		end  func(*Client)
	}{
		{ending{1000, ""}, func(c *Client) { c.goodbye(1000) }},
		{ending{1001, ""}, func(c *Client) { c.goodbye(1001) }},
		{ending{1002, "Protocol error"}, func(c *Client) { c.bytes([]byte{0x81, 0x02, 'h', 'i'}) }}, // not masked
		{ending{1002, "Protocol error"}, func(c *Client) { c.bytes([]byte{0xf3, 0x80, 0, 0, 0, 0}) }},
		{ending{1009, "Frame too large"}, func(c *Client) { c.say(strings.Repeat("x", 70_000)) }},
		{ending{4008, "Limits exceeded"}, func(c *Client) {
			for range 200 {
				if c.conn.WriteMessage(websocket.TextMessage, []byte(`{"type":"ping"}`)) != nil {
					return
				}
			}
		}},
		{ending{4008, "Limits exceeded"}, func(c *Client) {
			for range 200 {
				if c.conn.WriteControl(websocket.PingMessage, []byte("flood"), time.Now().Add(patience)) != nil {
					return
				}
			}
		}},
	} {
		series := fmt.Sprintf(`closes_total{code="%d"}`, c.want.code)
		before := r.metric(series)
		peer := r.v1(t, chat, "user_1")
		c.end(peer)
		equal(t, "end", peer.closed(), c.want)
		peer.conn.Close()
		eventually(t, "only the bystander is connected", func() bool { return r.health().num("connections", "total") == 1 })
		r.reaches(series, before+1)
		equal(t, series, r.metric(series), before+1)
	}
	lost := r.v1(t, chat, "user_1")
	lost.conn.Close()
	r.reaches(`closes_total{code="1006"}`, 1)
	bystander.settle()
}

// TestGaugesCountOnce holds that the connections gauge is the number of sockets.
func TestGaugesCountOnce(t *testing.T) {
	t.Parallel()
	r, _ := alone(t, fakeapi.Options{})
	chat := newChat()
	c := r.old(t, chat, "user_1")
	r.v1(t, chat, "user_2")
	r.old(t, newChat(), "user_3")
	equal(t, "connections", r.metric("connections"), 3)
	equal(t, "chats", r.metric("chats"), 2)
	equal(t, "connections by /health", r.health().num("connections", "total"), 3)
	c.conn.Close()
	eventually(t, "a socket is gone", func() bool { return r.health().num("connections", "total") == 2 })
	eventually(t, "the gauge follows", func() bool { return r.metric("connections") == 2 })
}

func (c *Client) goodbye(code int) {
	c.t.Helper()
	if err := c.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""), time.Now().Add(patience)); err != nil {
		c.t.Fatal(err)
	}
}

// bytes writes below the WebSocket protocol.
func (c *Client) bytes(b []byte) {
	c.t.Helper()
	if _, err := c.conn.NetConn().Write(b); err != nil {
		c.t.Fatal(err)
	}
}

// TestErrorCodes brings about each error code that one frame can, and looks for one count of each. RATE_LIMITED,
// OVERLOADED, LOG_UNAVAILABLE and INTERNAL have tests of their own.
func TestErrorCodes(t *testing.T) {
	t.Parallel()
	r, api := alone(t, fakeapi.Options{Chats: []string{"known"}}, "ACCEPT_PATIENCE=0s", "SAVE_PATIENCE=1s")
	api.Inject(fakeapi.Fault{Kind: fakeapi.RejectContent, Content: "reject"})
	api.Inject(fakeapi.Fault{Kind: fakeapi.Status, Status: http.StatusServiceUnavailable, Content: "outage"})
	c, lost := r.v1(t, "known", "user_1"), r.v1(t, "unknown", "user_1")
	message := func(content, role string) frame {
		return frame{"type": "message", "content": content, "role": role, "clientMessageId": "id-" + role}
	}
	anonymous := r.v1(t, "known", "anon_1")
	for _, e := range []struct {
		code      string
		by        *Client
		sent      frame
		retryable bool
		echoed    bool // clientMessageId
	}{
		{"BAD_FRAME", c, frame{"type": "message", "chatId": "no/id"}, false, false},
		{"UNKNOWN_TYPE", c, frame{"type": "nonsense"}, false, false},
		{"MISSING_FIELD", c, message("", "USER"), false, true},
		{"CONTENT_TOO_LONG", c, message(strings.Repeat("x", 16_001), "USER"), false, true},
		{"ROLE_FORBIDDEN", anonymous, message(mark, "AGENT"), false, true},
		{"CHAT_NOT_FOUND", lost, message(mark, "USER"), false, true},
		{"NOT_SUBSCRIBED", c, frame{"type": "typing", "isTyping": true, "chatId": "unknown"}, false, false},
		{"TOKEN_INVALID", c, frame{"type": "subscribe", "chatId": "unknown", "token": "garbage"}, false, false},
		{"TOKEN_INVALID", c, frame{"type": "subscribe", "chatId": "unknown", "token": opening{chat: "known", user: "user_1"}.mint(t)}, false, false},
		{"API_REJECTED", c, message(words("reject"), "USER"), false, true},
		{"API_UNAVAILABLE", c, message(words("outage"), "USER"), true, true},
	} {
		series := `refusals_total{code="` + e.code + `"}`
		before := r.metric(series)
		e.by.sendJSON(e.sent)
		f := e.by.next("error")
		equal(t, "code", f.str("code"), e.code)
		equal(t, "retryable of "+e.code, f.at("retryable"), any(e.retryable))
		equal(t, "clientMessageId of "+e.code, f.at("clientMessageId") != nil, e.echoed)
		equal(t, "a time to retry of "+e.code, f.at("retryAfterMs") != nil, e.retryable)
		equal(t, series, r.metric(series), before+1)
	}
	equal(t, "rows", len(api.Rows()), 0)
}

func TestContentOfTheGreatestLength(t *testing.T) {
	t.Parallel()
	r, _ := alone(t, fakeapi.Options{})
	c := r.old(t, newChat(), "user_1")
	longest := strings.Repeat("é", 16_000)
	c.say(" " + longest + "\n")
	c.has(longest)
	c.say(longest + "é")
	equal(t, "error", c.next("error").str("error"), "Message is too long")
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	r, api := alone(t, fakeapi.Options{}, "RATE_LIMIT=5")
	chat := newChat()
	fast, calm := r.v1(t, chat, "user_fast"), r.v1(t, chat, "user_calm")
	for i := range 40 {
		fast.sayAs("USER", words("%d", i), fmt.Sprintf("id-%d", i))
	}
	fast.wait("40 answers", func() bool { return count(fast.frames, "ack")+count(fast.frames, "error") == 40 })
	refused := fast.of("error")
	if len(refused) == 0 || len(refused) > 20 {
		t.Errorf("%d of 40 frames were refused", len(refused))
	}
	for _, f := range refused {
		equal(t, "code", f.str("code"), "RATE_LIMITED")
		equal(t, "retryable", f.at("retryable"), any(true))
		if f.num("retryAfterMs") <= 0 || f.str("clientMessageId") == "" {
			t.Errorf("refusal %v", f)
		}
	}
	equal(t, "counter", r.metric(`refusals_total{code="RATE_LIMITED"}`), float64(len(refused)))
	equal(t, "rows", len(api.Rows()), 40-len(refused))
	calm.say(words("calm"))
	fast.has(words("calm"))
}

// TestOverload has a chat whose saves hang; another goes on.
func TestOverload(t *testing.T) {
	t.Parallel()
	r, api := alone(t, fakeapi.Options{}, "SAVE_TIMEOUT=60s")
	stuck, other := r.v1(t, newChat(), "user_1"), r.v1(t, newChat(), "user_2")
	heal := api.Inject(fakeapi.Fault{Kind: fakeapi.Slow, Delay: time.Minute, Chat: stuck.how.chat})
	stuck.sayAs("USER", words("the one that hangs"), "id-hangs")
	eventually(t, "the call hangs", func() bool { return api.Stats().Faults[fakeapi.Slow] == 1 })
	heal()
	const all = 2100
	for i := range all {
		stuck.sayAs("USER", words("%d", i), fmt.Sprintf("id-%d", i))
	}
	f := stuck.next("error")
	equal(t, "code", f.str("code"), "OVERLOADED")
	equal(t, "retryable", f.at("retryable"), any(true))
	refused := all + 1 - 2000 // the bound of one chat
	eventually(t, "each refusal is told", func() bool { return len(stuck.of("error")) == refused })
	equal(t, "refusals", r.metric(`refusals_total{code="OVERLOADED"}`), float64(refused))
	equal(t, "drops", r.metric(`drops_total{reason="unstored_overflow"}`), float64(refused))
	other.sayAs("USER", words("not touched"), "id-1")
	equal(t, "status in another chat", other.next("ack").str("status"), "stored")
	stuck.send(`{"type":"typing","isTyping":true}`)
	stuck.settle()
}

// TestSlowReader never reads while its chat talks: it is closed with 4009, and nobody else notices.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	r, _ := alone(t, fakeapi.Options{}, "MAX_QUEUE_BYTES=65536")
	chat := newChat()
	slow := r.dial(t, opening{chat: chat, user: "user_slow", v1: true, small: true})
	talker, listener := r.old(t, chat, "user_talker"), r.old(t, chat, "user_listener")
	resume := sync.OnceFunc(slow.pause())
	defer resume()
	big := strings.Repeat("語", 15_000)
	const round = 8 // quicker than the heartbeat, which takes a peer that does not answer for dead
	said := 0
	for ; r.metric(`drops_total{reason="slow_reader_closed"}`) == 0; said += round {
		if said >= 400 {
			t.Fatal("18 MB were queued for a socket that reads nothing")
		}
		for i := range round {
			talker.say(fmt.Sprint(big, said+i))
		}
		talker.has(fmt.Sprint(big, said+round-1))
		listener.has(fmt.Sprint(big, said+round-1))
	}
	resume()
	equal(t, "end", slow.closed(), ending{4009, "Too slow"})
	listener.settle()
	equal(t, "messages at the listener", len(listener.of("message")), said)
	eventually(t, "nothing is queued", func() bool { return r.metric("queue_bytes") == 0 })
	r.reaches(`closes_total{code="4009"}`, 1)
	equal(t, "count of 4009", r.metric(`closes_total{code="4009"}`), 1)
}

func TestLimitsOfSockets(t *testing.T) {
	t.Parallel()
	r, _ := alone(t, fakeapi.Options{}, "MAX_CONNECTIONS=4", "MAX_CONNECTIONS_PER_IP=2", "MAX_CONNECTIONS_PER_USER=3",
		"ALLOWED_ORIGINS=https://example.com")
	from := func(address string) http.Header { return http.Header{"Fly-Client-Ip": {address}} }
	refused := func(o opening, status int, outcome string) {
		t.Helper()
		_, response, err := o.try(t, r)
		if err == nil {
			t.Fatalf("%s was let in", outcome)
		}
		equal(t, "status of "+outcome, response.StatusCode, status)
		equal(t, "Retry-After of "+outcome, response.Header.Get("Retry-After") != "", status == http.StatusServiceUnavailable)
		equal(t, "counter of "+outcome, r.metric(`upgrades_total{outcome="`+outcome+`"}`), 1)
	}
	chat := newChat()
	open := func(user, address string) *Client {
		return r.dial(t, opening{chat: chat, user: user, header: from(address)})
	}
	open("user_1", "192.0.2.1")
	first := open("user_1", "192.0.2.1")
	refused(opening{chat: chat, user: "user_2", header: from("192.0.2.1")}, 503, "limit_address")
	open("user_1", "192.0.2.2")
	refused(opening{chat: chat, user: "user_1", header: from("192.0.2.3")}, 503, "limit_user")
	open("user_2", "2001:db8::1")
	refused(opening{chat: chat, user: "user_3"}, 503, "limit_total")
	first.conn.Close()
	eventually(t, "a place is free", func() bool { return r.health().num("connections", "total") == 3 })
	refused(opening{chat: chat, user: "user_3", header: http.Header{"Origin": {"https://evil.example"}}}, 403, "bad_origin")
	eventually(t, "the allowed origin gets in", func() bool {
		_, _, err := opening{chat: chat, user: "user_3", header: http.Header{"Origin": {"https://EXAMPLE.com"}}}.try(t, r)
		return err == nil
	})
}
