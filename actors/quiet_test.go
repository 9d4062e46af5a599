package actors

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"eclipse/internal/chatlog"
	"eclipse/internal/wire"
)

// What a chat has forgotten is asked of the log when it comes again, and shown to nobody twice.
func TestQuietChatAsksTheLogForWhatItForgot(t *testing.T) {
	log, steps := newHooked(t), atomic.Int32{}
	log.append = func(ctx context.Context, items []chatlog.Append) []chatlog.Appended {
		steps.Add(int32(len(items)))
		return log.Memory.Append(ctx, items)
	}
	cfg := patient()
	cfg.HeadCheck = time.Hour
	f := log.start(t, cfg, newAPI())
	ada := f.connect("c1", "ada", signedIn, part2)
	const burst = quietKeys + 10
	for i := range burst {
		ada.sayID(fmt.Sprint(i), fmt.Sprint(i))
	}
	ada.hears("message", burst)
	ada.hears("ack", burst)
	eventually(t, "nothing is under way", func() bool { return f.underway.Load() == 0 })
	asksFor := func(i int) bool {
		t.Helper()
		before, answers := steps.Load(), ada.count("subscribed")
		id := data(ada.of("message")[i])["id"].(string)
		raw := `{"type":"message","data":{"id":"` + id + `","content":"x","role":"user","timestamp":"t","sender":{}},"timestamp":"t"}`
		f.send(f.chatPID("c1"), payloadMessage([]byte(raw)))
		f.send(f.chatPID("c1"), &resubscribed{ada.GatewaySession.(*Session).number})
		eventually(t, "the chat has it", func() bool { return ada.count("subscribed") > answers && f.underway.Load() == 0 })
		return steps.Load() > before
	}
	compare := func(queued bool) {
		heads, err := log.Memory.Heads(t.Context(), []string{"c1"})
		if err != nil {
			t.Fatal(err)
		}
		f.send(f.chatPID("c1"), &head{position: wire.Position(heads[0].Position), queued: queued})
	}
	for _, step := range []struct {
		name string
		do   func()
		asks bool
	}{
		{"after the burst", func() {}, false},
		{"it was not quiet before", func() { compare(false) }, false},
		{"messages are queued", func() { compare(true) }, false},
		{"it is quiet", func() { compare(false) }, true},
	} {
		if step.do(); asksFor(0) != step.asks {
			t.Errorf("%s: the log is asked about the first message: %v", step.name, !step.asks)
		}
	}
	if asksFor(burst - 1) {
		t.Error("the last message is forgotten")
	}
	if n := ada.count("message"); n != burst {
		t.Errorf("%d messages are shown, want %d", n, burst)
	}
}

// Only what cannot come again behind the log's back is forgotten.
func TestChatThatIsNotDoneForgetsNothing(t *testing.T) {
	at := wire.Position{Epoch: "e", Offset: recentKeys}
	for name, tt := range map[string]struct {
		change func(*chat, *head)
		want   int
	}{
		"quiet":                        {func(*chat, *head) {}, quietKeys},
		"an event since the last look": {func(c *chat, _ *head) { c.stirred = true }, recentKeys},
		"a message under way":          {func(c *chat, _ *head) { c.saves.begin(&save{}) }, recentKeys},
		"an event under way":           {func(c *chat, _ *head) { c.appends.add(&pendingAppend{}) }, recentKeys},
		"messages accepted here":       {func(c *chat, _ *head) { c.outbox.left = 1 }, recentKeys},
		"messages queued elsewhere":    {func(_ *chat, h *head) { h.queued = true }, recentKeys},
		"behind the log":               {func(_ *chat, h *head) { h.position.Offset++ }, recentKeys},
		"another log":                  {func(_ *chat, h *head) { h.position.Epoch = "f" }, recentKeys},
		"nothing told by the API":      {func(c *chat, _ *head) { c.history = &history{} }, quietKeys},
		"told by the API of late":      {func(c *chat, _ *head) { c.history = &history{last: fmt.Sprint(recentKeys - 2)} }, quietKeys},
		"told by the API long ago":     {func(c *chat, _ *head) { c.history = &history{last: fmt.Sprint(recentKeys - quietKeys/2 - 1)} }, recentKeys},
		"told what is not known":       {func(c *chat, _ *head) { c.history = &history{last: "x"} }, recentKeys},
	} {
		c := &chat{recent: places{recent[uint32]{bound: recentKeys}}}
		c.sequence.start(at)
		for i := range recentKeys {
			c.remember(wire.MessageKey(fmt.Sprint(i)), uint64(i+1))
		}
		c.stirred = false
		h := &head{position: at}
		tt.change(c, h)
		if c.forgetOld(h); c.recent.len() != tt.want {
			t.Errorf("%s: %d keys are left, want %d", name, c.recent.len(), tt.want)
		}
	}
}
