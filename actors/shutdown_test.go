package actors

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"eclipse/internal/chatlog"
	"eclipse/internal/wire"
)

// within fails when something does not return.
func within(t *testing.T, what string, run func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); run() }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatalf("%s does not return", what)
	}
}

func TestNothingHangsAfterClose(t *testing.T) {
	r := router(t, quick(), newAPI())
	f := &fixture{Router: r, t: t}
	c := f.connect("c1", "u1", signedIn, part2)
	within(t, "Close", r.Close)
	ctx := context.Background()
	within(t, "Connect", func() {
		if _, err := r.Connect(ctx, ConnectRequest{Socket: newSocket(), Identity: identity("c1", "u1", time.Hour)}); !errors.Is(err, ErrDraining) {
			t.Errorf("connect: %v", err)
		}
	})
	within(t, "Subscribe", func() { c.Subscribe(wire.ClientFrame{ChatID: "c2"}, identity("c2", "u1", time.Hour)) })
	within(t, "Status", func() { r.Status(ctx) })
	within(t, "Drain", func() {
		if err := r.Drain(ctx, time.Minute); err != nil {
			t.Errorf("drain: %v", err)
		}
	})
	c.say("into the void")
	within(t, "Gone", c.Gone)
}

// Whoever opens a socket may have given up: what was begun for it is undone.
func TestConnectWithAnEndedContext(t *testing.T) {
	f := single(t)
	chat := f.chatPID("c1")
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	given := 0
	for given < 20 {
		s, err := f.Connect(ended, ConnectRequest{Socket: newSocket(), Identity: identity("c1", "u1", time.Hour)})
		switch {
		case err == nil: // the root was quicker
			s.Gone()
		case errors.Is(err, context.Canceled):
			given++
		default:
			t.Fatal(err)
		}
	}
	eventually(t, "nothing is left of them", func() bool {
		return f.Status(context.Background()).Connections == 0 && f.open.Load() == 0 && f.memberships.Load() == 0 && f.ended(chat)
	})
}

// drain begins one and fails when it ends before finish was called.
func (f *fixture) drainsOnlyAfter(finish func()) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	drained := make(chan error, 1)
	go func() { drained <- f.Drain(ctx, time.Millisecond) }()
	select {
	case err := <-drained:
		f.t.Errorf("drained too early: %v", err)
		finish()
		return
	case <-time.After(awhile):
	}
	finish()
	if err := <-drained; err != nil {
		f.t.Errorf("drain: %v", err)
	}
}

func TestDrainWaitsForWhatIsStoredAndNotLogged(t *testing.T) {
	log := newHooked(t)
	release := make(chan struct{})
	log.append = func(ctx context.Context, items []chatlog.Append) []chatlog.Appended {
		<-release
		return log.Memory.Append(ctx, items)
	}
	f := log.start(t, patient(), newAPI())
	c := f.connect("c1", "u1", signedIn)
	c.say("x")
	eventually(t, "it is stored and waits for the log", func() bool { return f.logging.Load() == 1 })
	c.Gone()
	eventually(t, "its sender has left", func() bool { return f.memberships.Load() == 0 })
	f.drainsOnlyAfter(func() { close(release) })
	heads, err := log.Memory.Heads(context.Background(), []string{"c1"})
	if err != nil || heads[0].Offset != 1 {
		t.Errorf("head %v, error %v", heads, err)
	}
}

func TestDrainWaitsForWhatAChatHasNotSeen(t *testing.T) {
	f := single(t)
	f.routed(routeBatch)
	c := f.connect("c1", "u1", signedIn)
	busy, release := make(chan struct{}), make(chan struct{})
	member, chat := f.trapMember("c1")
	member.arm(func(any) bool { // holds the chat instead of making it panic
		member.mu.Unlock()
		close(busy)
		<-release
		member.mu.Lock()
		member.armed = nil
		return false
	})
	f.send(chat, &resubscribed{trapped})
	<-busy
	c.say("x")
	c.Gone()
	f.drainsOnlyAfter(func() {
		f.send(chat, &leave{trapped})
		close(release)
	})
	if got := f.api.stored(); !slices.Equal(got, []string{"x"}) {
		t.Errorf("stored %v", got)
	}
}
