package e2e

import (
	"testing"

	"eclipse/internal/fakeapi"
)

// TestAnonymousSocketsAreOneSender: a visitor who comes back has a new userId, and what it sends again is still a repeat.
func TestAnonymousSocketsAreOneSender(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeapi.Batch)
	a, b := w.pair()
	chat := newChat()
	before := a.v1(t, chat, "anon_before")
	before.sayAs("USER", words("hello"), "id-1")
	first := before.next("ack")
	before.conn.Close()
	after, user := b.v1(t, chat, "anon_after"), b.v1(t, chat, "user_1")
	after.sayAs("USER", words("hello"), "id-1")
	equal(t, "id for the same sender", after.next("ack").str("id"), first.str("id"))
	user.sayAs("USER", words("hello"), "id-1")
	if id := user.next("ack").str("id"); id == first.str("id") {
		t.Error("another sender's message counts as a repeat")
	}
	equal(t, "rows", len(w.api.RowsOf(chat)), 2)
}

// TestRepeatAfterRedisIsLost: with the batch route an id is derived, so a repeat is one although nobody remembers.
func TestRepeatAfterRedisIsLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeapi.Batch)
	a, b := w.pair()
	chat := newChat()
	sender, listener := a.v1(t, chat, "user_1"), b.v1(t, chat, "user_2")
	sender.sayAs("USER", words("hello"), "id-1")
	first := sender.next("ack").str("id")
	listener.has(words("hello"))
	w.redis.FlushAll()
	a.Kill()
	again := b.v1(t, chat, "user_1")
	again.sayAs("USER", words("hello"), "id-1")
	equal(t, "id after everything was forgotten", again.next("ack").str("id"), first)
	listener.say(words("the end"))
	sameOrder(t, 2, listener)
	equal(t, "rows", len(w.api.RowsOf(chat)), 2)
}
