package actors

import (
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"eclipse/actors/messages"
	"eclipse/internal/chatlog"
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

// Under a lease that was lost and won again nothing is posted before it is known what became of the steps that were asked for
// under the first one: they are refused, and what comes behind them would be logged before them.
func TestStepsOfAnEarlierLease(t *testing.T) {
	store, api := newDurable(t), newAPI()
	reached, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	hooks := &hookedStore{}
	hooks.appending = func(items []chatlog.Append) {
		if slices.ContainsFunc(items, func(i chatlog.Append) bool { return i.Done != nil }) {
			once.Do(func() { close(reached); <-release })
		}
	}
	f := store.hooked(t, api, hooks, func(c *Config) { c.LogPatience = time.Minute })
	f.routed(routeBatch)
	ada := f.connect("c1", "ada", signedIn, part2)
	api.set(func() { api.fail = unavailable })
	ada.accepted(1, 2)
	api.set(func() { api.fail = nil })
	<-reached // the first one's step; the second's is behind it in the lane
	eventually(t, "both are stored", func() bool { return len(api.stored()) == 2 })
	hooks.lapsing.Store(true)
	thief := store.other(t)
	thief.steals("c1")
	hooks.lapsing.Store(false)
	eventually(t, "the loss is known", func() bool {
		c, err := thief.Claim(t.Context(), "c1", 0, 1) // its own may run out
		return err == nil && c.Fence != 0 && f.leases() == 0
	})
	r := &messages.PersistRequest{
		ChatId: "c1", Id: "id-3", ClientMessageId: "3", Content: "3", Role: "USER", UserId: "ada", SentAt: time.Now().UnixMilli(),
		Key: saveKey(&messages.Sender{UserId: "ada", Authenticated: true}, "3"), Accepted: true, BatchOnly: true,
	}
	data, err := proto.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	thief.Append(t.Context(), []chatlog.Append{{ChatID: "c1", Aliases: []string{r.Key}, Queue: &chatlog.Item{Name: r.Key, Data: data}}})
	eventually(t, "the lease is won again", func() bool { return f.leases() == 1 })
	won := time.Now()
	eventually(t, "the third would have been posted", func() bool { return time.Since(won) > shortLease })
	if got := api.stored(); len(got) != 2 {
		t.Errorf("stored %q", got)
	}
	close(release)
	ada.hears("message", 3)
	if got := ada.contents(); !slices.Equal(got, numbers(1, 3)) {
		t.Errorf("heard %q", got)
	}
}
