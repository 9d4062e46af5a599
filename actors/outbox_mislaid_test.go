package actors

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"eclipse/actors/messages"
	"eclipse/internal/chatlog"
	"eclipse/internal/wire"
)

// A panic in any step of an accepted message's way: it is stored all the same, its sender hears so, and nothing is left
// behind that would keep the chat.
func TestPanicInEachStepOfAnAcceptedMessage(t *testing.T) {
	type traps struct{ bridge, persistence, member *trap }
	for name, arm := range map[string]func(traps){
		"AppendResult, let in": func(t traps) { t.member.arm(frameWith(`"ack"`, `"accepted"`)) },
		"claimed":              func(t traps) { t.persistence.arm(isA[*queued]) },
		"PersistResult":        func(t traps) { t.bridge.arm(isDone) },
		"AppendResult, stored": func(t traps) { t.member.arm(frameWith(`"type":"message"`, "one")) },
	} {
		t.Run(name, func(t *testing.T) {
			store, api := newDurable(t), newAPI()
			f := store.instance(t, api, shortCalls, func(c *Config) { c.SavePatience, c.HeadCheck = time.Hour, time.Hour })
			all := traps{bridge: f.trapBridge(), persistence: f.trapPersistence()}
			f.routed(routeBatch)
			ada := f.connect("c1", "ada", signedIn, part2)
			member, chat := f.trapMember("c1")
			all.member = member
			api.set(func() { api.fail = unavailable })
			say := func() {
				f.send(chat, &messages.ChatMessage{
					Sender:  &messages.Sender{UserId: "trap", Authenticated: true, Connection: trapped},
					Content: "one", ClientMessageId: "id-1", Role: "USER", ReceivedAt: time.Now().UnixNano(),
				})
			}
			switch name {
			case "AppendResult, let in":
				arm(all)
				say()
			case "claimed":
				arm(all)
				store.other(t).accepts("c1", "eve", "one", "id-9") // whose lease ends
			default:
				say()
				eventually(t, "it is accepted", func() bool { return member.saw(`"accepted"`) == 1 })
				arm(all)
			}
			eventually(t, "the lease is ours", func() bool { return f.acceptedBytes.Load() > 0 })
			api.set(func() { api.fail = nil })
			ada.hears("message", 1)
			store.empty(t, "c1")
			if name != "claimed" {
				eventually(t, "its sender knows", func() bool { return member.saw(`"stored"`) == 1 })
			}
			ada.Gone()
			f.send(chat, &leave{trapped})
			eventually(t, "the chat retires", func() bool { return f.ended(chat) })
			if n, b := f.underway.Load(), f.acceptedBytes.Load(); n != 0 || b != 0 {
				t.Errorf("%d under way, %d bytes accepted", n, b)
			}
			if got := api.stored(); !slices.Equal(got, []string{"one"}) || member.saw("INTERNAL") != 0 {
				t.Errorf("stored %q, %d errors", got, member.saw("INTERNAL"))
			}
		})
	}
}

func isDone(message any) bool {
	op, ok := message.(*logOp)
	return ok && op.append.Done != nil
}

// A lease that is lost while a message leaves the queue: the message ends once, and so it is counted.
func TestLeaseLostWhileAMessageLeaves(t *testing.T) {
	store, api := newDurable(t), newAPI()
	leaving, release := make(chan struct{}, 10), make(chan struct{})
	hooks := &hookedStore{appending: func(items []chatlog.Append) {
		if slices.ContainsFunc(items, func(a chatlog.Append) bool { return a.Done != nil }) {
			leaving <- struct{}{}
			<-release
		}
	}}
	f := store.hooked(t, api, hooks, shortCalls, func(c *Config) { c.LogPatience = time.Hour })
	f.routed(routeBatch)
	api.set(func() { api.fail = unavailable })
	bob := f.connect("c1", "bob", signedIn, part2)
	store.other(t).accepts("c1", "eve", "one", "id-1")
	eventually(t, "it is taken over", func() bool { return f.acceptedBytes.Load() > 0 })
	api.set(func() { api.fail = nil })
	<-leaving
	hooks.lapsing.Store(true)
	thief := store.other(t)
	thief.steals("c1")
	hooks.lapsing.Store(false)
	eventually(t, "the loss is known", func() bool { return thief.renews("c1") && f.fenced() > 0 })
	close(release)
	bob.hears("message", 1)
	store.empty(t, "c1")
	if n, b := f.underway.Load(), f.acceptedBytes.Load(); n != 0 || b != 0 {
		t.Errorf("%d under way, %d bytes accepted", n, b)
	}
}

func (f *fixture) fenced() float64 {
	var m dto.Metric
	_ = f.metrics.OutboxFenced.Write(&m)
	return m.Counter.GetValue()
}

// A notice of a final refusal that is lost: who waits asks again and is told.
func TestLostNoticeOfARefusal(t *testing.T) {
	for name, change := range map[string]func(*Config){"confirmed": func(*Config) {}, "live": live} {
		t.Run(name, func(t *testing.T) {
			store, api := newDurable(t), newAPI()
			b := store.instance(t, api, change)
			a := store.hooked(t, api, &hookedStore{deafTo: wire.TypeOutboxFailed}, change)
			a.routed(routeBatch)
			b.routed(routeBatch)
			ada, bob := a.connect("c1", "ada", signedIn, part2), b.connect("c1", "bob", signedIn, part2)
			api.set(func() { api.fail = unavailable })
			bob.sayID("zero", "id-0")
			bob.hearsAcks("id-0", "accepted")
			ada.sayID("one", "id-1")
			ada.hearsAcks("id-1", "accepted")
			api.set(func() { api.fail = rejected })
			bob.hears("error", 1)
			ada.hears("error", 1)
			if e := ada.of("error")[0]; e["code"] != "API_REJECTED" || e["clientMessageId"] != "id-1" {
				t.Errorf("error %v", e)
			}
			store.empty(t, "c1")
			eventually(t, "nothing is left", func() bool { return a.acceptedBytes.Load() == 0 })
		})
	}
}

// A claim that found nothing and is answered after a message was let in does not take the lease back.
func TestClaimThatIsOlderThanTheLease(t *testing.T) {
	store, api := newDurable(t), newAPI()
	asked, release := make(chan struct{}, 100), make(chan struct{})
	f := store.hooked(t, api, &hookedStore{claimed: func() { asked <- struct{}{}; <-release }})
	f.routed(routeBatch)
	ada := f.connect("c1", "ada", signedIn, part2)
	f.send(f.chatPID("c1"), &adopt{})
	<-asked
	api.set(func() { api.fail = unavailable })
	ada.sayID("one", "id-1")
	ada.hearsAcks("id-1", "accepted")
	close(release)
	f.chatPID("c1")
	api.set(func() { api.fail = nil })
	ada.sayID("two", "id-2")
	ada.hears("message", 2)
	if got := api.stored(); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("stored %q", got)
	}
}

// A chat that retires gives its lease up, whatever it leaves in the queue.
func TestRetiredChatHoldsNoLease(t *testing.T) {
	m := chatlog.NewMemory(chatlog.Options{Lease: 3 * time.Second})
	t.Cleanup(func() { m.Close() })
	store, api := durable{m}, newAPI()
	f := store.instance(t, api, func(c *Config) { c.Lease, c.HeadCheck, c.OrphanCheck = 3*time.Second, time.Hour, time.Hour })
	f.routed(routeBatch)
	c := f.connect("c1", "ada", signedIn, part2)
	chat := f.chatPID("c1")
	f.bridge.send(&logOp{from: &trap{}, append: &messages.AppendRequest{ChatId: "c1", Aliases: []string{"c:x"}, Queue: &messages.PersistRequest{ChatId: "c2", Key: "c:x"}}})
	eventually(t, "it is queued", func() bool {
		heads, _ := store.Heads(context.Background(), []string{"c1"})
		return heads[0].Queued
	})
	c.Gone()
	eventually(t, "the chat retires", func() bool { return f.ended(chat) })
	store.other(t).steals("c1")
}

// Messages that wait for the old API are not overtaken when the API turns out to have the batch route.
func TestOrderWhenTheBatchRouteAppears(t *testing.T) {
	f := single(t)
	hang := make(chan struct{})
	f.routed(routeBatch)
	f.api.set(func() { f.api.hang = hang })
	f.route.Store(routeSingle)
	c := f.connect("c1", "ada", signedIn, part2)
	for i := range 3 {
		c.sayID(fmt.Sprint(i), fmt.Sprintf("id-%d", i))
	}
	eventually(t, "they are under way", func() bool { return f.underway.Load() == 3 && f.logging.Load() == 0 })
	f.chatPID("c1")
	f.route.Store(routeBatch)
	c.sayID("3", "id-3")
	eventually(t, "the last is under way", func() bool { return f.underway.Load() == 4 })
	close(hang)
	c.hears("message", 4)
	if got := f.api.stored(); !slices.Equal(got, []string{"0", "1", "2", "3"}) {
		t.Errorf("stored %q", got)
	}
}

// Accepted messages take no room from those that are not.
func TestAcceptedSavesAreNotBounded(t *testing.T) {
	q := newSaveQueue(1)
	save := func(key string, accepted bool) *queued {
		s := &queued{request: &messages.PersistRequest{ChatId: key, Key: key, Content: half(maxSaveBytes), Accepted: accepted}}
		if !accepted {
			s.expires = time.Now().Add(time.Hour)
		}
		return s
	}
	if !q.push(save("a", true)) || !q.push(save("b", true)) || !q.push(save("c", false)) || q.push(save("d", false)) {
		t.Fatalf("%d of %d saves are bounded", q.bounded, q.size)
	}
	if q.keep("c", "c"); !q.push(save("d", false)) {
		t.Error("what was accepted meanwhile takes room")
	}
	for _, key := range []string{"a", "b", "c", "d"} {
		q.withdraw(key, key)
	}
	if q.size != 0 || q.bounded != 0 || q.bytes != 0 {
		t.Errorf("left: %d saves, %d bounded, %d bytes", q.size, q.bounded, q.bytes)
	}
}

// After an outage messages go straight to the API again, also where two instances take turns.
func TestOutboxIsLeftAfterAnOutage(t *testing.T) {
	store, api := newDurable(t), newAPI()
	rarely := func(c *Config) { c.HeadCheck = time.Hour }
	a, b := store.instance(t, api, rarely), store.instance(t, api, rarely)
	a.routed(routeBatch)
	b.routed(routeBatch)
	ada, bob := a.connect("c1", "ada", signedIn, part2), b.connect("c1", "bob", signedIn, part2)
	api.set(func() { api.fail = unavailable })
	ada.sayID("one", "id-1")
	ada.hearsAcks("id-1", "accepted")
	api.set(func() { api.fail = nil })
	ada.hearsAcks("id-1", "accepted", "stored")
	turn := 0
	eventually(t, "a message is stored without the outbox", func() bool {
		speaker := []*client{ada, bob}[turn%2]
		turn++
		id := fmt.Sprintf("turn-%d", turn)
		speaker.sayID("more", id)
		eventually(t, "it is stored", func() bool { return slices.Contains(speaker.acks(id), "stored") })
		direct := slices.Equal(speaker.acks(id), []string{"stored"})
		return direct && turn > 2
	})
	if turn > 10 {
		t.Errorf("only after %d messages", turn)
	}
}

// A message that is refused since the outbox did not answer is not let in later behind its sender's back.
func TestRefusedIsNotLetInLater(t *testing.T) {
	for name, mode := range map[string]func(*Config){"confirmed": func(*Config) {}, "live": live} {
		t.Run(name, func(t *testing.T) {
			store, api := newDurable(t), newAPI()
			asked, release := make(chan struct{}, 10), make(chan struct{})
			hooks := &hookedStore{appending: func([]chatlog.Append) { asked <- struct{}{}; <-release }}
			f := store.hooked(t, api, hooks, mode, func(c *Config) {
				c.SavePatience, c.HeadCheck, c.LogPatience = 300*time.Millisecond, time.Hour, time.Hour
			})
			f.routed(routeBatch)
			ada := f.connect("c1", "ada", signedIn, part2)
			api.set(func() { api.fail = unavailable })
			ada.sayID("one", "id-1") // its step is under way and may let it in
			<-asked
			ada.sayID("two", "id-2") // its step has not begun
			ada.hears("error", 2)
			close(release)
			api.set(func() { api.fail = nil })
			ada.sayID("three", "id-3")
			ada.hearsAcks("id-3", "accepted", "stored")
			store.empty(t, "c1")
			eventually(t, "both are shown", func() bool { return slices.Equal(ada.contents(), []string{"one", "three"}) })
			if got := api.stored(); !slices.Equal(got, []string{"one", "three"}) {
				t.Errorf("stored %q", got)
			}
			if logging, underway := f.logging.Load(), f.underway.Load(); logging != 0 || underway != 0 {
				t.Errorf("%d operations and %d messages are counted still", logging, underway)
			}
		})
	}
}
