package actors

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"eclipse/actors/messages"
	"eclipse/internal/chatlog"
	"eclipse/internal/wire"
)

func api(f *fixture) *fakeAPI { return f.api }

// heardAtLeast waits for n messages.
func (c *client) heardAtLeast(n int) {
	c.t.Helper()
	eventually(c.t, "messages", func() bool { return c.count("message") >= n })
}

// chatPID asks the root for a chat's actor by joining it for a moment.
func (f *fixture) chatPID(chatID string) *actor.PID {
	done := make(chan *chatEntry, 1)
	f.sendRoot(&subscribeChat{chatID: chatID, done: done, join: &join{member: newMember(&trap{}, &messages.Sender{Connection: 1 << 60}, false)}})
	pid := (<-done).pid
	f.send(pid, &leave{1 << 60})
	return pid
}

func payloadMessage(p []byte) *messages.Payload { return &messages.Payload{Payload: p} }

func identity(chatID, userID string, d time.Duration) Identity {
	return Identity{UserID: userID, ChatID: chatID, Authenticated: true, ExpiresAt: time.Now().Add(d)}
}

func TestManyChatsOnOneSocket(t *testing.T) {
	f := single(t)
	agent := f.connect("c0", "u1", signedIn, part2)
	agent.Handle(wire.ClientFrame{Kind: wire.KindMessage, ChatID: "c1", Content: "x", Role: wire.RoleUser})
	agent.hears("error", 1)
	if e := agent.of("error")[0]; e["code"] != "NOT_SUBSCRIBED" {
		t.Errorf("error %v", e)
	}
	agent.Subscribe(wire.ClientFrame{ChatID: "c1"}, identity("c1", "u1", time.Hour))
	agent.hears("subscribed", 1)
	if s := agent.of("subscribed")[0]; s["chatId"] != "c1" || s["epoch"] == "" {
		t.Errorf("subscribed %v", s)
	}
	visitor := f.connect("c1", "anon_1")
	agent.Handle(wire.ClientFrame{Kind: wire.KindMessage, ChatID: "c1", Content: "hello", Role: wire.RoleAgent})
	visitor.hears("message", 1)
	agent.hears("message", 1)
	agent.Handle(wire.ClientFrame{Kind: wire.KindUnsubscribe, ChatID: "c1"})
	agent.hears("unsubscribed", 1)
	visitor.say("anyone?")
	visitor.hears("message", 2)
	agent.Handle(wire.ClientFrame{Kind: wire.KindMessage, Content: "own chat", Role: wire.RoleUser})
	agent.hears("message", 2)
	agent.Handle(wire.ClientFrame{Kind: wire.KindUnsubscribe})
	agent.hears("unsubscribed", 2)
	agent.say("gone")
	agent.hears("error", 2)
	agent.Subscribe(wire.ClientFrame{ChatID: "c0"}, identity("c0", "u1", time.Hour))
	agent.hears("subscribed", 2)
	agent.say("back")
	agent.hears("message", 3)
}

func TestAuthKeepsTheSender(t *testing.T) {
	f := single(t)
	c := f.connect("c1", "u1", signedIn, part2)
	c.Authenticate(wire.ClientFrame{}, identity("c1", "u1", time.Hour))
	c.hears("authenticated", 1)
	for _, id := range []Identity{identity("c1", "u2", time.Hour), {UserID: "u1", ChatID: "c1"}, {UserID: "u1", ChatID: "c1", Authenticated: true, Role: wire.RoleAgent}} {
		c.Authenticate(wire.ClientFrame{}, id)
	}
	c.Authenticate(wire.ClientFrame{}, identity("c9", "u1", time.Hour))
	c.hears("error", 4)
	if e := c.of("error"); e[0]["code"] != "TOKEN_INVALID" || e[3]["code"] != "NOT_SUBSCRIBED" {
		t.Errorf("errors %v", e)
	}
}

func TestTokensExpire(t *testing.T) {
	f := single(t)
	c, old := f.connect("c1", "u1", signedIn, part2), f.connect("c1", "u1", signedIn)
	c.Subscribe(wire.ClientFrame{ChatID: "c2"}, identity("c2", "u1", 30*time.Minute))
	c.hears("subscribed", 1)
	now := time.Now()
	next := c.Expire(now)
	if d := next.Sub(now.Add(29 * time.Minute)); d.Abs() > time.Minute {
		t.Errorf("look again at %v", next)
	}
	c.Expire(now.Add(29*time.Minute + 30*time.Second))
	c.Expire(now.Add(29*time.Minute + 40*time.Second))
	c.hears("token_expiring", 1)
	if e := c.of("token_expiring")[0]; e["chatId"] != "c2" {
		t.Errorf("%v", e)
	}
	c.Expire(now.Add(31 * time.Minute)) // the further chat goes, the socket stays
	c.hears("unsubscribed", 1)
	c.Authenticate(wire.ClientFrame{}, identity("c1", "u1", 3*time.Hour))
	c.Expire(now.Add(2 * time.Hour))
	if old.Expire(now.Add(9*time.Hour)) != (time.Time{}) {
		t.Error("an old client's socket lives as long as it wants")
	}
	c.Expire(now.Add(4 * time.Hour))
	eventually(t, "closed with 4003", func() bool { return c.count("#close") == 1 && c.code == wire.CloseTokenExpired })
}

func TestSlowReaderIsClosedAndHarmsNobody(t *testing.T) {
	cfg := quick()
	cfg.MaxQueueBytes = 64 << 10
	m := chatlog.NewMemory(chatlog.Options{})
	defer m.Close()
	f := start(t, cfg, newAPI(), m)
	slow, sender := f.connect("c1", "u1", signedIn), f.connect("c1", "u2", signedIn)
	slow.stall()
	text := strings.Repeat("x", 4000)
	for range 40 {
		sender.say(text)
		sender.Handle(wire.ClientFrame{Kind: wire.KindTyping, IsTyping: true})
	}
	sender.hears("message", 40)
	slow.free()
	eventually(t, "closed with 4009", func() bool { return slow.count("#close") == 1 })
	if slow.code != wire.CloseTooSlow || slow.count("message") == 40 {
		t.Errorf("code %d, %d messages", slow.code, slow.count("message"))
	}
	for i, s := range slow.of("message") {
		if s["offset"] != float64(i+1) {
			t.Errorf("a hole before the close: %v at %d", s["offset"], i)
		}
	}
}

func TestBriefStallLosesNothing(t *testing.T) {
	f := single(t)
	slow, sender := f.connect("c1", "u1", signedIn), f.connect("c1", "u2", signedIn)
	slow.stall()
	for range 100 {
		sender.say("x")
	}
	sender.hears("message", 100)
	slow.free()
	slow.hears("message", 100)
	for i, s := range slow.of("message") {
		if s["offset"] != float64(i+1) {
			t.Fatalf("order after a stall: %v at %d", s["offset"], i)
		}
	}
}

// bomb makes a chat panic as a bug in a handler would.
func bomb(f *fixture, chatID string) {
	f.send(f.chatPID(chatID), &messages.Payload{Payload: nil})
	f.send(f.chatPID(chatID), &messages.ChatMessage{Sender: nil})
}

func TestPanickingChatKeepsItsSocketsAndGoesOn(t *testing.T) {
	f := single(t)
	a, b := f.connect("c1", "u1", signedIn), f.connect("c1", "anon_1")
	other := f.connect("c2", "u2", signedIn)
	for range 20 {
		bomb(f, "c1")
		a.say("x")
	}
	other.say("unharmed")
	other.hears("message", 1)
	a.hears("message", 20)
	b.hears("message", 20)
}

func TestEmptyChatLingersThenGoes(t *testing.T) {
	f := single(t)
	c := f.connect("c1", "u1", signedIn)
	first := f.chatPID("c1")
	c.Gone()
	eventually(t, "the chat is gone", func() bool {
		s := f.Status(context.Background())
		_, alive := f.system.ProcessRegistry.GetLocal(first.Id)
		return s.Connections == 0 && !alive
	})
	again := f.connect("c1", "u1", signedIn)
	again.say("x")
	again.hears("message", 1)
	if m := again.of("message")[0]; m["offset"] != 1.0 {
		t.Errorf("offset %v", m["offset"])
	}
}

func TestManyComeAndGo(t *testing.T) {
	cfg := quick()
	cfg.Linger = time.Millisecond
	m := chatlog.NewMemory(chatlog.Options{})
	defer m.Close()
	f := start(t, cfg, newAPI(), m)
	for i := range 100 {
		c := f.connect("c1", "u1", signedIn)
		c.say("x")
		c.hears("message", 1)
		if o := c.of("message")[0]["offset"]; o != float64(i+1) {
			t.Fatalf("offset %v at %d", o, i)
		}
		c.Gone()
		c.Gone()
	}
}

func TestStatus(t *testing.T) {
	f := single(t)
	for range 3 {
		f.connect("busy-chat", "u1", signedIn)
	}
	f.connect("other", "u1", signedIn)
	s := f.Status(context.Background())
	if s.Connections != 4 || len(s.Chats) != 2 || s.Chats[0] != (ChatCount{"busy-chat", 3}) || len(s.Degraded) != 0 {
		t.Errorf("status %+v", s)
	}
}

func TestDrainAdvisesClosesAndFinishesSaves(t *testing.T) {
	f := single(t)
	release := make(chan struct{})
	f.api.set(func() { f.api.hang = release })
	var clients []*client
	for i := range 10 {
		options := []option{signedIn}
		if i%2 == 0 {
			options = append(options, part2)
		}
		clients = append(clients, f.connect("c1", "u1", options...))
	}
	clients[0].sayID("in flight", "id-1")
	drained := make(chan error, 1)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	go func() { drained <- f.Drain(ctx, 200*time.Millisecond) }()
	for i, c := range clients {
		eventually(t, "closed", func() bool { return c.count("#close") == 1 && c.code == wire.CloseRestart })
		if advised := c.count("reconnect") == 1; advised != (i%2 == 0) {
			t.Errorf("client %d advised: %v", i, advised)
		}
		c.Gone()
	}
	if _, err := f.Connect(context.Background(), ConnectRequest{Socket: newSocket(), Identity: identity("c1", "u1", time.Hour)}); !errors.Is(err, ErrDraining) {
		t.Errorf("connect while draining: %v", err)
	}
	select {
	case <-drained:
		t.Fatal("drained with a save in flight")
	case <-time.After(50 * time.Millisecond):
	}
	close(release)
	if err := <-drained; err != nil {
		t.Error(err)
	}
	if got := f.api.stored(); len(got) != 1 {
		t.Errorf("stored %v", got)
	}
}

// Whatever a socket is told before its chat has greeted it comes after the greeting.
func TestConnectedIsTheFirstFrame(t *testing.T) {
	shared := chatlog.NewMemory(chatlog.Options{})
	defer shared.Close()
	log := &faultyLog{Memory: shared}
	log.away.Store(true)
	cfg := quick()
	cfg.WelcomeTimeout = 300 * time.Millisecond
	f := startOn(t, cfg, newAPI(), shared, log, log)
	c := f.connectOnly("c1", "u1", signedIn, part2)
	c.Handle(wire.ClientFrame{Kind: wire.KindPing})
	c.Expire(time.Now().Add(59*time.Minute + 30*time.Second))
	c.Handle(wire.ClientFrame{Kind: wire.KindMessage, ChatID: "elsewhere", Content: "x", Role: wire.RoleUser})
	c.hears("error", 1)
	c.hears("token_expiring", 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if first := c.frames[0]["type"]; first != "connected" {
		t.Errorf("first frame %v", first)
	}
}
