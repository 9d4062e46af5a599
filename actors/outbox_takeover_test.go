package actors

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"eclipse/internal/chatlog"
	"eclipse/internal/wire"
)

// What the holder that died may have posted by the old API is looked for, also where the message's own sender is.
func TestOldAPITakeoverOfWhatWasLetInHere(t *testing.T) {
	store := newDurableFor(t, 3*time.Second) // which outlasts a pause of a busy machine
	api := store.oldAPI()
	holder := store.other(t)
	holder.accepts("c1", "eve", "zero", "id-0")
	f := store.instance(t, api, shortCalls)
	f.routed(routeSingle)
	ada := f.connect("c1", "ada", signedIn, part2)
	ada.sayID("one", "id-1")
	eventually(t, "it is let in", func() bool { return holder.renews("c1") && len(ada.acks("id-1")) == 1 })
	api.storeUnseen("api-one", "c1", "one", true) // by the holder, which dies before it hears of it
	ada.hearsAcks("id-1", "accepted", "stored")
	store.empty(t, "c1")
	if got := api.stored(); !slices.Equal(got, []string{"one", "zero"}) {
		t.Errorf("stored %q", got)
	}
}

// The answer to a dead instance's call may have come, and named its entry, after the queue was listed here.
func TestOldAPIAnswerNamedAfterTheClaim(t *testing.T) {
	store := newDurable(t)
	api := store.oldAPI()
	f := store.instance(t, api, shortCalls)
	f.routed(routeSingle)
	ada := f.connect("c1", "ada", signedIn, part2)
	api.set(func() { api.fail = unavailable })
	ada.sayID("zero", "id-0")
	ada.hearsAcks("id-0", "accepted")
	another := store.other(t)
	r := another.accepts("c1", "eve", "one", "id-1")
	eventually(t, "it is listed here", func() bool { return f.acceptedBytes.Load() == int64(len("zero")+len("one")) })
	api.storeUnseen("api-one", "c1", "one", false)
	body := []byte(`{"type":"message","data":{"id":"api-one","content":"one","role":"user","sender":{}},"timestamp":"t","chatId":"c1"}`)
	another.Append(context.Background(), []chatlog.Append{{ChatID: "c1", Key: wire.MessageKey("api-one"), Aliases: []string{r.Key}, Body: body}})
	api.set(func() { api.fail = nil })
	store.empty(t, "c1")
	if got := api.stored(); !slices.Equal(got, []string{"one", "zero"}) || f.reposted() != 0 {
		t.Errorf("stored %q, %v reposts", got, f.reposted())
	}
}

// What was found by its words is known by its name from then on: a repeat elsewhere is not stored again.
func TestOldAPIFoundAnswerIsKnownToARepeat(t *testing.T) {
	store := newDurable(t)
	api := store.oldAPI()
	a, b := store.instance(t, api, shortCalls), store.instance(t, api, shortCalls)
	a.routed(routeSingle)
	b.routed(routeSingle)
	ada := a.connect("c1", "ada", signedIn, part2)
	api.set(func() { api.fail = noAnswer })
	ada.sayID("one", "id-1")
	ada.hearsAcks("id-1", "accepted")
	api.storeUnseen("api-one", "c1", "one", true)
	ada.hearsAcks("id-1", "accepted", "stored")
	store.empty(t, "c1")
	api.set(func() { api.fail = nil })
	again := b.connect("c1", "ada", signedIn, part2)
	again.sayID("one", "id-1")
	eventually(t, "the repeat is stored", func() bool { return slices.Contains(again.acks("id-1"), "stored") })
	if got := api.stored(); !slices.Equal(got, []string{"one"}) || again.of("ack")[0]["id"] != "api-one" {
		t.Errorf("stored %q, %v", got, again.of("ack"))
	}
}

// The same words twice: the first message's entry is no answer for the second.
func TestOldAPISameWordsTwice(t *testing.T) {
	store := newDurable(t)
	api := store.oldAPI()
	publish, hang := api.publish, make(chan struct{})
	api.publish = func(chatID string, payload []byte) { // from the second call on there is no answer
		api.fail = noAnswer
		publish(chatID, payload)
	}
	api.hang = hang
	f := store.instance(t, api, shortCalls, func(c *Config) { c.AcceptPatience = 400 * time.Millisecond })
	f.routed(routeSingle)
	bob := f.connect("c1", "bob", signedIn)
	bob.say("ok")
	bob.say("ok")
	eventually(t, "both are under way", func() bool { return f.underway.Load() == 2 })
	close(hang)
	bob.hears("message", 1)
	eventually(t, "the second is accepted", func() bool { return f.acceptedBytes.Load() == int64(len("ok")) })
	api.set(func() { api.fail, api.publish = nil, publish })
	bob.hears("message", 2)
	store.empty(t, "c1")
	if got := api.stored(); !slices.Equal(got, []string{"ok", "ok"}) {
		t.Errorf("stored %q", got)
	}
}

// A message that was sent before the head of the log was known is not taken for an older one of the same words.
func TestOldAPIOlderWordsAreNoAnswer(t *testing.T) {
	store := newDurable(t)
	api := store.oldAPI()
	before := []byte(`{"type":"message","data":{"id":"before","content":"ok","role":"user","sender":{}},"timestamp":"t","chatId":"c1"}`)
	store.other(t).Append(context.Background(), []chatlog.Append{{ChatID: "c1", Key: wire.MessageKey("before"), Body: before}})
	release := make(chan struct{})
	f := store.hooked(t, api, &hookedStore{heads: func() { <-release }}, shortCalls)
	f.routed(routeSingle)
	api.set(func() { api.fail = noAnswer })
	ada := f.connectOnly("c1", "ada", signedIn, part2)
	ada.sayID("ok", "id-1")
	eventually(t, "it is accepted", func() bool { return f.acceptedBytes.Load() == int64(len("ok")) })
	close(release)
	ada.hearsAcks("id-1", "accepted")
	eventually(t, "it was posted", func() bool { api.mu.Lock(); defer api.mu.Unlock(); return api.calls > 0 })
	api.set(func() { api.fail = nil })
	ada.hearsAcks("id-1", "accepted", "stored")
	if got := api.stored(); !slices.Equal(got, []string{"ok"}) {
		t.Errorf("stored %q", got)
	}
}

// leavesOne has an instance accept a message of ada's while the API is down, and end.
func (d durable) leavesOne(t *testing.T, api *fakeAPI) {
	t.Helper()
	f := d.mortal(t, api)
	f.routed(routeBatch)
	api.set(func() { api.fail = unavailable })
	ada := f.connect("c1", "ada", signedIn, part2)
	ada.sayID("one", "id-1")
	ada.hearsAcks("id-1", "accepted")
	f.Router.Close()
	api.set(func() { api.fail = nil })
}

// storesOneThenTwo waits until that and the next message of hers are stored.
func (d durable) storesOneThenTwo(t *testing.T, api *fakeAPI) {
	t.Helper()
	d.empty(t, "c1")
	eventually(t, "both are stored", func() bool { return len(api.stored()) == 2 })
	if got := api.stored(); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("stored %q", got)
	}
}

// A sender that comes to another instance is not overtaken by itself: what is queued may not be known there yet.
func TestOrderOverAReconnect(t *testing.T) {
	store, api := newDurable(t), newAPI()
	store.leavesOne(t, api)
	release := make(chan struct{})
	next := store.hooked(t, api, &hookedStore{heads: func() { <-release }})
	next.routed(routeBatch)
	again := next.connectOnly("c1", "ada", signedIn, part2)
	again.sayID("two", "id-2")
	eventually(t, "it has come", func() bool { return next.underway.Load() > 0 || next.acceptedBytes.Load() > 0 || len(api.stored()) > 0 })
	close(release)
	store.storesOneThenTwo(t, api)
}

// What another instance logs may be heard before the store tells that messages wait in the outbox.
func TestOrderWhenAnEntryIsHeardFirst(t *testing.T) {
	store, api := newDurable(t), newAPI()
	store.leavesOne(t, api)
	release := make(chan struct{})
	next := store.hooked(t, api, &hookedStore{heads: func() { <-release }}, func(c *Config) { c.OrphanCheck = time.Hour })
	next.routed(routeBatch)
	again := next.connectOnly("c1", "ada", signedIn, part2)
	body := []byte(`{"type":"message","data":{"id":"other","content":"other","role":"user","sender":{}},"timestamp":"t","chatId":"c1"}`)
	n := 0
	eventually(t, "an entry is heard", func() bool {
		n++
		store.other(t).Append(context.Background(), []chatlog.Append{{ChatID: "c1", Key: wire.MessageKey(fmt.Sprint("other", n)), Body: body}})
		return again.count("message") > 0
	})
	again.sayID("two", "id-2")
	eventually(t, "it has come", func() bool { return len(again.acks("id-2")) > 0 })
	close(release)
	store.storesOneThenTwo(t, api)
}

// A message that was sent again over another instance is stored with the time at which it first came, also when that
// instance posts it.
func TestTakeoverKeepsTheTime(t *testing.T) {
	store, api := newDurable(t), newAPI()
	first, next := store.mortal(t, api), store.instance(t, api)
	first.routed(routeBatch)
	next.routed(routeBatch)
	api.set(func() { api.fail = unavailable })
	ada := first.connect("c1", "ada", signedIn, part2)
	ada.sayID("one", "id-1")
	ada.hearsAcks("id-1", "accepted")
	came := time.Now()
	again := next.connect("c1", "ada", signedIn, part2)
	eventually(t, "a later millisecond", func() bool { return time.Since(came) > 2*time.Millisecond })
	again.sayID("one", "id-1")
	again.hearsAcks("id-1", "accepted")
	first.Router.Close()
	api.set(func() { api.fail = nil })
	again.hearsAcks("id-1", "accepted", "stored")
	for _, row := range api.rows {
		if row.SentAt.After(came) {
			t.Errorf("stored as sent %v after it came", row.SentAt.Sub(came))
		}
	}
}

// An id that the batch route was tried with never goes by the old one, whoever posts it.
func TestWhatTheBatchRouteWasTriedWithWaitsForIt(t *testing.T) {
	for _, c := range []struct {
		name           string
		accept, giveUp time.Duration
		dies           bool
	}{
		{"taken over", time.Second, time.Minute, true},
		{"given back before it was accepted", time.Minute, 400 * time.Millisecond, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			store, api := newDurable(t), newAPI()
			f := store.mortal(t, api, func(cfg *Config) { cfg.AcceptPatience, cfg.SavePatience = c.accept, c.giveUp })
			defer func() {
				if !c.dies {
					f.Router.Close()
				}
			}()
			f.routed(routeBatch)
			ada := f.connect("c1", "ada", signedIn, part2)
			api.set(func() { api.fail = noAnswer })
			ada.sayID("one", "id-1")
			eventually(t, "it was tried", func() bool { api.mu.Lock(); defer api.mu.Unlock(); return api.calls > 0 })
			api.set(func() { api.fail, api.old = nil, true })
			ada.hearsAcks("id-1", "accepted")
			f.routed(routeSingle)
			if c.dies {
				f.Router.Close()
				f = store.instance(t, api, shortCalls)
			}
			eventually(t, "the loss is known, or it is posted", func() bool {
				return f.batchLost.Load() && f.acceptedBytes.Load() > 0 || len(api.stored()) > 0
			})
			f.connect("c2", "bob", signedIn, part2).sayID("other", "id-2")
			eventually(t, "another chat goes on", func() bool { return slices.Contains(api.stored(), "other") })
			if got := api.stored(); !slices.Equal(got, []string{"other"}) {
				t.Errorf("stored %q", got)
			}
		})
	}
}
