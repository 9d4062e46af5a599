package actors

import (
	"context"
	"sync/atomic"
	"testing"

	"eclipse/actors/messages"
	"eclipse/internal/chatlog"
)

// A panic while a message is delivered: its sender is told to try again, and then it works.
func TestPanicInADeliveryIsAnswered(t *testing.T) {
	f := single(t)
	c, other := f.connect("c1", "u1", signedIn, part2), f.connect("c2", "u2", signedIn)
	chat := f.chatPID("c1")
	f.send(chat, &join{member: newMember(nil, &messages.Sender{UserId: "u1", Authenticated: true, Connection: 1 << 59}, false)})
	eventually(t, "the broken member is in", func() bool { return f.memberships.Load() == 3 })
	c.sayID("x", "id-1")
	c.hears("error", 1)
	if e := c.of("error")[0]; e["code"] != "INTERNAL" || e["retryable"] != true || e["clientMessageId"] != "id-1" {
		t.Errorf("error %v", e)
	}
	f.send(chat, &leave{1 << 59})
	c.sayID("x", "id-1")
	c.hears("ack", 1)
	eventually(t, "nothing is left under way", func() bool { return f.underway.Load() == 0 })
	other.say("unharmed")
	other.hears("message", 1)
}

// A panic inside the log or the bus is a failure like another.
func TestPanicOfTheLogIsAFailure(t *testing.T) {
	log := newHooked(t)
	var appends, publishes atomic.Int32
	log.append = func(ctx context.Context, items []chatlog.Append) []chatlog.Appended {
		if appends.Add(1) == 1 {
			panic("log")
		}
		return log.Memory.Append(ctx, items)
	}
	log.publish = func(ctx context.Context, items []chatlog.Publication) error {
		if publishes.Add(1) == 1 {
			panic("bus")
		}
		return log.Memory.Publish(ctx, items)
	}
	f := log.start(t, patient(), newAPI())
	c := f.connect("c1", "u1", signedIn, part2)
	c.sayID("x", "id-1")
	c.hears("message", 1)
	c.hears("ack", 1)
	eventually(t, "the bus is used again", func() bool { return publishes.Load() > 1 })
}
