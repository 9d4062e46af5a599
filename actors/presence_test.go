package actors

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"eclipse/internal/chatlog"
	"eclipse/internal/wire"
)

func TestTypingReachesTheOthersOnce(t *testing.T) {
	a, b, _ := pair(t, newAPI())
	typist, here, there := a.connect("c1", "u1", signedIn), a.connect("c1", "u2", signedIn), b.connect("c1", "anon_1")
	typist.Handle(wire.ClientFrame{Kind: wire.KindTyping, IsTyping: true})
	for _, c := range []*client{here, there} {
		c.hears("typing", 1)
		if d := data(c.of("typing")[0]); d["userId"] != "u1" || d["isTyping"] != true {
			t.Errorf("typing %v", d)
		}
	}
	// It ends by itself, with the typist's message, and with the socket.
	ended := func(n int) {
		t.Helper()
		for _, c := range []*client{here, there} {
			eventually(t, "typing ended", func() bool {
				all := c.of("typing")
				return len(all) == n && data(all[n-1])["isTyping"] == false
			})
		}
	}
	ended(2)
	typist.Handle(wire.ClientFrame{Kind: wire.KindTyping, IsTyping: true})
	typist.say("x")
	ended(4)
	typist.Handle(wire.ClientFrame{Kind: wire.KindTyping, IsTyping: true})
	typist.Gone()
	ended(6)
	if typist.count("typing") != 0 {
		t.Error("the typist's own socket heard it")
	}
}

func TestPresence(t *testing.T) {
	a, b, _ := pair(t, newAPI())
	watcher := a.connect("c1", "w", signedIn, part2)
	status := func(c *client, user string) (all []string) {
		for _, f := range c.of("presence") {
			if d := data(f); d["userId"] == user {
				all = append(all, d["status"].(string))
			}
		}
		return all
	}
	becomes := func(user string, want ...string) {
		t.Helper()
		eventually(t, user+" "+strings.Join(want, ","), func() bool { return slices.Equal(status(watcher, user), want) })
	}
	here, there := a.connect("c1", "u1", signedIn), b.connect("c1", "u2", signedIn)
	becomes("u1", "online")
	becomes("u2", "online")
	second := b.connect("c1", "u2", signedIn)
	there.Gone() // one socket is left
	here.Gone()
	becomes("u1", "online", "offline")
	late := b.connect("c1", "late", signedIn, part2)
	eventually(t, "who is here", func() bool {
		users := fmt.Sprint(late.of("connected")[0]["presence"])
		return strings.Contains(users, "u2")
	})
	if !slices.Equal(status(watcher, "u2"), []string{"online"}) {
		t.Errorf("u2 %v", status(watcher, "u2"))
	}
	second.Gone()
	becomes("u2", "online", "offline")
	if here.count("presence")+second.count("presence") != 0 {
		t.Error("an old client got a frame of part 2")
	}
}

func TestReadMarks(t *testing.T) {
	a, b, _ := pair(t, newAPI())
	reader, other, old := a.connect("c1", "u1", signedIn, part2), b.connect("c1", "u2", signedIn, part2), b.connect("c1", "u3", signedIn)
	reader.say("1")
	reader.say("2")
	reader.hears("message", 2)
	other.hears("message", 2)
	ids := []string{}
	for _, m := range reader.of("message") {
		ids = append(ids, data(m)["id"].(string))
	}
	reader.Handle(wire.ClientFrame{Kind: wire.KindRead, MessageID: ids[1]})
	reader.Handle(wire.ClientFrame{Kind: wire.KindRead, MessageID: ids[0]}) // backwards
	other.hears("read", 1)
	if d := data(other.of("read")[0]); d["userId"] != "u1" || d["messageId"] != ids[1] {
		t.Errorf("read %v", d)
	}
	late := b.connect("c1", "u4", signedIn, part2)
	if got := fmt.Sprint(late.of("connected")[0]["read"]); !strings.Contains(got, ids[1]) {
		t.Errorf("read state %v", got)
	}
	if old.count("read") != 0 || reader.count("read") != 0 {
		t.Error("somebody heard what is not for them")
	}
}

func TestDeadInstanceTakesItsUsersOffline(t *testing.T) {
	shared := chatlog.NewMemory(chatlog.Options{})
	defer shared.Close()
	cfg := quick()
	cfg.AliveWithin = 700 * time.Millisecond
	cfg.AliveEvery = 100 * time.Millisecond
	first := shared.Handle()
	a := startOn(t, cfg, newAPI(), shared, first, first)
	watcher := a.connect("c1", "w", signedIn, part2)
	ghost := shared.Handle()
	publish := func(chatID, payload string) {
		_ = ghost.Publish(context.Background(), []chatlog.Publication{{ChatID: chatID, Payload: []byte(payload)}})
	}
	publish(instanceChannel, "ghost")
	publish("c1", string(wire.PresenceFrame(wire.Presence{UserID: "g", Role: wire.RoleAgent, Status: wire.Online}, "c1", "ghost", time.Now())))
	watcher.hears("presence", 1)
	eventually(t, "offline", func() bool {
		all := watcher.of("presence")
		return len(all) == 2 && data(all[1])["status"] == "offline"
	})
}
