package actors

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"eclipse/actors/messages"
	"eclipse/internal/chatlog"
	"eclipse/internal/nextapi"
	"eclipse/internal/wire"
)

// The allocator's classes around a chat's size are 768 and 896 bytes, of which 8 are its own: one field more, and a million
// chats take 128 MB more.
func TestChatFitsItsSizeClass(t *testing.T) {
	if size := unsafe.Sizeof(chat{}); size > 768-8 {
		t.Errorf("a chat takes %d bytes", size)
	}
}

// half is more than half of what may wait, in bytes.
func half(limit int) string { return strings.Repeat("x", limit/2+1) }

func TestSaveQueueIsBoundedInBytes(t *testing.T) {
	q := newSaveQueue(100)
	now := time.Now()
	big := func(chatID string) *queued {
		return &queued{request: &messages.PersistRequest{ChatId: chatID, Content: half(maxSaveBytes)}, expires: now.Add(time.Minute)}
	}
	if !q.push(big("a")) || q.push(big("b")) || q.size != 1 || q.chats["b"] != nil {
		t.Fatalf("%d saves of %d bytes", q.size, q.bytes)
	}
	q.take(1, 1, free)
	if out := q.done(nil, "a", []nextapi.Result{storedResult}, batchPolicy, now); len(out) != 1 || q.bytes != 0 {
		t.Fatalf("%d bytes left", q.bytes)
	}
	if !q.push(big("b")) {
		t.Error("no room after all was stored")
	}
	if q.expire(now.Add(time.Hour), false); q.bytes != 0 {
		t.Errorf("%d bytes of what has expired", q.bytes)
	}
}

func TestTooManyBytesForTheAPIAreRefused(t *testing.T) {
	f := single(t, func(c *Config) { c.SavePatience = time.Minute }) // so much takes a busy machine more than a second
	f.routed(routeBatch)
	release := make(chan struct{})
	f.api.set(func() { f.api.hang = release })
	first, second := f.connect("c1", "u1", signedIn, part2), f.connect("c2", "u2", signedIn, part2)
	content := half(maxSaveBytes)
	first.sayID(content, "id-1")
	eventually(t, "the first waits", func() bool { return f.underway.Load() == 1 })
	second.sayID(content, "id-1")
	second.hears("error", 1)
	if e := second.of("error")[0]; e["code"] != "OVERLOADED" || e["retryable"] != true {
		t.Errorf("error %v", e)
	}
	second.sayID("small", "id-2")
	close(release)
	second.hears("ack", 1)
	eventually(t, "both are stored", func() bool { return len(f.api.stored()) == 2 })
	if got := f.api.stored(); !slices.Contains(got, "small") {
		t.Error("the small one is not stored")
	}
}

// While the log's backlog is full a message is refused before it is stored, so that its sender may try again.
func TestFullBacklogOfTheLogRefusesBeforeStoring(t *testing.T) {
	for _, c := range []struct {
		name string
		max  int
		fill func(*fixture)
		want int64
	}{
		{"operations", 2, func(f *fixture) {
			c := f.connect("c2", "u2", signedIn)
			c.say("1")
			c.say("2")
		}, 2},
		{"bytes", 0, func(f *fixture) {
			for _, key := range []string{"k1", "k2"} {
				f.bridge.send(&logOp{from: &trap{}, append: &messages.AppendRequest{ChatId: "c2", Key: key, Body: []byte(`{"type":"` + half(maxLogBytes) + `"}`)}})
			}
		}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			log := newHooked(t)
			release := make(chan struct{})
			log.append = func(ctx context.Context, items []chatlog.Append) []chatlog.Appended {
				<-release
				return log.Memory.Append(ctx, items)
			}
			cfg := patient()
			cfg.MaxAppends = c.max
			f := log.start(t, cfg, newAPI())
			f.routed(routeBatch)
			client := f.connect("c1", "u1", signedIn, part2)
			c.fill(f)
			eventually(t, "the backlog is full", func() bool { return f.logging.Load() == c.want })
			before := len(f.api.stored())
			client.sayID("x", "id-1")
			client.hears("error", 1)
			if e := client.of("error")[0]; e["code"] != "LOG_UNAVAILABLE" || e["retryable"] != true || e["clientMessageId"] != "id-1" {
				t.Errorf("error %v", e)
			}
			if len(f.api.stored()) != before {
				t.Errorf("stored %d", len(f.api.stored())-before)
			}
			close(release)
			eventually(t, "the backlog is empty", func() bool { return f.logging.Load() == 0 && f.loggingBytes.Load() == 0 })
			client.sayID("x", "id-1")
			client.hears("ack", 1)
		})
	}
}

func TestSequenceBoundsTheBytesOfWhatIsEarly(t *testing.T) {
	var s sequence
	s.start(wire.Position{Epoch: "e"})
	big := make([]byte, maxEarlyBytes/4)
	for o := uint64(2); o < 12; o++ {
		for range 2 { // heard twice, kept once
			s.offer(wire.Position{Epoch: "e", Offset: o}, big)
		}
	}
	if s.earlyBytes != maxEarlyBytes || len(s.early) != 4 {
		t.Fatalf("%d bytes of %d entries", s.earlyBytes, len(s.early))
	}
	s.offer(wire.Position{Epoch: "e", Offset: 1}, big)
	n := 0
	for p := s.next(); p != nil; p = s.next() {
		n++
	}
	if n != 4 || s.earlyBytes != 0 {
		t.Errorf("%d delivered, %d bytes left", n, s.earlyBytes)
	}
	s.offer(wire.Position{Epoch: "e", Offset: 8}, big)
	if s.skip(9); s.earlyBytes != 0 {
		t.Errorf("%d bytes left after a skip", s.earlyBytes)
	}
	s.offer(wire.Position{Epoch: "e", Offset: 12}, big)
	if s.rest(); s.earlyBytes != 0 {
		t.Errorf("%d bytes left after rest", s.earlyBytes)
	}
}

// Errors, pongs, presence and acks wait for the greeting as messages do.
func TestNothingElsePrecedesTheGreeting(t *testing.T) {
	log := newHooked(t)
	release := log.holdHeads()
	cfg := patient()
	cfg.WelcomeTimeout = time.Minute
	cfg.MaxAppends = 1
	f := log.start(t, cfg, newAPI())
	c := f.connectOnly("c1", "anon_1", part2)
	c.Handle(wire.ClientFrame{Kind: wire.KindPing})
	c.sayAs("forged", "id-1", wire.RoleAgent)
	f.connectOnly("c1", "u2", signedIn, part2).Handle(wire.ClientFrame{Kind: wire.KindTyping, IsTyping: true})
	chat := f.chatPID("c1")
	f.logging.Add(1) // the log's backlog is full: what the API publishes is served without an offset
	raw := `{"type":"message","data":{"id":"r1","content":"raw","role":"user","timestamp":"t","sender":{}},"timestamp":"t"}`
	f.send(chat, payloadMessage([]byte(raw)))
	f.chatPID("c1") // everything before has been handled when it answers
	eventually(t, "the chat has handled it", func() bool { return f.memberships.Load() == 2 })
	if n := c.count("connected", "pong", "error", "message", "typing", "presence"); n != 0 {
		t.Errorf("%d frames before the greeting", n)
	}
	f.logging.Add(-1)
	close(release)
	c.hears("message", 1)
	c.hears("pong", 1)
	c.hears("error", 1)
	if first := c.all()[0]; first["type"] != "connected" {
		t.Errorf("first %v", first)
	}
}
