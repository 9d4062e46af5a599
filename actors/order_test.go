package actors

import (
	"context"
	"hash/maphash"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"

	dto "github.com/prometheus/client_model/go"

	"eclipse/internal/chatlog"
)

// sameLane finds another chat whose operations share a batch with c1's.
func sameLane() string {
	lane := func(id string) uint64 { return maphash.String(laneSeed, id) % laneCount }
	for i := 0; ; i++ {
		if id := "other-" + strconv.Itoa(i); lane(id) == lane("c1") {
			return id
		}
	}
}

// One append of a batch fails, and with it the later ones of its chat: they keep their order and other chats go on.
func TestAppendThatFailsInABatchKeepsItsChatsOrder(t *testing.T) {
	log := newHooked(t)
	neighbour := sameLane()
	var calls atomic.Int32
	asked, release := make(chan struct{}), make(chan struct{})
	fails, more := make(chan struct{}), make(chan struct{})
	log.append = func(ctx context.Context, items []chatlog.Append) []chatlog.Appended {
		switch calls.Add(1) {
		case 1:
			close(asked)
			<-release
		case 2:
			close(fails)
			<-more
			out := make([]chatlog.Appended, len(items))
			for i, item := range items {
				if out[i].Err = errAway; item.ChatID == neighbour {
					out[i] = log.Memory.Append(ctx, items[i:i+1])[0]
				}
			}
			return out
		}
		return log.Memory.Append(ctx, items)
	}
	f := log.start(t, patient(), newAPI())
	f.routed(routeBatch)
	c, other := f.connect("c1", "u1", signedIn), f.connect(neighbour, "u2", signedIn)
	c.say("0")
	<-asked
	for _, content := range []string{"1", "2"} {
		c.say(content)
	}
	other.say("beside")
	c.say("3")
	eventually(t, "all wait for the log", func() bool { return f.logging.Load() == 5 })
	close(release)
	<-fails
	c.say("4") // comes while the batch is under way, and must not overtake what fails in it
	eventually(t, "it waits as well", func() bool { return f.logging.Load() == 5 })
	close(more)
	c.hears("message", 5)
	other.hears("message", 1)
	if got := c.contents(); !slices.Equal(got, []string{"0", "1", "2", "3", "4"}) {
		t.Errorf("order %v", got)
	}
	var timed dto.Metric
	if err := f.metrics.DeliveryLatency.Write(&timed); err != nil || timed.Histogram.GetSampleCount() != 6 {
		t.Errorf("%d of 6 deliveries timed, error %v", timed.Histogram.GetSampleCount(), err)
	}
}

// A look-up that fails holds back what came after it, also what needs none.
func TestLookUpThatFailsKeepsItsChatsOrder(t *testing.T) {
	log := newHooked(t)
	var calls atomic.Int32
	asked, release := make(chan struct{}), make(chan struct{})
	log.lookUp = func(ctx context.Context, id string, keys []string) ([]*chatlog.Entry, error) {
		switch calls.Add(1) {
		case 1:
			close(asked)
			<-release
		case 2:
			return nil, errAway
		}
		return log.Memory.Lookup(ctx, id, keys)
	}
	api := newAPI()
	api.old = true
	f := log.start(t, patient(), api)
	f.routed(routeSingle)
	c := f.connect("c1", "u1", signedIn, part2)
	c.sayID("0", "id-0")
	<-asked
	c.sayID("1", "id-1")
	c.say("2")
	c.sayID("3", "id-3")
	eventually(t, "all wait for the log", func() bool { return f.logging.Load() == 4 })
	close(release)
	c.hears("message", 4)
	if want := []string{"0", "1", "2", "3"}; !slices.Equal(api.stored(), want) || !slices.Equal(c.contents(), want) {
		t.Errorf("stored %v, delivered %v", api.stored(), c.contents())
	}
}

// Two instances post the same message to the old API before either has logged it: the log finds the first by the
// sender's id, and its id is what both senders are told.
func TestRepeatFoundByAliasIsAckedWithTheFirstID(t *testing.T) {
	shared := chatlog.NewMemory(chatlog.Options{})
	t.Cleanup(func() { shared.Close() })
	api := newAPI()
	api.old = true
	first, second := shared.Handle(), &hookedLog{Memory: shared.Handle()}
	second.lookUp = func(_ context.Context, _ string, keys []string) ([]*chatlog.Entry, error) {
		return make([]*chatlog.Entry, len(keys)), nil // asked before the first was logged
	}
	a, b := startOn(t, patient(), api, shared, first, first), second.start(t, patient(), api)
	a.routed(routeSingle)
	b.routed(routeSingle)
	one, two := a.connect("c1", "u1", signedIn, part2), b.connect("c1", "u1", signedIn, part2)
	one.sayID("x", "id-1")
	one.hears("ack", 1)
	two.hears("message", 1)
	two.sayID("x", "id-1")
	two.hears("ack", 1)
	if a, b := one.of("ack")[0], two.of("ack")[0]; a["id"] != b["id"] || a["offset"] != b["offset"] || a["epoch"] != b["epoch"] {
		t.Errorf("acks %v and %v", a, b)
	}
	two.say("later")
	for _, c := range []*client{one, two} {
		c.heardAtLeast(2)
		if got := c.contents(); !slices.Equal(got, []string{"x", "later"}) {
			t.Errorf("delivered %v", got)
		}
	}
}
