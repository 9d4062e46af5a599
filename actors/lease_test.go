package actors

import (
	"slices"
	"testing"
	"time"

	"eclipse/actors/messages"
	"eclipse/internal/nextapi"
)

// A message that was taken back while a call for it was under way is not tried again, or it would overtake.
func TestWithdrawWhileUnderWay(t *testing.T) {
	q, now := newSaveQueue(10), time.Now()
	for _, key := range []string{"a", "b", "c"} {
		q.push(&queued{request: &messages.PersistRequest{ChatId: "chat", Key: key}})
	}
	batch := q.take(2, 2, free)
	if len(batch) != 2 {
		t.Fatalf("%d taken", len(batch))
	}
	q.withdraw("chat", "b")
	q.withdraw("chat", "c")
	failed := nextapi.Result{Class: nextapi.Ambiguous}
	if out := q.done(nil, "chat", []nextapi.Result{failed, failed}, batchPolicy, now); len(out) != 0 {
		t.Errorf("%d settled", len(out))
	}
	q.due(now.Add(time.Minute))
	if again := q.take(10, 10, free); len(again) != 1 || again[0].request.Key != "a" || q.size != 1 {
		t.Errorf("%d again, %d queued", len(again), q.size)
	}
}

// While its leases may be another's an instance posts nothing for them.
func TestNothingIsPostedUnderALapsedLease(t *testing.T) {
	store, api := newDurable(t), newAPI()
	hooks := &hookedStore{}
	f := store.hooked(t, api, hooks)
	f.routed(routeBatch)
	ada := f.connect("c1", "ada", signedIn, part2)
	api.set(func() { api.fail = unavailable })
	ada.sayID("one", "id-1")
	ada.hearsAcks("id-1", "accepted")
	hooks.lapsing.Store(true)
	eventually(t, "the lease may have run out", func() bool { return time.Now().UnixNano() > f.leasedUntil.Load() })
	api.set(func() { api.fail = nil })
	thief := store.other(t)
	thief.steals("c1")
	if got := api.stored(); len(got) != 0 {
		t.Errorf("stored %q without a lease", got)
	}
	hooks.lapsing.Store(false)
	ada.hearsAcks("id-1", "accepted", "stored")
	if got := api.stored(); !slices.Equal(got, []string{"one"}) {
		t.Errorf("stored %q", got)
	}
}

// A claim that was answered late does not make an instance forget what entered meanwhile.
func TestLateClaimForgetsNothing(t *testing.T) {
	store, api := newDurable(t), newAPI()
	late := make(chan struct{})
	hooks := &hookedStore{}
	hooks.claimed = func() { <-late }
	f := store.hooked(t, api, hooks)
	f.routed(routeBatch)
	ada := f.connect("c1", "ada", signedIn, part2)
	api.set(func() { api.fail = unavailable })
	ada.sayID("0", "id-0")
	ada.hearsAcks("id-0", "accepted")
	f.send(f.chatPID("c1"), &head{queued: true}) // it lists the queue
	var want []string
	for i := range 10 {
		want = append(want, string(rune('0'+i)))
		if i > 0 {
			ada.sayID(want[i], "id-"+want[i])
			ada.hearsAcks("id-"+want[i], "accepted")
		}
	}
	close(late)
	api.set(func() { api.fail = nil })
	ada.hears("message", 10)
	if got := ada.contents(); !slices.Equal(got, want) {
		t.Errorf("heard %q", got)
	}
}
