package actors

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"eclipse/internal/chatlog"
	"eclipse/internal/wire"
)

// What the old API publishes of a message waits for its answer, which comes right after it: one step of the log does for both.
// Without an answer it is shown all the same.
func TestPublishedWaitsForTheAnswer(t *testing.T) {
	for name, answers := range map[string]bool{"the answer comes": true, "it does not": false} {
		t.Run(name, func(t *testing.T) {
			store := newDurable(t)
			api, steps, answer := store.oldAPI(), atomic.Int32{}, make(chan struct{})
			f := store.hooked(t, api, &hookedStore{appending: func(items []chatlog.Append) {
				for _, a := range items {
					if len(a.Body) > 0 {
						steps.Add(1)
					}
				}
			}}, alone, func(c *Config) { c.AcceptPatience = time.Minute })
			f.routed(routeSingle)
			ada := f.connect("c1", "ada", signedIn, part2)
			publish := api.publish
			api.publish = func(chatID string, payload []byte) {
				publish(chatID, payload)
				eventually(t, "it was heard", func() bool { return f.underway.Load() == 2 })
				if !answers {
					eventually(t, "it is in the log", func() bool { return f.underway.Load() == 1 })
					<-answer
				}
			}
			ada.sayID("1", "1")
			ada.hears("message", 1)
			close(answer)
			ada.hearsAcks("1", "stored")
			want := int32(1)
			if !answers { // the sender's name for it comes with the answer
				want = 2
			}
			eventually(t, "all is in the log", func() bool { return steps.Load() == want })
			sender := wire.SenderKey("ada", true)
			found, err := store.Lookup(t.Context(), "c1", []string{"c:" + sender + ":1"})
			if err != nil || found[0] == nil || found[0].Offset != 1 {
				t.Errorf("found %v, %v by the sender's name", found, err)
			}
			if n := f.underway.Load(); n != 0 {
				t.Errorf("%d are under way", n)
			}
		})
	}
}

// What others said is not held up by a call of ours.
func TestWhatOthersSaidDoesNotWait(t *testing.T) {
	store := newDurable(t)
	api, call := store.oldAPI(), make(chan struct{})
	f := store.instance(t, api, alone)
	f.routed(routeSingle)
	ada := f.connect("c1", "ada", signedIn, part2)
	others := store.Memory.Handle()
	publish := api.publish
	api.publish = func(chatID string, payload []byte) {
		stored, _ := wire.MessageBody(chatID, []byte(`{"id":"m2","content":"others","role":"USER","createdAt":"2026-11-29T00:00:00Z"}`), "", time.Now())
		_ = others.Publish(context.Background(), []chatlog.Publication{{ChatID: chatID, Payload: stored.Body}})
		ada.hears("message", 1)
		publish(chatID, payload)
		close(call)
	}
	ada.sayID("1", "1")
	<-call
	ada.hearsAcks("1", "stored")
	ada.hears("message", 2)
	if got := ada.contents(); !slices.Equal(got, []string{"others", "1"}) {
		t.Errorf("shown %q", got)
	}
}
