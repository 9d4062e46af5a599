package actors

import (
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
			hooks := &hookedStore{appending: func(items []chatlog.Append) {
				for _, a := range items {
					if len(a.Body) > 0 {
						steps.Add(1)
					}
				}
			}}
			f := store.hooked(t, api, hooks, alone, func(c *Config) {
				c.AcceptPatience, c.LogPatience = time.Hour, time.Hour
				if answers {
					c.PublishPatience = time.Hour
				}
			})
			f.routed(routeSingle)
			ada := f.connect("c1", "ada", signedIn, part2)
			publish := api.publish
			api.publish = func(chatID string, payload []byte) {
				publish(chatID, payload)
				if answers {
					eventually(t, "it was heard", func() bool { return f.underway.Load() == 2 })
				} else {
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
			eventually(t, "all is in the log", func() bool { return steps.Load() == want && f.underway.Load() == 0 })
			found, err := store.Lookup(t.Context(), "c1", []string{"c:" + wire.SenderKey("ada", true) + ":1"})
			if err != nil || found[0] == nil || found[0].Offset != 1 {
				t.Errorf("found %v, %v by the sender's name", found, err)
			}
		})
	}
}

// What others said is not held up by a call of ours, and does not overtake what waits for its answer: the app may publish a
// message, and what it makes of it, before it answers.
func TestWhatOthersSaidDoesNotWait(t *testing.T) {
	store := newDurable(t)
	api := store.oldAPI()
	f := store.instance(t, api, alone, func(c *Config) { c.AcceptPatience, c.LogPatience, c.PublishPatience = time.Hour, time.Hour, time.Hour })
	f.routed(routeSingle)
	ada := f.connect("c1", "ada", signedIn, part2)
	publish := api.publish
	others := func(id string) {
		stored, _ := wire.MessageBody("c1", []byte(`{"id":"`+id+`","content":"`+id+`","role":"USER","createdAt":"2026-11-29T00:00:00Z"}`), "", time.Now())
		publish("c1", stored.Body)
	}
	api.publish = func(chatID string, payload []byte) {
		others("before")
		ada.hears("message", 1)
		publish(chatID, payload)
		others("after")
		ada.hears("message", 3)
	}
	ada.sayID("1", "1")
	ada.hearsAcks("1", "stored")
	if got := ada.contents(); !slices.Equal(got, []string{"before", "1", "after"}) {
		t.Errorf("shown %q", got)
	}
}
