package actors

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"eclipse/internal/chatlog"
	"eclipse/internal/metrics"
	"eclipse/internal/nextapi"
	"eclipse/internal/wire"
)

// durable is a log in memory whose outbox counts as one that outlives a process; handles of one store are instances.
type durable struct{ *chatlog.Memory }

func (durable) Durable() bool { return true }

// shortLease is that of the store and of the routers on it.
const shortLease = 300 * time.Millisecond

func newDurable(t testing.TB) durable { return newDurableFor(t, shortLease) }

func newDurableFor(t testing.TB, lease time.Duration) durable {
	m := chatlog.NewMemory(chatlog.Options{Lease: lease})
	t.Cleanup(func() { m.Close() })
	return durable{m}
}

// instance starts a router on a store; each call is another instance.
func (d durable) instance(t testing.TB, api *fakeAPI, change ...func(*Config)) *fixture {
	f := d.mortal(t, api, change...)
	t.Cleanup(f.Router.Close)
	return f
}

// mortal is an instance that the test ends itself.
func (d durable) mortal(t testing.TB, api *fakeAPI, change ...func(*Config)) *fixture {
	cfg := outboxConfig(change...)
	h := durable{d.Memory.Handle()}
	r := Start(cfg, Deps{Log: h, Outbox: h, Bus: h, API: api, Metrics: metrics.New(), Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	return &fixture{Router: r, t: t, api: api, log: h.Memory}
}

func outboxConfig(change ...func(*Config)) Config {
	cfg := quick()
	cfg.AcceptPatience, cfg.AcceptCheck = 50*time.Millisecond, 300*time.Millisecond
	cfg.Lease, cfg.OrphanCheck = shortLease, 50*time.Millisecond
	cfg.SavePatience = 20 * time.Second
	for _, c := range change {
		c(&cfg)
	}
	return cfg
}

func live(c *Config) { c.Live = true }

var (
	unavailable = &nextapi.Result{Class: nextapi.Retry, Status: 503}
	rejected    = &nextapi.Result{Class: nextapi.Rejected, Status: 400, Reason: "no"}
)

// acks lists what a client heard of a message, in order.
func (c *client) acks(clientID string) (statuses []string) {
	for _, f := range c.of("ack") {
		if f["clientMessageId"] == clientID {
			statuses = append(statuses, f["status"].(string))
		}
	}
	return statuses
}

func (c *client) hearsAcks(clientID string, want ...string) {
	c.t.Helper()
	eventually(c.t, fmt.Sprintf("%s is %v", clientID, want), func() bool { return slices.Equal(c.acks(clientID), want) })
}

// empty waits until nothing is queued in a chat.
func (d durable) empty(t testing.TB, chatID string) {
	t.Helper()
	eventually(t, "the outbox is empty", func() bool {
		heads, err := d.Heads(context.Background(), []string{chatID})
		return err == nil && !heads[0].Queued
	})
}

// What the API cannot store in time is accepted, waits in order, and reaches everyone once when the API is back.
func TestAcceptedWhileTheAPIIsDown(t *testing.T) {
	store, api := newDurable(t), newAPI()
	f := store.instance(t, api)
	f.routed(routeBatch)
	ada, bob := f.connect("c1", "ada", signedIn, part2), f.connect("c1", "bob", signedIn)
	api.set(func() { api.fail = unavailable })
	ada.sayID("one", "id-1")
	ada.hearsAcks("id-1", "accepted")
	ada.sayID("two", "id-2")
	bob.say("three")
	ada.sayID("one", "id-1") // a repeat hears the same
	ada.hearsAcks("id-2", "accepted")
	ada.hearsAcks("id-1", "accepted", "accepted")
	if n := bob.count("message", "error"); n != 0 {
		t.Errorf("%d frames before anything was stored", n)
	}
	api.set(func() { api.fail = nil })
	want := []string{"one", "two", "three"}
	for _, c := range []*client{ada, bob} {
		c.hears("message", 3)
		if got := c.contents(); !slices.Equal(got, want) {
			t.Errorf("heard %q", got)
		}
	}
	ada.hearsAcks("id-1", "accepted", "accepted", "stored")
	ada.hearsAcks("id-2", "accepted", "stored")
	if got := api.stored(); !slices.Equal(got, want) {
		t.Errorf("stored %q", got)
	}
	store.empty(t, "c1")
}

// What was accepted is stored although the instance that accepted it is gone, and nobody is in the chat.
func TestAnotherInstanceTakesOver(t *testing.T) {
	store, api := newDurable(t), newAPI()
	f := store.mortal(t, api)
	f.routed(routeBatch)
	api.set(func() { api.fail = unavailable })
	ada := f.connect("c1", "ada", signedIn, part2)
	for i := range 5 {
		ada.sayID(fmt.Sprint(i), fmt.Sprintf("id-%d", i))
		ada.hearsAcks(fmt.Sprintf("id-%d", i), "accepted")
	}
	f.Router.Close()
	api.set(func() { api.fail = nil })
	other := store.instance(t, api)
	store.empty(t, "c1")
	if got := api.stored(); !slices.Equal(got, []string{"0", "1", "2", "3", "4"}) {
		t.Errorf("stored %q", got)
	}
	bob := other.connect("c1", "ada", signedIn, part2, resumeAt(wire.Position{}))
	bob.hears("message", 5)
	bob.sayID("0", "id-0") // its sender asks again what became of it
	bob.hearsAcks("id-0", "stored")
}

// Two instances with sockets in one chat: one posts for both, in one order, and each sender hears of its own.
func TestTwoInstancesShareAnOutbox(t *testing.T) {
	store, api := newDurable(t), newAPI()
	a, b := store.instance(t, api), store.instance(t, api)
	a.routed(routeBatch)
	b.routed(routeBatch)
	ada, bob := a.connect("c1", "ada", signedIn, part2), b.connect("c1", "bob", signedIn, part2)
	api.set(func() { api.fail = unavailable })
	for i := range 20 {
		ada.sayID(fmt.Sprintf("ada %d", i), fmt.Sprintf("a-%d", i))
		bob.sayID(fmt.Sprintf("bob %d", i), fmt.Sprintf("b-%d", i))
	}
	ada.hearsAcks("a-19", "accepted")
	bob.hearsAcks("b-19", "accepted")
	api.set(func() { api.fail = nil })
	for i := range 20 {
		ada.hearsAcks(fmt.Sprintf("a-%d", i), "accepted", "stored")
		bob.hearsAcks(fmt.Sprintf("b-%d", i), "accepted", "stored")
	}
	ada.hears("message", 40)
	bob.hears("message", 40)
	if !slices.Equal(ada.contents(), bob.contents()) {
		t.Errorf("two orders: %q and %q", ada.contents(), bob.contents())
	}
	for _, name := range []string{"ada", "bob"} {
		next := 0
		for _, content := range ada.contents() {
			if content == fmt.Sprintf("%s %d", name, next) {
				next++
			}
		}
		if next != 20 {
			t.Errorf("%s's order broke at %d: %q", name, next, ada.contents())
		}
	}
	if n := len(api.stored()); n != 40 {
		t.Errorf("%d rows", n)
	}
	store.empty(t, "c1")
}

// A message that the API refuses for good does not stop those behind it.
func TestDeadLetters(t *testing.T) {
	store, api := newDurable(t), newAPI()
	f := store.instance(t, api)
	f.routed(routeBatch)
	ada := f.connect("c1", "ada", signedIn, part2)
	api.set(func() { api.fail = unavailable })
	ada.sayID("bad", "id-1")
	ada.hearsAcks("id-1", "accepted")
	api.set(func() { api.fail = rejected })
	ada.hears("error", 1)
	if e := ada.of("error")[0]; e["code"] != "API_REJECTED" || e["retryable"] != false || e["clientMessageId"] != "id-1" {
		t.Errorf("error %v", e)
	}
	api.set(func() { api.fail = nil })
	ada.sayID("good", "id-2")
	ada.hears("message", 1)
	letters, err := store.Letters(context.Background(), "", 10)
	if err != nil || len(letters) != 1 || letters[0].ChatID != "c1" || letters[0].Reason != "API_REJECTED: no" {
		t.Errorf("dead letters %+v, %v", letters, err)
	}
	store.empty(t, "c1")
}

// Live: everyone sees a message at once, and the conversation goes on while the API is down.
func TestLive(t *testing.T) {
	store, api := newDurable(t), newAPI()
	a, b := store.instance(t, api, live), store.instance(t, api, live)
	a.routed(routeBatch)
	b.routed(routeBatch)
	ada, bob := a.connect("c1", "ada", signedIn, part2), b.connect("c1", "bob", part2)
	api.set(func() { api.fail = unavailable })
	ada.sayID("one", "id-1")
	bob.hears("message", 1)
	bob.sayID("two", "id-2")
	ada.hears("message", 2)
	ada.hearsAcks("id-1", "accepted")
	bob.hearsAcks("id-2", "accepted")
	first := ada.of("message")[0]
	sender := data(first)["sender"].(map[string]any)
	if first["offset"] != 1.0 || data(first)["clientMessageId"] != "id-1" || data(first)["role"] != "user" || sender["id"] != "ada" || sender["name"] != "Ada" {
		t.Errorf("shown %v", first)
	}
	if sender := data(ada.of("message")[1])["sender"].(map[string]any); sender["name"] != "Anonymous" || sender["id"] != "bob" {
		t.Errorf("anonymous: %v", sender)
	}
	if at := ada.of("ack")[0]["offset"]; at != 1.0 {
		t.Errorf("accepted at %v", at)
	}
	api.set(func() { api.fail = nil })
	ada.hearsAcks("id-1", "accepted", "stored")
	bob.hearsAcks("id-2", "accepted", "stored")
	store.empty(t, "c1")
	ada.hears("message", 2)
	bob.hears("message", 2)
	if got := api.stored(); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("stored %q", got)
	}
}

// Live: what was shown and cannot be stored is followed by a frame that says so, everywhere.
func TestLiveRefused(t *testing.T) {
	store, api := newDurable(t), newAPI()
	f := store.instance(t, api, live)
	f.routed(routeBatch)
	ada, bob := f.connect("c1", "ada", signedIn, part2), f.connect("c1", "bob", part2)
	api.set(func() { api.fail = rejected })
	ada.sayID("one", "id-1")
	bob.hears("message_failed", 1)
	failed := bob.of("message_failed")[0]
	if data(failed)["id"] != data(bob.of("message")[0])["id"] || data(failed)["code"] != "API_REJECTED" || failed["offset"] != 2.0 {
		t.Errorf("told %v", failed)
	}
	ada.hears("error", 1)
	ada.hearsAcks("id-1", "accepted")
	ada.sayID("one", "id-1") // again: the answer is the API's
	ada.hears("error", 2)
	ada.hears("message_failed", 1)
	store.empty(t, "c1")
}

// A log that was lost takes the outbox along; the instance enters again what it has accepted.
func TestAcceptedSurvivesALostOutbox(t *testing.T) {
	for name, change := range map[string]func(*Config){"confirmed": func(*Config) {}, "live": live} {
		t.Run(name, func(t *testing.T) {
			lost, api := newDurable(t), newAPI()
			log := &swapped{durable: lost}
			cfg := quick()
			cfg.AcceptPatience, cfg.SavePatience, cfg.OrphanCheck = 50*time.Millisecond, 20*time.Second, 50*time.Millisecond
			change(&cfg)
			f := startOn(t, cfg, api, lost.Memory, log, lost)
			f.routed(routeBatch)
			ada := f.connect("c1", "ada", signedIn, part2)
			api.set(func() { api.fail = unavailable })
			ada.sayID("one", "id-1")
			ada.sayID("two", "id-2")
			ada.hearsAcks("id-2", "accepted")
			fresh := newDurable(t)
			log.swap(fresh)
			eventually(t, "the fresh outbox has them", func() bool {
				queues, _ := fresh.Queues(context.Background(), "", 1)
				return len(queues) == 1 && queues[0].Left == 2
			})
			api.set(func() { api.fail = nil })
			ada.hearsAcks("id-1", "accepted", "stored")
			ada.hearsAcks("id-2", "accepted", "stored")
			ada.hears("message", 2)
			fresh.empty(t, "c1")
			if got := api.stored(); !slices.Equal(got, []string{"one", "two"}) {
				t.Errorf("stored %q", got)
			}
		})
	}
}
