package actors

import (
	"fmt"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// A chat that has remembered a burst gives that back once it is quiet, and not while something may come again.
func TestQuietChatForgetsItsBurst(t *testing.T) {
	alarm := newAlarm(func(*actor.PID) {})
	t.Cleanup(alarm.close)
	c := &chat{
		recent: places{recent[uint32]{bound: recentKeys}},
		router: &Router{cfg: Config{QuietAfter: time.Minute}, alarm: alarm},
	}
	now := time.Now()
	later := func() { now = now.Add(2 * time.Minute); c.forgetOld(now) }
	said := 0
	say := func(n int) {
		for range n {
			c.remember(fmt.Sprint("m", said), 0)
			said++
		}
	}
	if say(quietKeys); !c.wakeAt.IsZero() {
		t.Error("a chat that remembers little is looked at")
	}
	if say(100); c.wakeAt.IsZero() {
		t.Fatal("nobody looks whether the chat is quiet")
	}
	for _, step := range []struct {
		name string
		do   func()
		want int
	}{
		{"it was not quiet", later, quietKeys + 100},
		{"an event came", func() { say(1); later() }, quietKeys + 101},
		{"an event waits for the log", func() { c.appends.add(&pendingAppend{}); later() }, quietKeys + 101},
		{"a message is accepted", func() { c.appends = appends{}; c.outbox.left = 1; later() }, quietKeys + 101},
		{"it is quiet", func() { c.outbox.left = 0; later() }, quietKeys},
		{"and goes on", func() { say(1); later() }, quietKeys + 1},
		{"and is quiet again", later, quietKeys},
	} {
		if step.do(); c.recent.len() != step.want {
			t.Errorf("%s: it remembers %d keys, want %d", step.name, c.recent.len(), step.want)
		}
	}
	if known := c.recent.put(fmt.Sprint("m", said-1), 0); !known || c.recent.put("m0", 0) {
		t.Error("it does not remember the latest keys")
	}
}
