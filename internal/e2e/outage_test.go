package e2e

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"eclipse/internal/fakeapi"
)

// pace calls say every 20 ms with rising numbers until it is stopped, or the test ends; stop returns how often.
func pace(t *testing.T, say func(n int)) (stop func() int) {
	quit, said := make(chan struct{}), make(chan int, 1)
	go func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-quit:
				said <- n
				return
			case <-tick.C:
				say(n)
			}
		}
	}()
	stop = sync.OnceValue(func() int { close(quit); return <-said })
	t.Cleanup(func() { stop() })
	return stop
}

// TestAPIOutage takes the API away for two seconds, which is longer than the patience of the routers, while clients
// talk on both: every message is accepted, and in the end shown to everyone once and stored once.
func TestAPIOutage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeapi.Batch)
	a, b := w.pair("ACCEPT_PATIENCE=100ms", "SAVE_TIMEOUT=1s")
	chat := newChat()
	old, v1, listener := a.old(t, chat, "user_old"), b.v1(t, chat, "user_v1"), a.old(t, chat, "anon_1")
	stop := pace(t, func(n int) {
		old.say(words("old %d", n))
		v1.sayAs("USER", words("v1 %d", n), fmt.Sprintf("id-%d", n))
	})
	listener.has(words("v1 5"))
	address := w.api.Address()
	w.api.Close()
	outage := time.After(2 * time.Second)
	v1.wait("an acceptance", func() bool { return acksOf(v1.frames, "accepted") > 0 })
	listener.send(`{"type":"typing","isTyping":true}`)
	equal(t, "typing in an outage", v1.next("typing").str("data", "userId"), "anon_1")
	<-outage
	back, err := fakeapi.Listen(address, w.api.API)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(back.Close)
	n := stop()
	v1.wait("each is stored", func() bool { return acksOf(v1.frames, "stored") == n })
	sameOrder(t, 2*n, v1, listener, old)
	for _, name := range []string{"old", "v1"} {
		var sent []string
		for i := range n {
			sent = append(sent, words("%s %d", name, i))
		}
		inOrder(t, listener, name, sent)
	}
	equal(t, "rows", len(w.api.RowsOf(chat)), 2*n)
	for _, c := range []*Client{old, v1} {
		equal(t, "errors at "+c.how.user, len(c.of("error")), 0)
	}
	equal(t, "still queued", a.metric("outbox_held")+b.metric("outbox_held"), 0)
}

// acksOf counts the acks of a status.
func acksOf(frames []frame, status string) (n int) {
	for _, f := range frames {
		if f.typ() == "ack" && f.str("status") == status {
			n++
		}
	}
	return n
}

// TestNowhereToKeep takes the API and Redis away: what can be kept nowhere is refused, to be tried again.
func TestNowhereToKeep(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeapi.Batch)
	a := w.router("ACCEPT_PATIENCE=100ms", "SAVE_PATIENCE=1s", "SAVE_TIMEOUT=1s")
	chat := newChat()
	old, v1 := a.old(t, chat, "user_old"), a.v1(t, chat, "user_v1")
	old.say(words("before"))
	v1.has(words("before"))
	address := w.api.Address()
	w.redis.Kill()
	w.api.Close()
	eventually(t, "both are missed", func() bool { return a.health().str("status") == "degraded" })
	old.say(words("old"))
	v1.sayAs("USER", words("v1"), "id-1")
	equal(t, "an old client is told", old.next("error").str("error"), "Failed to send message")
	refusal := v1.next("error")
	if code := refusal.str("code"); refusal.at("retryable") != any(true) || code != "API_UNAVAILABLE" && code != "LOG_UNAVAILABLE" {
		t.Errorf("refusal %v", refusal)
	}
	w.redis.Restart()
	back, err := fakeapi.Listen(address, w.api.API)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(back.Close)
	for acksOf(v1.all(), "stored") == 0 {
		before := len(v1.of("error")) + len(v1.of("ack"))
		v1.sayAs("USER", words("v1"), "id-1")
		v1.wait("an answer", func() bool { return count(v1.frames, "error")+count(v1.frames, "ack") > before })
	}
	old.has(words("v1"))
	equal(t, "rows of it", len(slices.DeleteFunc(w.api.RowsOf(chat), func(r fakeapi.Row) bool { return r.Content != words("v1") })), 1)
}

// TestRedisRestarts kills Redis, lets clients talk, and starts it empty within the five seconds that messages wait.
func TestRedisRestarts(t *testing.T) {
	t.Parallel()
	for name, mode := range map[string]fakeapi.Mode{"batch": fakeapi.Batch, "old": fakeapi.Old} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, mode)
			a, b := w.pair()
			chat := newChat()
			clients := []*Client{a.old(t, chat, "user_a"), a.v1(t, chat, "user_a1"), b.old(t, chat, "anon_b")}
			sent := sayAll(clients[0], "before", 5)
			sameOrder(t, 5, clients...)
			w.redis.Kill()
			for _, r := range []*Router{a, b} {
				eventually(t, "the instance is degraded", func() bool { return r.health().str("status") == "degraded" })
			}
			during := append(sayAll(clients[0], "a during", 3), sayAll(clients[2], "b during", 3)...)
			w.redis.Restart()
			sent = append(sent, during...)
			for _, c := range clients {
				for _, content := range sent {
					c.has(content)
				}
			}
			after := sayAll(clients[2], "after", 5)
			sameOrder(t, len(sent)+len(after), clients...)
			for _, c := range clients {
				inOrder(t, c, "a during", during[:3])
				inOrder(t, c, "b during", during[3:])
				inOrder(t, c, "after", after)
				equal(t, "errors at "+c.how.user, len(c.of("error")), 0)
			}
			for _, r := range []*Router{a, b} {
				eventually(t, "the instance is healthy", func() bool { return r.health().str("status") == "healthy" })
			}
		})
	}
}

// TestRedisIsAwayForLong: after five seconds each instance serves its own sockets without offsets, and the others as
// soon as the log is back.
func TestRedisIsAwayForLong(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeapi.Batch)
	a, b := w.pair()
	chat := newChat()
	here, too, there := a.v1(t, chat, "user_1"), a.old(t, chat, "user_2"), b.old(t, chat, "user_3")
	w.redis.Kill()
	here.sayAs("USER", words("unlogged 0"), "id-0")
	for _, c := range []*Client{here, too} {
		c.has(words("unlogged 0"))
		f := c.of("message")[0]
		equal(t, "keys of an unlogged message", f.keys(), "chatId data timestamp type")
	}
	equal(t, "keys of its ack", here.next("ack").keys(), "chatId clientMessageId id status type")
	a.reaches("log_unsequenced_total", 1)
	late := a.old(t, chat, "user_late") // who comes now is greeted all the same
	here.sayAs("USER", words("unlogged 1"), "id-1")
	late.has(words("unlogged 1"))
	there.settle()
	equal(t, "messages on the other instance", len(there.of("message")), 0)
	w.redis.Restart()
	there.has(words("unlogged 0"))
	there.has(words("unlogged 1"))
	here.say(words("the end"))
	sameOrder(t, 3, here, too, there)
}

// TestFlush wipes Redis under open sockets: a new epoch begins, and nothing is shown twice.
func TestFlush(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeapi.Batch)
	a, b := w.pair()
	chat := newChat()
	clients := []*Client{a.v1(t, chat, "user_a"), b.v1(t, chat, "user_b"), a.old(t, chat, "anon_a"), b.old(t, chat, "anon_b")}
	sayAll(clients[0], "before", 5)
	sameOrder(t, 5, clients...)
	before, _ := clients[0].position()
	w.redis.FlushAll()
	sayAll(clients[3], "after", 5)
	sameOrder(t, 10, clients...)
	for _, c := range clients[:2] {
		resumed := c.next("resumed")
		equal(t, "recovered", resumed.at("recovered"), any(false))
		now, offset := c.position()
		if now <= before {
			t.Errorf("epoch %q follows %q", now, before)
		}
		equal(t, "offset in the new epoch", offset, 5)
	}
	a.reaches("log_epochs_total", 1)
	back := b.dial(t, opening{chat: chat, user: "user_back", v1: true, epoch: before, offset: 3})
	equal(t, "recovered from an epoch that has ended", back.next("resumed").at("recovered"), any(false))
}

// TestFlushKeepsASendersOrder wipes Redis while two instances hold accepted messages of one sender: each enters its own
// again, and they come in the order in which they were sent.
func TestFlushKeepsASendersOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeapi.Batch)
	a, b := w.pair("ACCEPT_PATIENCE=50ms", "SAVE_TIMEOUT=1s")
	chat := newChat()
	first, second, listener := a.v1(t, chat, "user_s"), b.v1(t, chat, "user_s"), b.old(t, chat, "anon_1")
	address := w.api.Address()
	w.api.Close()
	accepted := func(by *Client, n int) {
		begun := time.Now()
		by.sayAs("USER", words("m %d", n), fmt.Sprintf("id-%d", n))
		eventually(t, "another millisecond, which orders what two instances enter", func() bool { return time.Since(begun) > 2*time.Millisecond })
		by.wait("an acceptance", func() bool {
			return slices.ContainsFunc(by.frames, func(f frame) bool { return f.typ() == "ack" && f.str("clientMessageId") == fmt.Sprintf("id-%d", n) })
		})
	}
	const n = 10
	for i := range n / 2 {
		accepted(first, 2*i)
		accepted(second, 2*i+1)
	}
	w.redis.FlushAll()
	accepted(second, n)
	back, err := fakeapi.Listen(address, w.api.API)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(back.Close)
	sameOrder(t, n+1, first, second, listener)
	var sent []string
	for i := range n + 1 {
		sent = append(sent, words("m %d", i))
	}
	inOrder(t, listener, "m", sent)
	equal(t, "rows", len(w.api.RowsOf(chat)), n+1)
	b.reaches("outbox_reentered_total", 1)
}

// TestSubscriptionBreaks cuts and freezes the pub/sub connections: a chat hears again by itself.
func TestSubscriptionBreaks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeapi.Batch)
	a, b := w.pair()
	chat := newChat()
	here, there := a.old(t, chat, "user_a"), b.old(t, chat, "user_b")
	for i := range 3 {
		w.redis.Do("CLIENT", "KILL", "TYPE", "pubsub")
		here.say(words("after cut %d", i))
		there.has(words("after cut %d", i))
		there.say(words("back after cut %d", i))
		here.has(words("back after cut %d", i))
		b.reaches("redis_reconnects_total", float64(i+1))
	}
	w.redis.Pause()
	here.say(words("while it is frozen"))
	eventually(t, "it is stored", func() bool { return len(w.api.RowsOf(chat)) == 7 })
	w.redis.Resume()
	sameOrder(t, 7, here, there)
	equal(t, "errors", len(here.of("error"))+len(there.of("error")), 0)
}

// TestInstanceIsKilled: clients of the one that dies come back to the other and lose nothing; chats of the other
// do not notice.
func TestInstanceIsKilled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeapi.Batch)
	w.api.SetLatency(5 * time.Millisecond)
	a, b := w.pair()
	shared, untouched := newChat(), newChat()
	victim, witness := a.v1(t, shared, "user_1"), b.v1(t, shared, "user_2")
	talker, hearer := b.old(t, untouched, "anon_1"), b.old(t, untouched, "user_4")
	stop := pace(t, func(n int) { talker.say(words("calm %d", n)) })

	const all = 60
	for i := range all {
		victim.sayAs("USER", words("victim %d", i), fmt.Sprintf("id-%d", i))
	}
	victim.wait("some acks", func() bool { return count(victim.frames, "ack") >= 5 })
	a.Kill()
	equal(t, "end", victim.closed().code, 1006)
	witness.say(words("while you were away"))
	epoch, offset := victim.position()
	back := b.dial(t, opening{chat: shared, user: "user_1", v1: true, epoch: epoch, offset: offset})
	equal(t, "recovered", back.next("resumed").at("recovered"), any(true))
	acked := map[string]string{}
	for _, f := range victim.of("ack") {
		acked[f.str("clientMessageId")] = f.str("id")
	}
	resent := 0
	for i := range all {
		if acked[fmt.Sprintf("id-%d", i)] == "" {
			back.sayAs("USER", words("victim %d", i), fmt.Sprintf("id-%d", i))
			resent++
		}
	}
	back.wait("an ack for each", func() bool { return count(back.frames, "ack") == resent })
	sameOrder(t, all+1, witness)
	back.has(witness.contents()[all])
	same(t, "before and after", slices.Concat(victim.contents(), back.contents()), witness.contents())
	equal(t, "rows", len(w.api.RowsOf(shared)), all+1)

	sameOrder(t, stop(), hearer, talker)
	equal(t, "errors in the chat that was not touched", len(talker.of("error")), 0)
}

// TestInstanceIsFrozen stops a process for a while (SIGSTOP): afterwards its clients have everything, once.
func TestInstanceIsFrozen(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakeapi.Batch)
	a, b := w.pair()
	chat := newChat()
	frozen, awake := a.v1(t, chat, "user_1"), b.v1(t, chat, "user_2")
	a.Stop()
	frozen.sayAs("USER", words("sent to a frozen instance"), "id-1")
	for i := range 20 {
		awake.say(words("meanwhile %d", i))
	}
	awake.has(words("meanwhile 19"))
	a.Cont()
	equal(t, "status", frozen.next("ack").str("status"), "stored")
	sameOrder(t, 21, frozen, awake)
}
