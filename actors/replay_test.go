package actors

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"eclipse/internal/chatlog"
	"eclipse/internal/wire"
)

// logged puts a message into a chat's log that was made some time ago; "" for the age: it does not say when.
func (f *fixture) logged(chatID, id string, age time.Duration) {
	f.t.Helper()
	body := fmt.Sprintf(`{"type":"message","data":{"id":%q,"content":%q,"role":"user","timestamp":"t","sender":{"id":"x","email":"x@example.com"}},"timestamp":%q}`,
		id, id, wire.Timestamp(time.Now().Add(-age)))
	a := f.log.Append(context.Background(), []chatlog.Append{{ChatID: chatID, Key: wire.MessageKey(id), Body: []byte(body)}})
	if a[0].Err != nil {
		f.t.Fatal(a[0].Err)
	}
}

func replaying(t testing.TB) *fixture {
	m := chatlog.NewMemory(chatlog.Options{})
	t.Cleanup(func() { m.Close() })
	cfg := quick()
	cfg.ReplayAge, cfg.ReplayMax = 10*time.Minute, 5
	return start(t, cfg, newAPI(), m)
}

// An old client that comes back is sent what is young enough, in order, before anything live, and no word about it.
func TestOldClientsAreReplayed(t *testing.T) {
	f := replaying(t)
	f.logged("c1", "gone", time.Hour)
	f.logged("c1", "old", 11*time.Minute)
	f.logged("c1", "a", 9*time.Minute)
	f.logged("c1", "b", time.Minute)
	old := f.connect("c1", "anon_1")
	old.hears("message", 2)
	old.say("live")
	old.hears("message", 3)
	if got := old.contents(); !slices.Equal(got, []string{"a", "b", "live"}) {
		t.Errorf("heard %q", got)
	}
	if n := old.count("resumed", "error"); n != 0 {
		t.Errorf("%d frames about it", n)
	}
	if first := old.all()[0]; first["type"] != "connected" {
		t.Errorf("first %v", first)
	}
	for _, m := range old.of("message")[:2] {
		if email := data(m)["sender"].(map[string]any)["email"]; email != nil {
			t.Errorf("an anonymous socket was shown %v", email)
		}
	}
	if late := f.connect("c1", "u1", signedIn, part2); late.count("message") != 0 {
		t.Error("a client that can ask was sent what it did not ask for")
	}
}

func TestOldClientsAreReplayedSoMuch(t *testing.T) {
	f := replaying(t)
	for i := range 8 {
		f.logged("c1", fmt.Sprint(i), time.Minute)
	}
	old := f.connect("c1", "anon_1")
	old.hears("message", 5)
	if got := old.contents(); !slices.Equal(got, []string{"3", "4", "5", "6", "7"}) {
		t.Errorf("heard %q", got)
	}
}

// Frames that only part 2 has never reach an old client: not live, not replayed.
func TestOldClientsHearOfNoFailure(t *testing.T) {
	store, api := newDurable(t), newAPI()
	f := store.instance(t, api, live, func(c *Config) { c.ReplayAge, c.ReplayMax = time.Minute, 10 })
	f.routed(routeBatch)
	old, ada := f.connect("c1", "anon_1"), f.connect("c1", "ada", signedIn, part2)
	api.set(func() { api.fail = rejected })
	ada.sayID("one", "id-1")
	ada.hears("message_failed", 1)
	api.set(func() { api.fail = nil })
	ada.sayID("two", "id-2")
	later := f.connect("c1", "anon_2")
	for _, c := range []*client{old, later} {
		c.hears("message", 2)
		if n := c.count("message_failed"); n != 0 {
			t.Errorf("%d failures told", n)
		}
	}
}

// A client that asks again while its first replay waits for the log gets the second one.
func TestResumeAgainWhileTheLogIsAway(t *testing.T) {
	log := newHooked(t)
	var away atomic.Bool
	var reads atomic.Int32
	log.read = func(ctx context.Context, after chatlog.Position) (chatlog.Page, error) {
		if reads.Add(1); away.Load() {
			return chatlog.Page{}, errAway
		}
		return log.Memory.Read(ctx, "c1", after, readMax)
	}
	f := log.start(t, patient(), newAPI())
	f.logged("c1", "a", time.Minute)
	c := f.connect("c1", "u1", signedIn, part2)
	away.Store(true)
	resume := wire.ClientFrame{Kind: wire.KindResume}
	c.Handle(resume)
	eventually(t, "the log is asked in vain, for the member and for the chat", func() bool { return reads.Load() >= 2 })
	f.chatPID("c1") // both answers have been handled when it answers
	c.Handle(resume)
	away.Store(false)
	c.hears("resumed", 1)
	if got := c.contents(); !slices.Equal(got, []string{"a"}) {
		t.Errorf("heard %q", got)
	}
}

// A chat that knows no head yet greets late and reads nothing of its log: not for a replay that failed either.
func TestReplayBeforeTheHead(t *testing.T) {
	log := newHooked(t)
	now, _ := epochs(t, log.Memory)
	for _, e := range entries(now, 1, 30) {
		log.Memory.Append(context.Background(), []chatlog.Append{{ChatID: "c1", Key: e.Key, Body: unsealed(e.Payload)}})
	}
	release := log.holdHeads()
	failed := make(chan struct{})
	var reads atomic.Int32
	log.read = func(ctx context.Context, after chatlog.Position) (chatlog.Page, error) {
		if reads.Add(1) == 1 {
			defer close(failed)
			return chatlog.Page{}, errAway
		}
		return log.Memory.Read(ctx, "c1", after, readMax)
	}
	cfg := patient()
	cfg.WelcomeTimeout = 50 * time.Millisecond
	f := log.start(t, cfg, newAPI())
	fresh := f.connectOnly("c1", "bob", signedIn, part2)
	back := f.connectOnly("c1", "ada", signedIn, part2, resumeAt(wire.Position{Epoch: now, Offset: 25}))
	<-failed
	close(release)
	back.hears("message", 5)
	back.hears("resumed", 1)
	f.chatPID("c1")
	if n := fresh.count("message") + fresh.count("resumed"); n != 0 {
		t.Errorf("the fresh member was sent %d frames of the log", n)
	}
	if got := back.of("resumed")[0]; got["recovered"] != true {
		t.Errorf("resumed: %v", got)
	}
}

// An old client that is greeted before the head is known gets what it may have missed once that is.
func TestOldClientGreetedBeforeTheHead(t *testing.T) {
	log := newHooked(t)
	release := log.holdHeads()
	cfg := patient()
	cfg.WelcomeTimeout, cfg.ReplayAge, cfg.ReplayMax = 50*time.Millisecond, time.Minute, 10
	f := log.start(t, cfg, newAPI())
	for _, id := range []string{"a", "b", "c"} {
		f.logged("c1", id, time.Second)
	}
	old := f.connectOnly("c1", "bob", signedIn)
	old.hears("connected", 1)
	close(release)
	old.hears("message", 3)
	if got := old.contents(); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("heard %q", got)
	}
}
