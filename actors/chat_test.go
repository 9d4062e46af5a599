package actors

import (
	"slices"
	"strconv"
	"testing"

	"eclipse/internal/nextapi"
	"eclipse/internal/wire"
)

func TestMessageReachesEveryoneOnceInOrder(t *testing.T) {
	f := single(t)
	visitor, agent := f.connect("c1", "anon_1"), f.connect("c1", "u1", signedIn)
	var want []string
	for i := range 50 {
		want = append(want, strconv.Itoa(i))
		visitor.say(want[i])
	}
	for _, c := range []*client{visitor, agent} {
		c.hears("message", 50)
		if got := c.contents(); !slices.Equal(got, want) {
			t.Errorf("order %v", got)
		}
	}
	if got := f.api.stored(); !slices.Equal(got, want) {
		t.Errorf("stored in order %v", got)
	}
	first := agent.of("message")[0]
	if first["offset"] != 1.0 || first["epoch"] == "" || first["chatId"] != "c1" {
		t.Errorf("not sequenced: %v", first)
	}
	if d := data(first); d["role"] != "user" || d["timestamp"] != "2026-01-02T03:04:05.000Z" || d["extra"] != 1.0 {
		t.Errorf("data %v", d)
	}
}

func TestEmailsStayWithTheSignedIn(t *testing.T) {
	f := single(t)
	visitor, agent := f.connect("c1", "anon_1"), f.connect("c1", "u1", signedIn)
	agent.sayAs("hello", "", wire.RoleAgent)
	visitor.hears("message", 1)
	agent.hears("message", 1)
	if s := data(visitor.of("message")[0])["sender"].(map[string]any); s["email"] != nil {
		t.Errorf("a visitor saw %v", s["email"])
	}
	if s := data(agent.of("message")[0])["sender"].(map[string]any); s["email"] != "n@example.com" {
		t.Errorf("an agent saw %v", s["email"])
	}
}

func TestRoles(t *testing.T) {
	f := single(t)
	for _, c := range []struct {
		name    string
		role    wire.Role
		options []option
		allowed bool
	}{
		{"anonymous user", wire.RoleUser, nil, true},
		{"anonymous agent", wire.RoleAgent, nil, false},
		{"anonymous assistant", wire.RoleAssistant, nil, false},
		{"signed in agent", wire.RoleAgent, []option{signedIn}, true},
		{"claim matches", wire.RoleAgent, []option{signedIn, withRole(wire.RoleAgent)}, true},
		{"claim differs", wire.RoleUser, []option{signedIn, withRole(wire.RoleAgent)}, false},
		{"anonymous with a claim", wire.RoleAgent, []option{withRole(wire.RoleAgent)}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := f.connect("roles-"+strconv.Itoa(len(c.name)), "u-"+strconv.Itoa(len(c.name)), append(c.options, part2)...)
			s.sayAs("hi", "id-1", c.role)
			if c.allowed {
				s.hears("message", 1)
				return
			}
			s.hears("error", 1)
			if e := s.of("error")[0]; e["code"] != "ROLE_FORBIDDEN" || e["retryable"] != false || e["clientMessageId"] != "id-1" {
				t.Errorf("error %v", e)
			}
			if s.count("message") != 0 {
				t.Error("delivered")
			}
		})
	}
}

func TestRepeatGetsTheSameAckAndIsNotDeliveredAgain(t *testing.T) {
	f := single(t)
	a := f.connect("c1", "u1", signedIn, part2)
	a.sayID("first", "msg-1")
	a.hears("ack", 1)
	a.sayID("second", "msg-1")
	a.hears("ack", 2)
	acks := a.of("ack")
	if acks[0]["id"] != acks[1]["id"] || acks[0]["offset"] != acks[1]["offset"] || acks[1]["status"] != "stored" {
		t.Errorf("acks %v", acks)
	}
	b := f.connect("c1", "u1", signedIn, part2)
	b.sayID("third", "msg-1") // another socket of the same sender
	b.hears("ack", 1)
	a.sayID("other", "msg-2")
	a.hears("message", 2)
	if got := a.contents(); !slices.Equal(got, []string{"first", "other"}) {
		t.Errorf("delivered %v", got)
	}
	if got := f.api.stored(); !slices.Equal(got, []string{"first", "other"}) {
		t.Errorf("stored %v", got)
	}
}

func TestRepeatWhileUnderWayIsAnsweredToBoth(t *testing.T) {
	f := single(t)
	release := make(chan struct{})
	f.api.set(func() { f.api.hang = release })
	a, b := f.connect("c1", "u1", signedIn, part2), f.connect("c1", "u1", signedIn, part2)
	a.sayID("x", "msg-1")
	b.sayID("x", "msg-1")
	close(release)
	a.hears("ack", 1)
	b.hears("ack", 1)
	a.hears("message", 1)
}

func TestAnonymousSocketsAreOneSender(t *testing.T) {
	f := single(t)
	f.connect("c1", "anon_1", part2).sayID("x", "msg-1")
	again := f.connect("c1", "anon_2", part2)
	again.sayID("x", "msg-1")
	again.hears("ack", 1)
	again.sayID("y", "msg-2")
	again.hears("ack", 2)
	if got := f.api.stored(); !slices.Equal(got, []string{"x", "y"}) {
		t.Errorf("stored %v", got)
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name      string
		result    nextapi.Result
		code      string
		retryable bool
	}{
		{"no such chat", nextapi.Result{Class: nextapi.Rejected, Status: 404}, "CHAT_NOT_FOUND", false},
		{"rejected", nextapi.Result{Class: nextapi.Rejected, Status: 400}, "API_REJECTED", false},
		{"down", nextapi.Result{Class: nextapi.Ambiguous, Status: 500}, "API_UNAVAILABLE", true},
		{"wrong secret", nextapi.Result{Class: nextapi.Denied, Status: 401}, "API_UNAVAILABLE", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := single(t)
			f.api.set(func() { f.api.fail = &c.result })
			old, now := f.connect("c1", "anon_1"), f.connect("c1", "u2", signedIn, part2)
			old.say("a")
			now.sayID("b", "msg-1")
			old.hears("error", 1)
			now.hears("error", 1)
			if e := old.of("error")[0]; e["error"] != "Failed to send message" || e["code"] != nil {
				t.Errorf("old client: %v", e)
			}
			if e := now.of("error")[0]; e["code"] != c.code || e["retryable"] != c.retryable || e["clientMessageId"] != "msg-1" {
				t.Errorf("new client: %v", e)
			}
			f.api.set(func() { f.api.fail = nil })
			eventually(t, "the API is used again", func() bool {
				now.sayID("b", "msg-1")
				return now.count("ack") > 0
			})
		})
	}
}

func TestHangingAPIBlocksNothingElse(t *testing.T) {
	f := single(t)
	release := make(chan struct{})
	defer close(release)
	f.api.set(func() { f.api.hang = release })
	a, b := f.connect("c1", "u1", signedIn), f.connect("c1", "u2", signedIn)
	a.say("waits")
	a.Handle(wire.ClientFrame{Kind: wire.KindTyping, IsTyping: true})
	eventually(t, "typing passes", func() bool { return b.count("typing") > 0 })
	a.Handle(wire.ClientFrame{Kind: wire.KindPing})
	a.hears("pong", 1)
}

func TestAgentJoined(t *testing.T) {
	f := single(t)
	visitor, agent := f.connect("c1", "anon_1"), f.connect("c1", "u1", signedIn)
	agent.Handle(wire.ClientFrame{Kind: wire.KindAgentJoined})
	visitor.hears("agent_joined", 1)
	agent.hears("agent_joined", 1)
	if d := data(visitor.of("agent_joined")[0]); d["agentId"] != "u1" || d["agentName"] != "Ada" {
		t.Errorf("data %v", d)
	}
	visitor.Handle(wire.ClientFrame{Kind: wire.KindAgentJoined})
	visitor.hears("error", 1)
	f.api.set(func() { f.api.fail = &nextapi.Result{Class: nextapi.Retry} })
	other := f.connect("c1", "u2", signedIn)
	other.Handle(wire.ClientFrame{Kind: wire.KindAgentJoined})
	other.hears("error", 1)
	if e := other.of("error")[0]; e["error"] != "Failed to fetch agent info" {
		t.Errorf("error %v", e)
	}
}
