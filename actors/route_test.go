package actors

import (
	"context"
	"slices"
	"testing"
	"time"

	"eclipse/internal/chatlog"
	"eclipse/internal/nextapi"
	"eclipse/internal/wire"
)

// What cannot be a repeat waits behind what may be one: a sender's messages keep their order.
func TestOrderWithAndWithoutIDsOverTheOldAPI(t *testing.T) {
	log := newHooked(t)
	asked, release := log.holdLookUps()
	api := newAPI()
	api.old = true
	f := log.start(t, patient(), api)
	eventually(t, "the route is known", func() bool { return f.route.Load() == routeSingle })
	c := f.connect("c1", "u1", signedIn, part2)
	c.sayID("1", "id-1")
	<-asked
	c.say("2")
	c.sayID("3", "id-3")
	c.Handle(wire.ClientFrame{Kind: wire.KindPing})
	eventually(t, "all look-ups wait", func() bool { return f.logging.Load() == 3 })
	close(release)
	c.hears("message", 3)
	if want := []string{"1", "2", "3"}; !slices.Equal(api.stored(), want) || !slices.Equal(c.contents(), want) {
		t.Errorf("stored %v, delivered %v", api.stored(), c.contents())
	}
}

// Nor is a message that the log is asked about overtaken by one that comes when the API turns out to have the batch route.
func TestOrderBehindALookUpWhenTheBatchRouteAppears(t *testing.T) {
	for name, live := range map[string]bool{"confirmed": false, "live": true} {
		t.Run(name, func(t *testing.T) {
			log := newHooked(t)
			asked, release := log.holdLookUps()
			cfg := patient()
			cfg.Live = live
			f := log.start(t, cfg, newAPI())
			f.routed(routeBatch)
			f.route.Store(routeSingle)
			c := f.connect("c1", "u1", signedIn, part2)
			c.sayID("1", "id-1")
			<-asked
			f.route.Store(routeBatch)
			c.sayID("2", "id-2")
			eventually(t, "the second waits for the log", func() bool { return f.logging.Load() == 2 })
			close(release)
			c.hears("message", 2)
			if want := []string{"1", "2"}; !slices.Equal(f.api.stored(), want) || !slices.Equal(c.contents(), want) {
				t.Errorf("stored %v, delivered %v", f.api.stored(), c.contents())
			}
		})
	}
}

func TestOldAPIWithTheLogAway(t *testing.T) {
	log := newHooked(t)
	log.lookUp = func(context.Context, string, []string) ([]*chatlog.Entry, error) { return nil, errAway }
	log.append = func(_ context.Context, items []chatlog.Append) []chatlog.Appended {
		out := make([]chatlog.Appended, len(items))
		for i := range out {
			out[i].Err = errAway
		}
		return out
	}
	api := newAPI()
	api.old = true
	f := log.start(t, quick(), api)
	eventually(t, "the route is known", func() bool { return f.route.Load() == routeSingle })
	c := f.connect("c1", "u1", signedIn, part2)
	for i, content := range []string{"first", "second"} {
		c.sayID(content, content)
		c.hears("message", i+1)
		c.hears("ack", i+1)
	}
	if got := api.stored(); !slices.Equal(got, []string{"first", "second"}) {
		t.Errorf("stored %v", got)
	}
}

// The log keeps the key of an entry whose payload it has trimmed: a repeat is not stored again.
func TestRepeatOfATrimmedEntryIsAckedWithTheFirstID(t *testing.T) {
	shared := chatlog.NewMemory(chatlog.Options{Window: 1})
	defer shared.Close()
	api := newAPI()
	api.old = true
	first, second := shared.Handle(), shared.Handle()
	a := startOn(t, patient(), api, shared, first, first)
	eventually(t, "the route is known", func() bool { return a.route.Load() == routeSingle })
	c := a.connect("c1", "u1", signedIn, part2)
	c.sayID("x", "id-1")
	c.hears("ack", 1)
	id := c.of("ack")[0]["id"].(string)
	epoch, _ := epochs(t, shared)
	outside := shared.Handle()
	for o := uint64(2); o < 5000; o++ {
		e := entry(epoch, o)
		outside.Append(context.Background(), []chatlog.Append{{ChatID: "c1", Key: e.Key, Body: []byte(`{"type":"later"}`)}})
		if found, _ := shared.Lookup(context.Background(), "c1", []string{wire.MessageKey(id)}); found[0] != nil && found[0].Payload == nil {
			break
		}
	}
	if found, _ := shared.Lookup(context.Background(), "c1", []string{wire.MessageKey(id)}); found[0] == nil || found[0].Payload != nil {
		t.Fatalf("not trimmed: %v", found[0])
	}
	b := startOn(t, patient(), api, shared, second, second)
	eventually(t, "the route is known", func() bool { return b.route.Load() == routeSingle })
	again := b.connect("c1", "u1", signedIn, part2)
	again.sayID("x", "id-1")
	again.hears("ack", 1)
	if ack := again.of("ack")[0]; ack["id"] != id {
		t.Errorf("ack %v, want the id %s", ack, id)
	}
	if got := api.stored(); !slices.Equal(got, []string{"x"}) {
		t.Errorf("stored %v", got)
	}
}

// An API that is down from the start: nothing is known of its routes, so messages wait, and are stored once.
func TestRouteUnknownAtTheStart(t *testing.T) {
	for _, old := range []bool{false, true} {
		m := chatlog.NewMemory(chatlog.Options{})
		defer m.Close()
		api := newAPI()
		api.fail = &nextapi.Result{Class: nextapi.Retry}
		cfg := patient()
		cfg.SavePatience = time.Minute
		f := start(t, cfg, api, m)
		c := f.connect("c1", "u1", signedIn, part2)
		c.sayID("waits", "id-1")
		eventually(t, "the message is under way", func() bool { return f.underway.Load() == 1 })
		if f.route.Load() != routeUnknown || len(api.stored()) != 0 {
			t.Fatal("stored by a route that is not known")
		}
		api.set(func() { api.fail, api.old = nil, old })
		c.hears("ack", 1)
		c.hears("message", 1)
		if got := api.stored(); !slices.Equal(got, []string{"waits"}) {
			t.Errorf("stored %v", got)
		}
	}
}

// The old route would store again what the batch route may have stored.
func TestWhatTheBatchRouteMayHaveStoredNeverGoesByTheOld(t *testing.T) {
	f := single(t)
	eventually(t, "the route is known", func() bool { return f.route.Load() == routeBatch })
	hang := make(chan struct{})
	f.api.set(func() { f.api.hang, f.api.fail = hang, &nextapi.Result{Class: nextapi.Ambiguous} })
	c := f.connect("c1", "u1", signedIn, part2)
	c.sayID("x", "id-1")
	eventually(t, "the message is under way", func() bool { return f.underway.Load() == 1 })
	close(hang)
	eventually(t, "it was tried", func() bool { f.api.mu.Lock(); defer f.api.mu.Unlock(); return f.api.calls > 0 })
	f.api.set(func() { f.api.fail, f.api.old = nil, true })
	c.hears("error", 1)
	if e := c.of("error")[0]; e["code"] != "API_UNAVAILABLE" || e["retryable"] != true {
		t.Errorf("error %v", e)
	}
	if got := f.api.stored(); len(got) != 0 {
		t.Errorf("stored %v", got)
	}
}
