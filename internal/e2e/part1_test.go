package e2e

import (
	"regexp"
	"slices"
	"testing"

	"github.com/gorilla/websocket"

	"eclipse/internal/fakeapi"
)

var rfc3339Millis = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)

func stamped(t *testing.T, f frame, path ...string) {
	t.Helper()
	if at := f.str(path...); !rfc3339Millis.MatchString(at) {
		t.Errorf("%s: no time at %v: %q", f.typ(), path, at)
	}
}

func TestOldClientSeesTheShapesThatItKnows(t *testing.T) {
	t.Parallel()
	r, api := alone(t, fakeapi.Options{Users: map[string]fakeapi.User{
		"user_1": {ID: "user_1", Name: "John Doe", Email: "john@example.com", Image: "https://img/1"},
	}})
	chat := newChat()
	agent := r.open(t, opening{chat: chat, user: "user_1"})
	connected := agent.next("")
	equal(t, "keys of connected", connected.keys(), "chatId timestamp type")
	equal(t, "first frame", connected.typ(), "connected")
	equal(t, "chat of connected", connected.str("chatId"), chat)
	stamped(t, connected, "timestamp")
	visitor := r.old(t, chat, "anon_1")

	agent.send(`{"type":"message","content":"  ` + mark + ` <b>é</b>\n ","role":"AGENT"}`)
	said := agent.next("message")
	equal(t, "keys of message", said.keys(), "chatId data epoch offset timestamp type")
	equal(t, "keys of message data", said.keys("data"), "content id role sender timestamp")
	equal(t, "keys of sender", said.keys("data", "sender"), "avatar email id name")
	equal(t, "content", said.str("data", "content"), mark+" <b>é</b>")
	equal(t, "role", said.str("data", "role"), "agent")
	equal(t, "e-mail for an authenticated socket", said.str("data", "sender", "email"), "john@example.com")
	stamped(t, said, "timestamp")
	row := api.RowsOf(chat)[0]
	equal(t, "id is the API's", said.str("data", "id"), row.ID)
	equal(t, "timestamp is createdAt", said.str("data", "timestamp"), row.CreatedAt.UTC().Format("2006-01-02T15:04:05.000Z"))

	seen := visitor.next("message")
	equal(t, "keys of sender for an anonymous socket", seen.keys("data", "sender"), "avatar email id name")
	equal(t, "e-mail for an anonymous socket", seen.at("data", "sender", "email"), nil)
	equal(t, "name for an anonymous socket", seen.str("data", "sender", "name"), "John Doe")

	visitor.send(`{"type":"typing","isTyping":true}`)
	typing := agent.next("typing")
	equal(t, "keys of typing", typing.keys(), "chatId data timestamp type")
	equal(t, "keys of typing data", typing.keys("data"), "isTyping userId")
	equal(t, "typist", typing.str("data", "userId"), "anon_1")
	equal(t, "isTyping", typing.at("data", "isTyping"), any(true))

	agent.send(`{"type":"agent_joined","agentId":"user_9","agentName":"Mallory"}`)
	joined := visitor.next("agent_joined")
	equal(t, "keys of agent_joined", joined.keys(), "chatId data epoch offset timestamp type")
	equal(t, "keys of agent_joined data", joined.keys("data"), "agentId agentName timestamp")
	equal(t, "agent is the token's", joined.str("data", "agentId"), "user_1")
	equal(t, "agent's name is the API's", joined.str("data", "agentName"), "John Doe")
	agent.next("agent_joined")

	visitor.send(`{"type":"ping"}`)
	equal(t, "keys of pong", visitor.next("pong").keys(), "type")
	visitor.send(`{"type":"nonsense"}`)
	equal(t, "keys of error", visitor.next("error").keys(), "error type")

	visitor.settle()
	equal(t, "typing for the typist's own socket", len(visitor.of("typing")), 0)
}

func TestOldClientSeesTheTextsThatItKnows(t *testing.T) {
	t.Parallel()
	r, api := alone(t, fakeapi.Options{Chats: []string{"known"}}, "ACCEPT_PATIENCE=0s", "SAVE_PATIENCE=1s")
	c, lost := r.old(t, "known", "user_1"), r.old(t, "unknown", "user_2")
	for sent, text := range map[string]string{
		`{"type":"nonsense"}`:              "Unknown message type",
		`{"type":7}`:                       "Unknown message type",
		`{}`:                               "Unknown message type",
		`[]`:                               "Unknown message type",
		`[{"type":"ping"}]`:                "Unknown message type",
		`{"type":"message","role":"USER"}`: "Missing content or role",
		`{"type":"message","content":"plain-words"}`:               "Missing content or role",
		`{"type":"message","content":" ","role":"USER"}`:           "Missing content or role",
		`{"type":"message","content":7,"role":"USER"}`:             "Missing content or role",
		`{"type":"message","content":"plain-words","role":"KING"}`: "Missing content or role",
		`no JSON`:          "Failed to process message",
		`null`:             "Failed to process message",
		`{"type":"ping"`:   "Failed to process message",
		``:                 "Failed to process message",
		`{"type":"ping"}x`: "Failed to process message",
	} {
		c.send(sent)
		equal(t, "error for "+sent, c.next("error").str("error"), text)
	}
	lost.say(words("to nowhere"))
	equal(t, "error for an unknown chat", lost.next("error").str("error"), "Failed to send message")
	api.Inject(fakeapi.Fault{Kind: fakeapi.Status})
	c.say(words("in an outage"))
	equal(t, "error in an outage", c.next("error").str("error"), "Failed to send message")
	c.send(`{"type":"agent_joined","agentId":"user_1","agentName":"A"}`)
	equal(t, "error without a name", c.next("error").str("error"), "Failed to fetch agent info")

	before := len(c.all())
	for _, sent := range []string{`{"type":"typing"}`, `{"type":"typing","isTyping":"yes"}`, `{"type":"typing","isTyping":null}`} {
		c.send(sent)
	}
	c.settle()
	equal(t, "frames after typing without a boolean, besides the pong", len(c.all())-before, 1)
	equal(t, "rows", len(api.Rows()), 0)
}

// TestOldClientIsSpared has part-2 clients do everything that they can in a chat; Client.check then holds that the old
// clients were sent part 1 only.
func TestOldClientIsSpared(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeapi.Batch)
	a, b := w.pair()
	chat := newChat()
	olds := []*Client{a.old(t, chat, "anon_old"), b.old(t, chat, "user_old")}
	news := []*Client{a.v1(t, chat, "user_new"), b.v1(t, chat, "user_newer")}
	news[0].next("presence")
	news[0].sayAs("AGENT", words("hello"), "id-1")
	id := news[1].next("message").str("data", "id")
	news[1].sendJSON(frame{"type": "read", "messageId": id})
	news[0].next("read")
	news[1].send(`{"type":"typing","isTyping":true}`)
	for _, c := range append(slices.Clone(olds), news[0]) {
		equal(t, "typist", c.next("typing").str("data", "userId"), "user_newer")
	}
	news[0].send(`{"type":"agent_joined"}`)
	news[0].next("agent_joined")
	epoch, offset := news[0].position()
	news[0].sendJSON(frame{"type": "resume", "epoch": epoch, "offset": offset})
	news[0].next("resumed")
	news[0].sendJSON(frame{"type": "auth", "token": opening{chat: chat, user: "user_new"}.mint(t)})
	news[0].next("authenticated")
	other := newChat()
	news[0].sendJSON(frame{"type": "subscribe", "chatId": other, "token": opening{chat: other, user: "user_new"}.mint(t)})
	news[0].next("subscribed")
	w.publish("chat:"+chat, []byte(`{"type":"message_updated","data":{"id":"`+id+`","content":"`+mark+`","role":"agent","updatedAt":"2026-01-01T00:00:00.000Z","extra":{"deep":[1]},"sender":{"id":"u"}},"timestamp":"2026-01-01T00:00:00.000Z"}`))
	for _, c := range slices.Concat(olds, news) {
		updated := c.next("message_updated")
		equal(t, "unknown fields pass", updated.keys("data", "extra"), "deep")
		equal(t, "updated id", updated.str("data", "id"), id)
	}
	news[1].conn.Close()
	news[0].wait("offline", func() bool {
		return slices.ContainsFunc(news[0].frames, func(f frame) bool { return f.str("data", "status") == "offline" })
	})
	for _, c := range olds {
		c.settle()
		equal(t, "agent_joined at "+c.how.user, len(c.of("agent_joined")), 1)
		equal(t, "messages at "+c.how.user, len(c.of("message")), 1)
	}
}

func TestRoles(t *testing.T) {
	t.Parallel()
	r, api := alone(t, fakeapi.Options{})
	for _, c := range []struct {
		user, claim, role string
		allowed           bool
	}{
		{"anon_1", "", "USER", true},
		{"anon_1", "", "AGENT", false},
		{"anon_1", "", "ASSISTANT", false},
		{"user_1", "", "USER", true},
		{"user_1", "", "AGENT", true},
		{"user_1", "", "ASSISTANT", true},
		{"user_1", "USER", "AGENT", false},
		{"user_1", "AGENT", "AGENT", true},
		{"user_1", "AGENT", "USER", false},
	} {
		chat := newChat()
		listener := r.old(t, chat, "user_listener")
		speaker := r.dial(t, opening{chat: chat, user: c.user, role: c.claim, v1: true})
		speaker.sayAs(c.role, words("as %s", c.role), "id-1")
		if c.allowed {
			equal(t, "ack", speaker.next("ack").str("status"), "stored")
			listener.has(words("as %s", c.role))
			continue
		}
		equal(t, "code for "+c.user+" "+c.claim+" as "+c.role, speaker.next("error").str("code"), "ROLE_FORBIDDEN")
		listener.settle()
		equal(t, "frames of a forged role", len(listener.of("message")), 0)
		equal(t, "rows of a forged role", len(api.RowsOf(chat)), 0)
	}
	forger := r.old(t, newChat(), "anon_2")
	forger.send(`{"type":"agent_joined","agentId":"user_1","agentName":"John Doe"}`)
	equal(t, "keys of the refusal", forger.next("error").keys(), "error message type")
	forger.settle()
	equal(t, "agent_joined of an anonymous socket", len(forger.of("agent_joined")), 0)
}

// TestIdsCannotWalk opens with odd chat ids in tokens and names them in frames: none reaches a path of the API.
func TestIdsCannotWalk(t *testing.T) {
	t.Parallel()
	r, api := alone(t, fakeapi.Options{})
	for _, id := range []string{"../users/user_1", "..", ".", "a/b", "a%2fb", "a b", "ä", "a\x00", "", "{abc}", "a:b"} {
		c := r.open(t, opening{chat: id, user: "user_1"})
		equal(t, "end for chat "+id, c.closed(), ending{4002, "Invalid token payload: missing userId or chatId"})
	}
	c := r.v1(t, newChat(), "user_1")
	for _, id := range []any{"../users/user_1", "", "a/b", 7, []int{1}} {
		for _, kind := range []string{"message", "typing", "agent_joined", "read", "unsubscribe"} {
			c.sendJSON(frame{"type": kind, "chatId": id, "content": mark, "role": "USER", "isTyping": true, "messageId": "m"})
			equal(t, "code for chat "+kind, c.next("error").str("code"), "BAD_FRAME")
		}
	}
	c.sendJSON(frame{"type": "message", "chatId": "somebody-elses", "content": mark, "role": "USER"})
	equal(t, "code for a foreign chat", c.next("error").str("code"), "NOT_SUBSCRIBED")
	walker := r.old(t, newChat(), "../../chats")
	walker.send(`{"type":"agent_joined"}`)
	walker.next("")
	c.settle()
	equal(t, "rows", len(api.Rows()), 0)
	equal(t, "end of the walker", walker.conn.WriteMessage(websocket.TextMessage, []byte(`{"type":"ping"}`)), nil)
	walker.next("pong")
}
