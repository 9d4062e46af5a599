package actors

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"eclipse/internal/chatlog"
	"eclipse/internal/wire"
)

// link is a router's way to the log and the bus that can be cut, or muted.
type link struct {
	*hookedLog
	cut   atomic.Bool // no connection is opened
	muted atomic.Bool // what is published reaches nobody

	mu   sync.Mutex
	feed chatlog.Feed
}

func newLink(m *chatlog.Memory) *link {
	l := &link{hookedLog: &hookedLog{Memory: m}}
	l.dial = func(ctx context.Context, hear func(string, []byte)) (chatlog.Feed, error) {
		if l.cut.Load() {
			return nil, errAway
		}
		feed, err := l.Memory.Dial(ctx, hear)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.feed = feed
		return feed, err
	}
	l.publish = func(ctx context.Context, items []chatlog.Publication) error {
		if l.muted.Load() {
			return nil
		}
		return l.Memory.Publish(ctx, items)
	}
	return l
}

// sever breaks the connection; none is opened until cut is taken back.
func (l *link) sever() {
	l.cut.Store(true)
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.feed.Close()
}

// cluster starts routers that share a log, each behind a link of its own.
func cluster(t *testing.T, cfg Config, n int) (fs []*fixture, links []*link) {
	t.Helper()
	shared := chatlog.NewMemory(chatlog.Options{})
	t.Cleanup(func() { shared.Close() })
	api := newAPI()
	for range n {
		l := newLink(shared.Handle())
		fs, links = append(fs, startOn(t, cfg, api, shared, l, l)), append(links, l)
	}
	return fs, links
}

// statuses lists what a client was told of a user's presence.
func (c *client) statuses(userID string) (all []string) {
	for _, f := range c.of("presence") {
		if d := data(f); d["userId"] == userID {
			all = append(all, d["status"].(string))
		}
	}
	return all
}

func (c *client) told(userID string, want ...string) {
	c.t.Helper()
	eventually(c.t, userID+" is "+want[len(want)-1], func() bool { return slices.Equal(c.statuses(userID), want) })
}

func TestUserWithSocketsOnTwoInstancesStaysOnline(t *testing.T) {
	fs, _ := cluster(t, quick(), 3)
	var watchers []*client
	for _, f := range fs {
		watchers = append(watchers, f.connect("c1", "w", signedIn, part2))
	}
	one, two, sign := fs[0].connect("c1", "u1", signedIn), fs[1].connect("c1", "u1", signedIn), fs[0].connect("c1", "sign", signedIn)
	for _, w := range watchers {
		w.told("u1", "online")
		w.told("sign", "online")
	}
	one.Gone()
	sign.Gone()
	for _, w := range watchers {
		w.told("sign", "online", "offline") // its grace ended after u1's on the first instance
		if got := w.statuses("u1"); !slices.Equal(got, []string{"online"}) {
			t.Errorf("u1 is %v", got)
		}
	}
	two.Gone()
	for _, w := range watchers {
		w.told("u1", "online", "offline")
	}
}

// Who left while our connection was broken is offline once it is back: the other instance tells who is there, or has
// nobody left who could tell.
func TestUserWhoLeftWhileWeWereDeafGoesOffline(t *testing.T) {
	for _, lonely := range []bool{false, true} {
		fs, links := cluster(t, quick(), 2)
		watcher := fs[0].connect("c1", "w", signedIn, part2)
		var stays *client
		if !lonely {
			stays = fs[1].connect("c1", "stays", signedIn, part2)
			watcher.told("stays", "online")
		}
		u := fs[1].connect("c1", "u1", signedIn)
		watcher.told("u1", "online")
		links[0].sever()
		eventually(t, "the break is noticed", fs[0].busDown.Load)
		chat := fs[1].chatPID("c1")
		u.Gone()
		if lonely {
			eventually(t, "the other instance has forgotten the chat", func() bool { return fs[1].ended(chat) })
		} else {
			stays.told("u1", "online", "offline")
		}
		links[0].cut.Store(false)
		watcher.told("u1", "online", "offline")
		if !lonely && !slices.Equal(watcher.statuses("stays"), []string{"online"}) {
			t.Errorf("who stays is %v", watcher.statuses("stays"))
		}
	}
}

// An instance that was only paused is given up, and taken back with its users when it is heard again.
func TestPausedInstanceComesBack(t *testing.T) {
	cfg := quick()
	cfg.AliveEvery, cfg.AliveWithin = 100*time.Millisecond, 2500*time.Millisecond
	fs, links := cluster(t, cfg, 2)
	watcher := fs[0].connect("c1", "w", signedIn, part2)
	typist := fs[1].connect("c1", "u1", signedIn)
	watcher.told("u1", "online")
	links[1].muted.Store(true)
	watcher.told("u1", "online", "offline")
	links[1].muted.Store(false)
	watcher.told("u1", "online", "offline", "online")
	typist.say("still here")
	watcher.hears("message", 1)
}

// Typing on an instance that died ends with it, long before its own time.
func TestTypingOfADeadInstanceEnds(t *testing.T) {
	cfg := quick()
	cfg.TypingTimeout = time.Hour
	cfg.AliveEvery, cfg.AliveWithin = 100*time.Millisecond, 2500*time.Millisecond
	fs, links := cluster(t, cfg, 2)
	watcher := fs[0].connect("c1", "w", signedIn)
	typist := fs[1].connect("c1", "u1", signedIn)
	typist.Handle(wire.ClientFrame{Kind: wire.KindTyping, IsTyping: true})
	watcher.hears("typing", 1)
	links[1].muted.Store(true)
	watcher.hears("typing", 2)
	if d := data(watcher.of("typing")[1]); d["userId"] != "u1" || d["isTyping"] != false {
		t.Errorf("typing %v", d)
	}
}

// An agent whose name comes back after the socket has gone is not announced as present.
func TestAgentWhoLeftBeforeTheNameCame(t *testing.T) {
	api := &hookedAPI{fakeAPI: newAPI()}
	asked, release := make(chan struct{}), make(chan struct{})
	api.before = func(call string) {
		if call == "User" {
			close(asked)
			<-release
		}
	}
	f := api.start(t, quick())
	watcher := f.connect("c1", "w", signedIn, part2)
	agent := f.connect("c1", "u1", signedIn)
	agent.Handle(wire.ClientFrame{Kind: wire.KindAgentJoined})
	<-asked
	agent.Gone()
	watcher.told("u1", "online", "offline")
	close(release)
	watcher.hears("agent_joined", 1)
	if got := watcher.statuses("u1"); !slices.Equal(got, []string{"online", "offline"}) {
		t.Errorf("u1 is %v", got)
	}
}

// Typing stays on an instance while nobody else listens, and reaches the other one from the moment that it is there.
func TestTypingIsPublishedWhereSomebodyListens(t *testing.T) {
	cfg := quick()
	cfg.TypingTimeout = time.Hour
	shared := chatlog.NewMemory(chatlog.Options{})
	t.Cleanup(func() { shared.Close() })
	var published atomic.Int32
	first := &hookedLog{Memory: shared.Handle()}
	first.publish = func(ctx context.Context, items []chatlog.Publication) error {
		for _, item := range items {
			if bytes.Contains(item.Payload, []byte(`"type":"typing"`)) {
				published.Add(1)
			}
		}
		return first.Memory.Publish(ctx, items)
	}
	here, elsewhere := startOn(t, cfg, newAPI(), shared, first, first), start(t, cfg, newAPI(), shared)
	typist, listener := here.connect("c1", "u1", signedIn), here.connect("c1", "u2", signedIn)
	typing := true
	types := func() {
		typist.Handle(wire.ClientFrame{Kind: wire.KindTyping, IsTyping: typing})
		typing = !typing
	}
	heard := 0
	eventually(t, "it is known that nobody else listens", func() bool {
		types()
		heard++
		listener.hears("typing", heard)
		return int(published.Load()) < heard-5 // more than may be under way
	})
	if !typing { // the last frame said that the typist types; nobody elsewhere has heard of it
		types()
	}
	types()
	other := elsewhere.connect("c1", "u3", signedIn)
	told := func(typing bool) func() bool { // what was published before may come first
		return func() bool {
			heard := other.of("typing")
			if len(heard) == 0 {
				return false
			}
			d := data(heard[len(heard)-1])
			return d["userId"] == "u1" && d["isTyping"] == typing
		}
	}
	eventually(t, "who comes is told who types", told(true))
	types()
	eventually(t, "and who stops", told(false))
}
