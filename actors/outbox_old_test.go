package actors

import (
	"context"
	"slices"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"eclipse/internal/chatlog"
	"eclipse/internal/nextapi"
	"eclipse/internal/wire"
)

var noAnswer = &nextapi.Result{Class: nextapi.Ambiguous}

// oldAPI publishes what it stores on the store's channel, as the real one does.
func (d durable) oldAPI() *fakeAPI {
	api := newAPI()
	api.old = true
	bus := d.Memory.Handle()
	api.publish = func(chatID string, payload []byte) {
		_ = bus.Publish(context.Background(), []chatlog.Publication{{ChatID: chatID, Payload: payload}})
	}
	return api
}

// storeUnseen stores a message whose call gets no answer.
func (a *fakeAPI) storeUnseen(id, chatID, content string, publish bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r := a.store(nextapi.Message{ID: id, ChatID: chatID, Content: content, Role: "USER", UserID: "ada"})
	if body, err := wire.MessageBody(chatID, r.Data, "", time.Now()); err == nil && publish {
		a.publish(chatID, body.Body)
	}
}

func shortCalls(c *Config) { c.SaveTimeout = 500 * time.Millisecond }

func (f *fixture) reposted() float64 {
	var m dto.Metric
	_ = f.metrics.OutboxReposted.Write(&m)
	return m.Counter.GetValue()
}

// The old API stores, publishes and gives no answer: what it published is the answer.
func TestOldAPIAnswersByItsPublish(t *testing.T) {
	store := newDurable(t)
	api := store.oldAPI()
	f := store.instance(t, api, shortCalls)
	f.routed(routeSingle)
	ada := f.connect("c1", "ada", signedIn, part2)
	api.set(func() { api.fail = noAnswer })
	ada.sayID("one", "id-1")
	ada.hearsAcks("id-1", "accepted")
	api.storeUnseen("api-one", "c1", "one", true)
	ada.hearsAcks("id-1", "accepted", "stored")
	ada.sayID("one", "id-2") // the same words again are another message
	ada.hearsAcks("id-2", "accepted")
	api.set(func() { api.fail = nil })
	ada.hearsAcks("id-2", "accepted", "stored")
	ada.hears("message", 2)
	if got := api.stored(); !slices.Equal(got, []string{"one", "one"}) {
		t.Errorf("stored %q", got)
	}
	store.empty(t, "c1")
}

// Without a trace of it a message is posted again, in its place, and counted as a possible duplicate.
func TestOldAPIIsAskedAgain(t *testing.T) {
	store := newDurable(t)
	api := store.oldAPI()
	f := store.instance(t, api, shortCalls)
	f.routed(routeSingle)
	ada := f.connect("c1", "ada", signedIn, part2)
	api.set(func() { api.fail = noAnswer })
	ada.sayID("one", "id-1")
	ada.sayID("two", "id-2")
	ada.hearsAcks("id-1", "accepted")
	ada.hearsAcks("id-2", "accepted")
	api.set(func() { api.fail = nil })
	ada.hearsAcks("id-1", "accepted", "stored")
	ada.hearsAcks("id-2", "accepted", "stored")
	if got := ada.contents(); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("heard %q", got)
	}
	if n := f.reposted(); n < 1 {
		t.Errorf("%v reposts counted", n)
	}
	store.empty(t, "c1")
}

// Nobody posts to the old API again before the call of a dead instance has timed out.
func TestOldAPITakeoverWaitsForTheCall(t *testing.T) {
	store := newDurable(t)
	api := store.oldAPI()
	hang := make(chan struct{})
	f := store.mortal(t, api, shortCalls)
	f.routed(routeSingle)
	ada := f.connect("c1", "ada", signedIn, part2)
	api.set(func() { api.hang, api.fail = hang, noAnswer })
	ada.sayID("one", "id-1")
	ada.hearsAcks("id-1", "accepted")
	f.Router.Close()
	eventually(t, "its call has ended", func() bool { api.mu.Lock(); defer api.mu.Unlock(); return api.calls > 0 })
	api.set(func() { api.hang, api.fail = nil, nil })
	other := store.instance(t, api, shortCalls)
	bob := other.connect("c1", "bob", signedIn, part2)
	if n := len(api.stored()); n != 0 {
		t.Fatalf("%d rows before the call's time was over", n)
	}
	api.storeUnseen("api-one", "c1", "one", true) // the call went through after all
	store.empty(t, "c1")
	bob.hears("message", 1)
	if n := other.reposted(); n != 0 || len(api.stored()) != 1 {
		t.Errorf("%v reposts, stored %q", n, api.stored())
	}
	close(hang)
}

// An API that loses its batch route gets nothing by the old one that was tried, or shown, under an id of ours.
func TestBatchOnlyWaitsForTheBatchRoute(t *testing.T) {
	store, api := newDurable(t), newAPI()
	f := store.mortal(t, api)
	f.routed(routeBatch)
	ada := f.connect("c1", "ada", signedIn, part2)
	api.set(func() { api.fail = noAnswer })
	ada.sayID("one", "id-1")
	ada.hearsAcks("id-1", "accepted")
	api.set(func() { api.fail, api.old = nil, true })
	eventually(t, "the loss is known", func() bool { return slices.Contains(f.degraded(), "api: has lost its batch route") })
	if n := len(api.stored()); n != 0 {
		t.Fatalf("%d rows by the old route", n)
	}
	f.connect("c2", "bob", signedIn, part2).sayID("other", "id-2") // another chat goes on by the old route
	eventually(t, "the other chat's is stored", func() bool { return slices.Equal(api.stored(), []string{"other"}) })
	f.Router.Close()
	api.set(func() { api.old = false })
	store.instance(t, api)
	eventually(t, "it is stored", func() bool { return slices.Equal(api.stored(), []string{"other", "one"}) })
	store.empty(t, "c1")
}

// A holder that lost its lease commits nothing, and shows nothing twice.
func TestFencedHolder(t *testing.T) {
	store, api := newDurable(t), newAPI()
	a := store.instance(t, api, alone, func(c *Config) { c.Lease, c.OrphanCheck = time.Hour, time.Hour }) // it never renews, and takes no lease again
	a.routed(routeBatch)
	ada := a.connect("c1", "ada", signedIn, part2)
	hang := make(chan struct{})
	api.set(func() { api.hang = hang })
	ada.sayID("one", "id-1")
	ada.hearsAcks("id-1", "accepted")
	// Another instance takes the lease while this one's call hangs, as after a pause.
	thief := store.Memory.Handle()
	eventually(t, "the lease is taken", func() bool {
		c, err := thief.Claim(context.Background(), "c1", 0, 10)
		return err == nil && c.Fence != 0
	})
	close(hang)
	ada.hears("message", 1) // it is stored, so it is shown
	ada.hearsAcks("id-1", "accepted", "stored")
	heads, err := store.Heads(context.Background(), []string{"c1"})
	if err != nil || !heads[0].Queued {
		t.Errorf("the fenced holder took it out: %+v, %v", heads, err)
	}
}

// What another instance enters anew, and was sent before, comes before what is on its way to the old API already.
func TestOldAPIOrderOfWhatIsEnteredAnew(t *testing.T) {
	store := newDurable(t)
	api := store.oldAPI()
	f := store.instance(t, api, shortCalls)
	f.routed(routeSingle)
	ada := f.connect("c1", "ada", signedIn, part2)
	api.set(func() { api.fail = unavailable })
	for _, id := range []string{"id-1", "id-2", "id-3"} {
		ada.sayID(id, id)
		ada.hearsAcks(id, "accepted")
	}
	store.other(t).enters("c1", "ada", "id-0", "id-0", 1, true)
	taken := func() bool {
		var m dto.Metric
		return f.metrics.OutboxTaken.Write(&m) == nil && m.Counter.GetValue() == 1
	}
	eventually(t, "it is known here", taken)
	api.set(func() { api.fail = nil })
	store.empty(t, "c1")
	if got, want := api.stored(), []string{"id-0", "id-1", "id-2", "id-3"}; !slices.Equal(got, want) {
		t.Errorf("stored %q", got)
	}
}
