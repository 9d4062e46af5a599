package e2e

import (
	"fmt"
	"slices"
	"testing"

	"eclipse/internal/fakeapi"
)

func TestTwoInstancesOneOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeapi.Batch)
	a, b := w.pair()
	chat := newChat()
	clients := []*Client{a.old(t, chat, "user_a"), a.v1(t, chat, "user_a1"), b.old(t, chat, "anon_b"), b.v1(t, chat, "user_b1")}
	w.allSpeak(t, chat, 25, clients)

	clients[0].send(`{"type":"typing","isTyping":true}`)
	clients[3].send(`{"type":"agent_joined"}`)
	for _, c := range clients {
		c.next("agent_joined")
	}
	clients[0].say(words("the end"))
	for _, c := range clients {
		c.has(words("the end"))
		c.settle()
		equal(t, "agent_joined at "+c.how.user, len(c.of("agent_joined")), 1)
	}
	for i, c := range clients {
		var states []any
		c.wait("the end of typing", func() bool {
			states = nil
			for _, f := range c.frames {
				if f.typ() == "typing" {
					states = append(states, f.at("data", "isTyping"))
				}
			}
			return i == 0 || len(states) >= 2
		})
		want := []any{true, false} // the message ends it
		if i == 0 {
			want = nil
		}
		if !slices.Equal(states, want) {
			t.Errorf("%s was sent typing %v, want %v", c.how.user, states, want)
		}
	}
}

// TestOneSocketManyChats has an agent hold chats whose visitors are on another instance.
func TestOneSocketManyChats(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeapi.Batch)
	a, b := w.pair()
	agent := a.v1(t, newChat(), "user_agent")
	const chats = 40
	var visitors []*Client
	for range chats {
		chat := newChat()
		agent.sendJSON(frame{"type": "subscribe", "chatId": chat, "token": opening{chat: chat, user: "user_agent"}.mint(t)})
		equal(t, "chat", agent.next("subscribed").str("chatId"), chat)
		visitors = append(visitors, b.old(t, chat, "anon_1"))
	}
	for _, v := range visitors {
		v.say(words("question in %s", v.how.chat))
		agent.has(words("question in %s", v.how.chat))
		agent.sendJSON(frame{"type": "message", "chatId": v.how.chat, "role": "AGENT", "content": words("answer in %s", v.how.chat)})
		v.has(words("answer in %s", v.how.chat))
	}
	first := visitors[0].how.chat
	agent.sendJSON(frame{"type": "unsubscribe", "chatId": first})
	agent.next("unsubscribed")
	agent.sendJSON(frame{"type": "message", "chatId": first, "role": "AGENT", "content": mark})
	equal(t, "code after unsubscribe", agent.next("error").str("code"), "NOT_SUBSCRIBED")
	visitors[0].say(words("unheard"))
	visitors[0].has(words("unheard"))
	agent.settle()
	equal(t, "messages of the agent", len(agent.of("message")), 2*chats)
	for _, v := range visitors[1:] {
		equal(t, "messages in "+v.how.chat, len(v.of("message")), 2)
	}
}

func TestPresenceAndReadOverInstances(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeapi.Batch)
	a, b := w.pair()
	chat := newChat()
	agent := a.v1(t, chat, "user_agent")
	visitor := b.v1(t, chat, "anon_1")
	online := agent.next("presence")
	equal(t, "who is online", online.str("data", "userId")+" "+online.str("data", "status"), "anon_1 online")
	visitor.say(words("one"))
	visitor.say(words("two"))
	one, two := agent.next("message").str("data", "id"), agent.next("message").str("data", "id")
	agent.sendJSON(frame{"type": "read", "messageId": two})
	read := visitor.next("read")
	equal(t, "read mark", read.str("data", "userId")+" "+read.str("data", "messageId"), "user_agent "+two)
	agent.sendJSON(frame{"type": "read", "messageId": one}) // back: marks only go forward
	agent.send(`{"type":"typing","isTyping":true}`)
	visitor.next("typing")
	equal(t, "read marks at the visitor", len(visitor.of("read")), 1)
	visitor.conn.Close()
	offline := agent.next("presence")
	equal(t, "who is offline", offline.str("data", "userId")+" "+offline.str("data", "status"), "anon_1 offline")
}

// TestRepeatOverTheOtherInstance sends one clientMessageId three times over two instances.
func TestRepeatOverTheOtherInstance(t *testing.T) {
	t.Parallel()
	for name, mode := range map[string]fakeapi.Mode{"batch": fakeapi.Batch, "old": fakeapi.Old} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, mode)
			a, b := w.pair()
			chat := newChat()
			at, there, listener := a.v1(t, chat, "user_1"), b.v1(t, chat, "user_1"), b.old(t, chat, "anon_1")
			there.say(words("b has found out which API this is"))
			at.has(words("b has found out which API this is"))
			at.sayAs("USER", words("first"), "id-1")
			first := at.next("ack")
			equal(t, "keys of ack", first.keys(), "chatId clientMessageId epoch id offset status type")
			there.sayAs("USER", words("another content"), "id-1")
			again := there.next("ack")
			equal(t, "id over the other instance", again.str("id"), first.str("id"))
			equal(t, "offset over the other instance", again.num("offset"), first.num("offset"))
			at.sayAs("USER", words("first"), "id-1")
			equal(t, "id at the same instance", at.next("ack").str("id"), first.str("id"))
			listener.say(words("the end"))
			sameOrder(t, 3, at, there, listener)
			equal(t, "rows", len(w.api.RowsOf(chat)), 3)
		})
	}
}

// TestRepeatOfWhatTheWindowNoLongerHolds repeats a message after so many others that its entry is gone.
func TestRepeatOfWhatTheWindowNoLongerHolds(t *testing.T) {
	t.Parallel()
	for name, mode := range map[string]fakeapi.Mode{"batch": fakeapi.Batch, "old": fakeapi.Old} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, api := alone(t, fakeapi.Options{Mode: mode}, "LOG_WINDOW=10")
			chat := newChat()
			c := r.v1(t, chat, "user_1")
			c.sayAs("USER", words("first"), "id-1")
			first := c.next("ack").str("id")
			const others = 150
			for i := range others {
				c.sayAs("USER", words("other %d", i), fmt.Sprintf("other-%d", i))
			}
			sameOrder(t, 1+others, c)
			c.wait("every ack", func() bool { return acksOf(c.frames, "stored") == 1+others })
			c.cursor = len(c.all())
			c.sayAs("USER", words("first"), "id-1")
			answer := c.next("")
			equal(t, "answer to the repeat", answer.typ()+" "+answer.str("id"), "ack "+first)
			equal(t, "rows", len(api.RowsOf(chat)), 1+others)
		})
	}
}
