package actors

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"eclipse/actors/messages"
	"eclipse/internal/chatlog"
	"eclipse/internal/wire"
)

// A panic in any step of a message's way: its sender is told to try again, a repeat works, nothing is left behind that
// would keep the chat or a drain, and no other chat notices.
func TestPanicInEachStepOfAMessage(t *testing.T) {
	type traps struct{ bridge, persistence, member *trap }
	for _, c := range []struct {
		name string
		old  bool // the API
		arm  func(traps)
	}{
		{"ChatMessage, at its end", false, func(t traps) { t.persistence.arm(isA[*queued]) }},
		{"ChatMessage, at its beginning", false, func(t traps) { t.member.arm(frameWith(`"typing"`, "false")) }},
		{"lookedUp", true, func(t traps) { t.persistence.arm(isA[*queued]) }},
		{"PersistResult", false, func(t traps) { t.bridge.arm(isA[*logOp]) }},
		{"AppendResult", false, func(t traps) { t.member.arm(frameWith(`"type":"message"`)) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := chatlog.NewMemory(chatlog.Options{})
			t.Cleanup(func() { m.Close() })
			api := newAPI()
			api.old = c.old
			f := start(t, quick(), api, m)
			all := traps{bridge: f.trapBridge(), persistence: f.trapPersistence()}
			f.routed(map[bool]int32{false: routeBatch, true: routeSingle}[c.old])
			sender, other := f.connect("c1", "u1", signedIn, part2), f.connect("c2", "u2", signedIn)
			member, chat := f.trapMember("c1")
			all.member = member
			sender.Handle(wire.ClientFrame{Kind: wire.KindTyping, IsTyping: true})
			eventually(t, "typing", func() bool { return member.saw(`"typing"`) == 1 })
			c.arm(all)
			sender.sayID("x", "id-1")
			sender.hears("error", 1)
			if e := sender.of("error")[0]; e["code"] != "INTERNAL" || e["retryable"] != true || e["clientMessageId"] != "id-1" {
				t.Errorf("error %v", e)
			}
			sender.sayID("x", "id-1")
			sender.hears("ack", 1)
			sender.hears("message", 1)
			other.say("unharmed")
			other.hears("message", 1)
			if got := api.stored(); !slices.Equal(got, []string{"x", "unharmed"}) {
				t.Errorf("stored %v", got)
			}
			eventually(t, "nothing is left under way", func() bool { return f.underway.Load() == 0 })
			sender.Gone()
			f.send(chat, &leave{trapped})
			eventually(t, "the chat retires", func() bool { return f.ended(chat) })
		})
	}
}

// A page of the log that makes the chat panic costs one entry at most: the log is read again from there.
func TestPanicInARead(t *testing.T) {
	log := newHooked(t)
	now, _ := epochs(t, log.Memory)
	log.read = func(_ context.Context, after chatlog.Position) (chatlog.Page, error) {
		return chatlog.Page{Head: chatlog.Position{Epoch: now, Offset: 4}, Entries: entries(now, after.Offset+1, 4)}, nil
	}
	f := log.start(t, patient(), newAPI())
	c := f.connect("c1", "u1", signedIn)
	member, chat := f.trapMember("c1")
	member.arm(frameWith(`"content":"` + entryName(now, 2) + `"`))
	f.send(chat, payloadMessage(entry(now, 4).Payload))
	c.hears("message", 4)
	eventually(t, "the trap hears what follows", func() bool { return member.saw(`"type":"message"`) == 3 })
	if !member.hasSprung() {
		t.Error("no panic")
	}
	for i, m := range c.of("message") {
		if m["offset"] != float64(i+1) {
			t.Errorf("%d at %v", i, m["offset"])
		}
	}
}

// A member whose replay made the chat panic is not cut off: it hears what is said from then on.
func TestPanicInAReplay(t *testing.T) {
	f := single(t)
	speaker := f.connect("c1", "u1", signedIn)
	speaker.say("missed")
	speaker.hears("message", 1)
	epoch := speaker.of("message")[0]["epoch"].(string)
	member, chat := f.trapMember("c1")
	member.arm(frameWith("missed"))
	f.send(chat, &messages.Resume{Sender: &messages.Sender{Connection: trapped}, Epoch: epoch})
	eventually(t, "the trap has sprung", member.hasSprung)
	speaker.say("later")
	eventually(t, "it hears what is said later", func() bool { return member.saw("later") == 1 })
	if member.saw(`"resumed"`) == 0 {
		t.Error("its replay has no end")
	}
}

// A socket whose join made the chat panic is greeted, or closed so that it comes back; it does not wait for ever.
func TestPanicInAJoin(t *testing.T) {
	f := single(t)
	member, chat := f.trapMember("c1")
	member.arm(frameWith(`"presence"`, "u1"))
	c := f.connectOnly("c1", "u1", signedIn, part2)
	eventually(t, "greeted or closed", func() bool { return c.count("connected", "#close") > 0 })
	if !member.hasSprung() || c.count("#close") == 1 && c.code != wire.CloseInternal {
		t.Errorf("panicked: %v, closed with %d", member.hasSprung(), c.code)
	}
	c.Gone()
	again := f.connect("c1", "u1", signedIn, part2)
	again.sayID("x", "id-1")
	again.hears("ack", 1)
	again.Gone()
	f.send(chat, &leave{trapped})
	eventually(t, "the chat retires", func() bool { return f.ended(chat) && f.memberships.Load() == 0 })
}

// A panic in what a chat does by the clock does not stop its clock.
func TestPanicAtTheAlarm(t *testing.T) {
	m := chatlog.NewMemory(chatlog.Options{})
	t.Cleanup(func() { m.Close() })
	cfg := quick()
	cfg.WelcomeTimeout = time.Hour // leaves no alarm behind that would hide the loss of another
	f := start(t, cfg, newAPI(), m)
	bridge := f.trapBridge()
	c := f.connect("c1", "u1", signedIn)
	chat := f.chatPID("c1")
	bridge.arm(func(message any) bool {
		p, ok := message.(*messages.Publish)
		return ok && strings.Contains(string(p.Payload), `"offline"`) && strings.Contains(string(p.Payload), "u1")
	})
	c.Gone()
	eventually(t, "the trap has sprung", bridge.hasSprung)
	eventually(t, "the chat retires", func() bool { return f.ended(chat) })
}

// Panics in calls of the log and the bus are failures like others: nothing dies, what was asked is asked again.
func TestPanicsOfLogAndBus(t *testing.T) {
	log := newHooked(t)
	var mu sync.Mutex
	panicked := map[string]bool{}
	once := func(call string) {
		mu.Lock()
		first := !panicked[call]
		panicked[call] = true
		mu.Unlock()
		if first {
			panic(call)
		}
	}
	log.heads = func(ctx context.Context, ids []string) ([]chatlog.Head, error) {
		once("heads")
		return log.Memory.Heads(ctx, ids)
	}
	log.lookUp = func(ctx context.Context, id string, keys []string) ([]*chatlog.Entry, error) {
		once("look-up")
		return log.Memory.Lookup(ctx, id, keys)
	}
	log.read = func(ctx context.Context, after chatlog.Position) (chatlog.Page, error) {
		once("read")
		return log.Memory.Read(ctx, "c1", after, readMax)
	}
	log.dial = func(ctx context.Context, hear func(string, []byte)) (chatlog.Feed, error) {
		once("dial")
		feed, err := log.Memory.Dial(ctx, hear)
		return &fragileFeed{feed, once}, err
	}
	cfg := patient()
	cfg.ProbeAfter = 1 // nanosecond: probed at each tick
	api := newAPI()
	api.old = true
	f := log.start(t, cfg, api)
	f.routed(routeSingle)
	c := f.connect("c1", "u1", signedIn, part2)
	c.sayID("x", "id-1")
	c.hears("ack", 1)
	c.Handle(wire.ClientFrame{Kind: wire.KindResume, Position: wire.Position{Epoch: c.of("ack")[0]["epoch"].(string)}})
	c.hears("resumed", 1)
	eventually(t, "every call has panicked once", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(panicked) == 6
	})
	outside := log.Memory.Handle()
	raw := []byte(`{"type":"message","data":{"id":"r1","content":"raw","role":"user","timestamp":"t","sender":{}},"timestamp":"t"}`)
	eventually(t, "the bus is heard again", func() bool {
		_ = outside.Publish(context.Background(), []chatlog.Publication{{ChatID: "c1", Payload: raw}})
		return slices.Contains(c.contents(), "raw")
	})
}

// fragileFeed panics in its first subscription and its first probe.
type fragileFeed struct {
	chatlog.Feed
	once func(string)
}

func (f *fragileFeed) Subscribe(ctx context.Context, ids []string) error {
	if !slices.Contains(ids, instanceChannel) {
		f.once("subscribe")
	}
	return f.Feed.Subscribe(ctx, ids)
}

func (f *fragileFeed) Probe(ctx context.Context) error {
	f.once("probe")
	return f.Feed.Probe(ctx)
}

// A call of the API that panics may have stored: the batch route is asked again, the old one is not.
func TestPanicsOfTheAPI(t *testing.T) {
	for _, old := range []bool{false, true} {
		api := &hookedAPI{fakeAPI: newAPI()}
		api.fakeAPI.old = old
		var panics [4]atomic.Bool
		api.before = func(call string) {
			if i := slices.Index([]string{"StoreBatch", "Store", "Probe", "User"}, call); !panics[i].Swap(true) {
				panic(call)
			}
		}
		f := api.start(t, patient())
		c := f.connect("c1", "u1", signedIn, part2)
		c.sayID("x", "id-1")
		if old {
			c.hears("error", 1)
			if e := c.of("error")[0]; e["code"] != "API_UNAVAILABLE" || e["retryable"] != true {
				t.Errorf("error %v", e)
			}
			c.sayID("x", "id-1")
		}
		c.hears("ack", 1)
		before := c.count("error")
		c.Handle(wire.ClientFrame{Kind: wire.KindAgentJoined})
		c.hears("error", before+1)
		if e := c.of("error")[before]; e["error"] != "Failed to fetch agent info" {
			t.Errorf("error %v", e)
		}
		c.Handle(wire.ClientFrame{Kind: wire.KindAgentJoined})
		c.hears("agent_joined", 1)
		if got := f.api.stored(); !slices.Equal(got, []string{"x"}) {
			t.Errorf("stored %v", got)
		}
	}
}

// What a panic says may hold content: logs name only its type.
func TestPanicTextHidesValues(t *testing.T) {
	if got := panicText("somebody's words"); strings.Contains(got, "words") {
		t.Errorf("panic text %q", got)
	}
}
