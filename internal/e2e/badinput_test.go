package e2e

import (
	"bytes"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"eclipse/internal/fakeapi"
)

func TestBadFrames(t *testing.T) {
	t.Parallel()
	r, api := alone(t, fakeapi.Options{})
	chat := newChat()
	c, bystander := r.v1(t, chat, "user_1"), r.old(t, chat, "user_2")
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for _, bad := range []struct {
		name string
		kind int
		data string
		code string
	}{
		{"binary", websocket.BinaryMessage, `{"type":"ping"}`, "BAD_FRAME"},
		{"invalid UTF-8", websocket.TextMessage, "{\"type\":\"message\",\"role\":\"USER\",\"content\":\"\xff\xfe\"}", "BAD_FRAME"},
		{"invalid UTF-8 alone", websocket.TextMessage, "\xc0\x80", "BAD_FRAME"},
		{"repeated type", websocket.TextMessage, `{"type":"ping","type":"message"}`, "BAD_FRAME"},
		{"repeated content", websocket.TextMessage, `{"type":"message","content":"plain-words","content":"other","role":"USER"}`, "BAD_FRAME"},
		{"repeated key behind an escape", websocket.TextMessage, `{"type":"message","content":"plain-words","\u0063ontent":"other","role":"USER"}`, "BAD_FRAME"},
		{"unended", websocket.TextMessage, `{"type":"message","content":"plain-words`, "BAD_FRAME"},
		{"two objects", websocket.TextMessage, `{"type":"ping"}{"type":"ping"}`, "BAD_FRAME"},
		{"NUL", websocket.TextMessage, "\x00", "BAD_FRAME"},
		{"line break in a text", websocket.TextMessage, "{\"type\":\"message\",\"role\":\"USER\",\"content\":\"a\nb\"}", "BAD_FRAME"},
		{"deep", websocket.TextMessage, deep(30_000), "BAD_FRAME"},
		{"deep in a member", websocket.TextMessage, `{"type":"ping","x":` + deep(30_000) + `}`, "BAD_FRAME"},
		{"empty", websocket.TextMessage, "", "BAD_FRAME"},
		{"text", websocket.TextMessage, `"message"`, "UNKNOWN_TYPE"},
		{"number", websocket.TextMessage, `1e999`, "UNKNOWN_TYPE"},
		{"type is an object", websocket.TextMessage, `{"type":{"type":"message"}}`, "UNKNOWN_TYPE"},
		{"types of part 2 that only servers send", websocket.TextMessage, `{"type":"message_updated","data":{}}`, "UNKNOWN_TYPE"},
		{"content is an array", websocket.TextMessage, `{"type":"message","content":["plain-words"],"role":"USER"}`, "MISSING_FIELD"},
		{"only blanks", websocket.TextMessage, `{"type":"message","content":"\u00a0\ufeff\t ","role":"USER"}`, "MISSING_FIELD"},
		{"role in lower case", websocket.TextMessage, `{"type":"message","content":"plain-words","role":"user"}`, "MISSING_FIELD"},
		{"bad clientMessageId", websocket.TextMessage, `{"type":"message","content":"plain-words","role":"USER","clientMessageId":"../../x"}`, "BAD_FRAME"},
		{"long clientMessageId", websocket.TextMessage, `{"type":"message","content":"plain-words","role":"USER","clientMessageId":"` + strings.Repeat("x", 65) + `"}`, "BAD_FRAME"},
		{"negative offset", websocket.TextMessage, `{"type":"resume","epoch":"1","offset":-1}`, "BAD_FRAME"},
		{"resume without epoch", websocket.TextMessage, `{"type":"resume","offset":1}`, "MISSING_FIELD"},
		{"subscribe without token", websocket.TextMessage, `{"type":"subscribe","chatId":"chat"}`, "MISSING_FIELD"},
		{"read without id", websocket.TextMessage, `{"type":"read"}`, "MISSING_FIELD"},
	} {
		refusals := `refusals_total{code="` + bad.code + `"}`
		before, invalid := r.metric(refusals), r.metric(`frames_in_total{outcome="refused",type="invalid"}`)
		c.sendRaw(bad.kind, []byte(bad.data))
		f := c.next("error")
		equal(t, "code of "+bad.name, f.str("code"), bad.code)
		equal(t, "retryable of "+bad.name, f.at("retryable"), any(false))
		equal(t, "counter of "+bad.name, r.metric(refusals), before+1)
		equal(t, "invalid frames after "+bad.name, r.metric(`frames_in_total{outcome="refused",type="invalid"}`), invalid+1)
	}
	c.say(words("alive and well"))
	bystander.has(words("alive and well"))
	equal(t, "frames at the bystander", len(bystander.all()), 2)
	equal(t, "rows", len(api.Rows()), 1)
}

// TestOddButValidFrames are carried out.
func TestOddButValidFrames(t *testing.T) {
	t.Parallel()
	r, api := alone(t, fakeapi.Options{})
	c := r.old(t, newChat(), "user_1")
	for sent, content := range map[string]string{
		`{"role":"USER","x":{"type":"ping"},"content":"plain-words \u0031","\u0074ype":"message"}`: "plain-words 1",
		` {"type":"message","content":"plain-words \ud83d\ude00","role":"USER","y":[[]]} `:         "plain-words 😀",
		`{"type":"message","content":"plain-words \ud83d","role":"USER"}`:                          "plain-words \ufffd",
		`{"type":"message","content":"plain-words <script>\u0000","role":"USER","chatId":null}`:    "plain-words <script>\x00",
		`{"type":"message","content":"plain-words {\"type\":\"x\"}","role":"USER","id":"forged"}`:  `plain-words {"type":"x"}`,
	} {
		c.send(sent)
		c.has(content)
	}
	w, err := c.conn.NextWriter(websocket.TextMessage) // in fragments
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.SplitAfter(`{"type":"message","content":"`+words("in parts")+strings.Repeat("x", 9000)+`","role":"USER"}`, " ") {
		fmt.Fprint(w, part)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	c.has(words("in parts") + strings.Repeat("x", 9000))
	for _, row := range api.Rows() {
		if row.ID == "forged" {
			t.Error("an id of a client's choice was stored")
		}
	}
}

// TestBadPayloadsOnRedis publishes what no router and no API of ours would: it is counted and dropped.
func TestBadPayloadsOnRedis(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeapi.Batch)
	a, b := w.pair()
	chat := newChat()
	clients := []*Client{a.old(t, chat, "user_a"), a.v1(t, chat, "user_a1"), b.old(t, chat, "anon_b")}
	clients[0].say(words("before"))
	sameOrder(t, 1, clients...)
	epoch, _ := clients[1].position()
	bad := []string{
		"", "no JSON", "null", "7", `"text"`, "[]", "{}", `{"type":7}`, `{"type":null,"data":{}}`, "\xff\xfe",
		`{"type":"message"}`, `{"type":"message","data":[]}`, `{"type":"message","data":"x"}`, `{"type":"message","data":{"id":"a","id":"b"}}`,
		"{\"type\":\"message\",\"data\":{\"id\":\"x\",\"content\":\"\xff\"}}", `{"type":"message","data":{"id":"x"}`,
		`{"type":"typing"}`, `{"type":"typing","data":{"userId":7,"isTyping":true}}`, `{"type":"typing","data":{"userId":"u"}}`,
		`{"type":"presence","data":{"userId":"u","status":"online"}}`, `{"type":"read","data":{"userId":"u","messageId":"m"}}`,
		`{"type":"presence_state","origin":"x","users":[{"userId":"","status":"online"}]}`,
		`{"type":"message","data":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`,
	}
	for _, payload := range bad {
		w.publish("chat:"+chat, []byte(payload))
	}
	large := append([]byte(`{"type":"message","data":{"id":"large","content":"`), bytes.Repeat([]byte("x"), 3<<20)...)
	w.publish("chat:"+chat, append(large, `"}}`...))
	for _, r := range []*Router{a, b} {
		r.reaches(`drops_total{reason="bus_not_ours"}`, float64(len(bad)))
		r.reaches(`drops_total{reason="bus_too_large"}`, 1)
		equal(t, "drops", r.metric(`drops_total{reason="bus_not_ours"}`), float64(len(bad)))
		equal(t, "panics", r.metric(`panics_total{actor="chat"}`)+r.metric(`panics_total{actor="bridge"}`), 0)
	}
	// A place in the log that nobody gave out, and an epoch that has ended, must not stop the chat.
	w.publish("chat:"+chat, fmt.Appendf(nil, `{"type":"message","data":{"id":"far","content":"x"},"offset":900,"epoch":%q}`, epoch))
	w.publish("chat:"+chat, []byte(`{"type":"message","data":{"id":"past","content":"x"},"offset":1,"epoch":"0"}`))
	w.publish("chat:"+chat, []byte(`{"type":"message","data":{"id":"odd","content":"x"},"offset":-1,"epoch":7}`))
	clients[2].say(words("after"))
	for _, c := range clients {
		c.has(words("after"))
		got := slices.DeleteFunc(c.contents(), func(s string) bool { return s == "x" }) // an odd offset is none: raw input
		same(t, c.how.user, got, []string{words("before"), words("after")})
	}
	other := a.old(t, newChat(), "user_other")
	other.say(words("untouched"))
	other.has(words("untouched"))
}

// TestHalfOpenPeers connects and says nothing, or half of something, many times: others do not notice.
func TestHalfOpenPeers(t *testing.T) {
	t.Parallel()
	r, _ := alone(t, fakeapi.Options{})
	address := strings.TrimPrefix(r.URL, "http://")
	for i := range 150 {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if i%3 > 0 {
			fmt.Fprint(conn, "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n")
		}
		if i%3 > 1 {
			fmt.Fprint(conn, "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: nonsense\r\n\r\n")
		}
	}
	chat := newChat()
	half := r.old(t, chat, "user_half")
	half.bytes([]byte{0x81, 0xfe, 0x10, 0x00, 1, 2, 3, 4, 'h', 'a', 'l', 'f'}) // the beginning of a frame of 4 KiB
	c := r.old(t, chat, "user_1")
	c.say(words("unimpressed"))
	c.has(words("unimpressed"))
	half.has(words("unimpressed"))
	equal(t, "handshakes that are none", r.metric(`upgrades_total{outcome="bad_request"}`), 50)
	equal(t, "connections", r.health().num("connections", "total"), 2)
}

// TestDeadPeer does not answer pings: it is gone within 35 seconds, and its user goes offline.
func TestDeadPeer(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for a ping and its time-out")
	}
	t.Parallel()
	r, _ := alone(t, fakeapi.Options{})
	chat := newChat()
	watcher := r.v1(t, chat, "user_watcher")
	dead := r.v1(t, chat, "user_dead")
	resume := dead.pause()
	t.Cleanup(resume)
	watcher.next("presence")
	watcher.send(`{"type":"typing","isTyping":true}`) // the frame after which the dead one reads no more
	eventuallyWithin(t, deadPeer, "the dead peer is gone", func() bool { return r.health().num("connections", "total") == 1 })
	equal(t, "offline", watcher.next("presence").str("data", "status"), "offline")
	equal(t, "closes", r.metric(`closes_total{code="1006"}`), 1)
	watcher.settle()
}
