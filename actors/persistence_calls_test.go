package actors

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"eclipse/actors/messages"
	"eclipse/internal/nextapi"
)

// stuckAPI does not answer for some chats until it is freed.
type stuckAPI struct {
	*fakeAPI
	stuck []string
	freed chan struct{}
	posts [][]string // the contents of each call, under fakeAPI's lock
}

func newStuckAPI(stuck ...string) *stuckAPI {
	return &stuckAPI{fakeAPI: newAPI(), stuck: stuck, freed: make(chan struct{})}
}

func (a *stuckAPI) StoreBatch(ctx context.Context, ms []nextapi.Message) []nextapi.Result {
	if !a.reach(ctx, ms...) {
		return slices.Repeat([]nextapi.Result{unknown}, len(ms))
	}
	return a.fakeAPI.StoreBatch(ctx, ms)
}

func (a *stuckAPI) Store(ctx context.Context, m nextapi.Message) nextapi.Result {
	if !a.reach(ctx, m) {
		return unknown
	}
	return a.fakeAPI.Store(ctx, m)
}

func (a *stuckAPI) reach(ctx context.Context, ms ...nextapi.Message) bool {
	var contents []string
	hangs := false
	for _, m := range ms {
		contents = append(contents, m.Content)
		hangs = hangs || slices.Contains(a.stuck, m.ChatID)
	}
	a.set(func() { a.posts = append(a.posts, contents) })
	if !hangs {
		return true
	}
	select {
	case <-a.freed:
		return true
	case <-ctx.Done():
		return false
	}
}

// posted lists the calls that had a message in them.
func (a *stuckAPI) posted(content string) (calls [][]string) {
	a.set(func() {
		for _, p := range a.posts {
			if slices.Contains(p, content) {
				calls = append(calls, p)
			}
		}
	})
	return calls
}

// start starts a router whose calls end by an answer only.
func (a *stuckAPI) start(t *testing.T, slots int) *fixture {
	cfg := patient()
	cfg.APIConcurrency, cfg.SaveTimeout, cfg.SavePatience = slots, time.Hour, time.Hour
	r := router(t, cfg, a)
	t.Cleanup(r.Close)
	return &fixture{Router: r, t: t, api: a.fakeAPI}
}

// A call of the old route stores one message, so there are more of them.
func TestOldRouteHasMoreCalls(t *testing.T) {
	var chats []string
	for n := range singleCalls + 2 {
		chats = append(chats, fmt.Sprintf("s%d", n))
	}
	api := newStuckAPI(chats...)
	api.fakeAPI.old = true
	f := api.start(t, 1)
	f.routed(routeSingle)
	for _, chatID := range chats {
		f.connect(chatID, "u1", signedIn, part2).sayID("1 of "+chatID, "id-1")
	}
	eventually(t, "all are at hand", func() bool { return testutil.ToFloat64(f.metrics.APIQueued) == float64(len(chats)) })
	calls := func() (n int) { api.set(func() { n = len(api.posts) }); return n }
	eventually(t, "as many as may are posted", func() bool { return calls() >= singleCalls })
	if n := calls(); n != singleCalls {
		t.Errorf("%d calls", n)
	}
	close(api.freed)
	eventually(t, "all are stored", func() bool { return len(api.stored()) == len(chats) })
}

// More chats for which the API hangs than there are slots take none from the others, and their messages are stored when
// the API goes on: by the old route from their first call.
func TestChatsThatHangTakeNoSlots(t *testing.T) {
	for _, old := range []bool{false, true} {
		t.Run(fmt.Sprintf("old=%v", old), func(t *testing.T) {
			api := newStuckAPI("s0", "s1", "s2", "s3", "s4", "s5")
			api.fakeAPI.old = old
			f := api.start(t, 4)
			healthy := f.connect("healthy", "u1", signedIn, part2)
			healthy.sayID("first", "id")
			healthy.hears("ack", 1)
			var stuck []*client
			for _, chatID := range api.stuck {
				c := f.connect(chatID, "u1", signedIn, part2)
				c.sayID("1 of "+chatID, "id-1")
				eventually(t, "it has a call of its own", func() bool { return len(api.posted("1 of "+chatID)) > 0 })
				c.sayID("2 of "+chatID, "id-2")
				stuck = append(stuck, c)
			}
			suspects := func() int { return int(testutil.ToFloat64(f.metrics.APISuspects)) }
			for n := 0; suspects() < len(stuck); n++ {
				healthy.sayID("meanwhile", fmt.Sprintf("id-%d", n))
				healthy.hears("ack", n+2)
			}
			if n := testutil.ToFloat64(f.metrics.APIOverdue); n < 6 {
				t.Errorf("%v calls gave their slot up", n)
			}
			close(api.freed)
			for _, c := range stuck {
				eventually(t, "both are stored", func() bool {
					return slices.Contains(c.acks("id-1"), "stored") && slices.Contains(c.acks("id-2"), "stored")
				})
				if got := c.contents(); len(got) != 2 || got[0][0] != '1' {
					t.Errorf("messages %q", got)
				}
				if n := len(api.posted(c.contents()[0])); old && n != 1 {
					t.Errorf("posted %d times by the old route", n)
				}
			}
			eventually(t, "no chat is suspected", func() bool {
				healthy.sayID("wakes", "id-wakes")
				for _, c := range stuck {
					c.sayID("3", "id-3")
				}
				return suspects() == 0
			})
		})
	}
}

// A chat that shared a call with one for which the API hangs is posted again by itself, and stored once.
func TestSharingACallWithAHangingChat(t *testing.T) {
	api := newStuckAPI("s1", "s2", "s3")
	f := api.start(t, 2)
	p, do := f.openPersistence()
	f.knowsRoute(p, do)
	say := func(chatID string) *client {
		c := f.connect(chatID, "u1", signedIn, part2)
		c.sayID("of "+chatID, "id")
		return c
	}
	queued := func(n int) {
		t.Helper()
		eventually(t, "it waits", func() (all bool) { do(func() { all = p.queue.size == n }); return all })
	}
	say("s1")
	queued(1)
	say("s2")
	queued(2)
	say("s3")
	healthy := say("healthy")
	queued(4)
	do(func() { p.calls.usual = time.Millisecond })
	eventually(t, "they share a call", func() bool { do(func() { p.run(time.Now()) }); return len(api.posted("of healthy")) == 1 })
	if call := api.posted("of healthy")[0]; !slices.Equal(call, []string{"of s3", "of healthy"}) {
		t.Fatalf("call %q", call)
	}
	other := say("other")
	other.hears("ack", 1)
	healthy.hears("ack", 1)
	if calls := api.posted("of healthy"); len(calls) != 2 || len(calls[1]) != 1 {
		t.Errorf("calls %q", calls)
	}
	if n := testutil.ToFloat64(f.metrics.APIReposted); n != 2 {
		t.Errorf("%v reposted", n)
	}
	close(api.freed)
	eventually(t, "all is stored", func() bool { return len(api.stored()) == 5 })
	eventually(t, "no call is left", func() (none bool) { do(func() { none = len(p.calls.underWay) == 0 && p.queue.size == 0 }); return none })
	if healthy.count("ack") != 1 || healthy.count("message") != 1 {
		t.Errorf("acks %v, messages %v", healthy.of("ack"), healthy.contents())
	}
}

// knowsRoute waits until persistence has found the batch route, and asks for nothing.
func (f *fixture) knowsRoute(p *persistence, do func(func())) {
	f.t.Helper()
	eventually(f.t, "it knows the route", func() (known bool) {
		do(func() { known = !p.probing && f.route.Load() == routeBatch })
		return known
	})
}

// A half-open breaker's one call that is overdue has failed, so that another may try; that its answer comes counts.
func TestAnOverdueTryHasFailed(t *testing.T) {
	api := newStuckAPI("s1")
	f := api.start(t, 2)
	p, do := f.openPersistence()
	f.knowsRoute(p, do)
	do(func() {
		p.calls.usual = time.Millisecond
		p.breaker = breaker{failures: breakAfter, openTill: time.Now().Add(time.Hour), downFrom: time.Now()}
	})
	stuck := f.connect("s1", "u1", signedIn, part2)
	stuck.sayID("x", "id")
	eventually(t, "it waits", func() (waits bool) { do(func() { waits = p.queue.size == 1 }); return waits })
	failures := 0
	do(func() { p.breaker.openTill = time.Now(); p.run(time.Now()); failures = p.breaker.failures })
	if failures != breakAfter {
		t.Fatal("no try")
	}
	eventually(t, "the try has failed", func() bool {
		do(func() { failures = p.breaker.failures; p.breaker.openTill = time.Now().Add(time.Hour) })
		return failures == breakAfter+1
	})
	if len(api.posted("x")) != 1 {
		t.Errorf("posted %q", api.posted("x"))
	}
	close(api.freed)
	stuck.hears("ack", 1)
	eventually(t, "the breaker is closed", func() (closed bool) { do(func() { closed = !p.breaker.open() }); return closed })
}

// Whether the API is back is not asked by a suspect's message, which may hang all the same.
func TestASuspectIsNoTryOfTheBreaker(t *testing.T) {
	api := newStuckAPI("s1")
	f := api.start(t, 2)
	p, do := f.openPersistence()
	f.knowsRoute(p, do)
	do(func() {
		p.queue.accuse("s1", time.Now())
		p.breaker = breaker{failures: breakAfter, openTill: time.Now().Add(time.Hour), downFrom: time.Now()}
	})
	f.connect("s1", "u1", signedIn, part2).sayID("x", "id")
	eventually(t, "it waits", func() (waits bool) { do(func() { waits = p.queue.size == 1 }); return waits })
	do(func() { p.breaker.openTill = time.Now(); p.run(time.Now()) })
	eventually(t, "a probe has closed the breaker", func() (closed bool) { do(func() { closed = !p.breaker.open() }); return closed })
	eventually(t, "the suspect goes", func() bool { return len(api.posted("x")) == 1 })
	close(api.freed)
}

// A call that waits until it is large waits neither for more than fills it, nor where few chats have much to say, nor as the try
// whether the API is back.
func TestWhatWaitsForALargeCall(t *testing.T) {
	batchOf := func(chats ...string) (batch []*queued) {
		for _, id := range chats {
			batch = append(batch, &queued{request: &messages.PersistRequest{ChatId: id}})
		}
		return batch
	}
	wide, deep := batchOf("a", "b", "b", "c"), batchOf("a", "a", "a", "a")
	for name, tt := range map[string]struct {
		underWay []*queued // in each of two calls, of four that may be
		waiting  []*queued
		batchMax int
		down     bool
		want     bool
	}{
		"too few":           {wide, batchOf("d", "e", "e", "e"), 100, false, false},
		"enough":            {wide, batchOf("d", "e", "f"), 100, false, true},
		"as many as fit":    {wide, batchOf("d", "e"), 2, false, true},
		"the try":           {wide, batchOf("d"), 100, true, true},
		"chats in a stream": {deep, batchOf("d"), 100, false, true},
	} {
		p := &persistence{router: &Router{cfg: Config{BatchMax: tt.batchMax}}, queue: newSaveQueue(100), calls: newAPICalls(4, time.Second)}
		for range 2 {
			p.calls.begin(&apiCall{batch: tt.underWay, chats: byChat(tt.underWay)})
		}
		for _, s := range tt.waiting {
			p.queue.push(s)
		}
		if tt.down {
			p.breaker.failures = breakAfter
		}
		if got := p.room(false); got != tt.want || p.pressed() == tt.want {
			t.Errorf("%s: a call may begin: %v, pressed: %v", name, got, p.pressed())
		}
	}
}
