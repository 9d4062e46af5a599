package actors

import (
	"context"
	"slices"
	"testing"
	"time"

	"eclipse/internal/chatlog"
	"eclipse/internal/wire"
)

// A repeat of an old message, before the chat here knows the log's head, is history to everybody but its sender.
func TestRepeatBeforeTheHeadIsKnown(t *testing.T) {
	shared := chatlog.NewMemory(chatlog.Options{})
	defer shared.Close()
	api := newAPI()
	first := shared.Handle()
	a := startOn(t, patient(), api, shared, first, first)
	c := a.connect("c1", "u1", signedIn, part2)
	c.sayID("x", "id-1")
	c.hears("ack", 1)
	log := &hookedLog{Memory: shared.Handle()}
	release := log.holdHeads()
	cfg := patient()
	cfg.WelcomeTimeout = 20 * time.Millisecond
	b := log.start(t, cfg, api)
	eventually(t, "the route is known", func() bool { return b.route.Load() == routeBatch })
	other, again := b.connect("c1", "u2", signedIn), b.connect("c1", "u1", signedIn, part2)
	again.sayID("x", "id-1")
	eventually(t, "the log has answered", func() bool { return b.underway.Load() == 2 && b.logging.Load() == 0 })
	close(release)
	again.hears("ack", 1)
	again.hears("message", 0) // who can ask for it is not sent it again
	if ack := again.of("ack")[0]; ack["offset"] != 1.0 {
		t.Errorf("ack %v", ack)
	}
	again.say("new")
	other.hears("message", 1)
	if got := other.contents(); !slices.Equal(got, []string{"new"}) {
		t.Errorf("the other heard %v", got)
	}
}

func TestNothingPrecedesTheGreeting(t *testing.T) {
	log := newHooked(t)
	log.heads = func(context.Context, []string) ([]chatlog.Head, error) { return nil, errAway }
	log.append = func(_ context.Context, items []chatlog.Append) []chatlog.Appended {
		out := make([]chatlog.Appended, len(items))
		for i := range out {
			out[i].Err = errAway
		}
		return out
	}
	cfg := quick()
	cfg.WelcomeTimeout = time.Minute
	f := log.start(t, cfg, newAPI())
	a, b := f.connectOnly("c1", "u1", signedIn, part2), f.connectOnly("c1", "u2", signedIn, part2)
	a.Handle(wire.ClientFrame{Kind: wire.KindTyping, IsTyping: true})
	a.say("x")
	for _, c := range []*client{a, b} {
		c.hears("message", 1)
		c.mu.Lock()
		if c.frames[0]["type"] != "connected" {
			t.Errorf("first %v", c.frames[0])
		}
		c.mu.Unlock()
	}
}

func TestOldClientsKnowNothingOfPartTwo(t *testing.T) {
	f := single(t)
	c := f.connect("c1", "u1", signedIn)
	for _, kind := range []wire.Kind{wire.KindResume, wire.KindUnsubscribe, wire.KindRead} {
		c.Handle(wire.ClientFrame{Kind: kind})
	}
	c.Subscribe(wire.ClientFrame{Kind: wire.KindSubscribe}, identity("c2", "u1", time.Hour))
	c.Authenticate(wire.ClientFrame{Kind: wire.KindAuth}, identity("c1", "u1", time.Hour))
	c.hears("error", 5)
	for _, e := range c.of("error") {
		if e["error"] != "Unknown message type" || e["code"] != nil {
			t.Errorf("error %v", e)
		}
	}
	c.say("still here")
	c.hears("message", 1)
	if n := c.count("resumed", "unsubscribed", "subscribed", "authenticated"); n != 0 {
		t.Errorf("%d frames of part 2", n)
	}
	now := f.connect("c1", "u2", signedIn, part2)
	now.Subscribe(wire.ClientFrame{Kind: wire.KindSubscribe}, identity("c1", "u2", time.Hour))
	now.hears("subscribed", 1)
}

// A chat lives until its last user's grace is over, so that the others hear of it.
func TestOfflineNoticeOutlivesTheLinger(t *testing.T) {
	shared := chatlog.NewMemory(chatlog.Options{})
	defer shared.Close()
	cfg := quick()
	cfg.Linger = time.Millisecond
	first, second := shared.Handle(), shared.Handle()
	api := newAPI()
	a, b := startOn(t, cfg, api, shared, first, first), startOn(t, cfg, api, shared, second, second)
	watcher := a.connect("c1", "w", signedIn, part2)
	c := b.connect("c1", "u1", signedIn)
	watcher.hears("presence", 1)
	c.Gone()
	watcher.hears("presence", 2)
	if d := data(watcher.of("presence")[1]); d["userId"] != "u1" || d["status"] != "offline" {
		t.Errorf("presence %v", d)
	}
}

func TestFullLogRefusesBeforeAnythingIsStored(t *testing.T) {
	f := single(t)
	c := f.connect("c1", "u1", signedIn, part2)
	f.loggingBytes.Add(maxLogBytes)
	c.sayID("x", "id-1")
	c.hears("error", 1)
	f.loggingBytes.Add(-maxLogBytes)
	if e := c.of("error")[0]; e["code"] != "LOG_UNAVAILABLE" || e["retryable"] != true || len(f.api.stored()) != 0 {
		t.Errorf("error %v, stored %v", e, f.api.stored())
	}
	c.sayID("x", "id-1")
	c.hears("ack", 1)
}
