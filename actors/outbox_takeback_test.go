package actors

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	dto "github.com/prometheus/client_model/go"

	"eclipse/internal/chatlog"
	"eclipse/internal/wire"
)

// alone has nothing listed but what a test asks for.
func alone(c *Config) { c.HeadCheck, c.AcceptCheck = time.Hour, time.Hour }

// accepted has one client's messages named after their numbers accepted.
func (c *client) accepted(from, to int) {
	c.t.Helper()
	for n := from; n <= to; n++ {
		id := fmt.Sprint(n)
		c.sayID(id, id)
		c.hearsAcks(id, "accepted")
	}
}

func numbers(from, to int) (list []string) {
	for n := from; n <= to; n++ {
		list = append(list, fmt.Sprint(n))
	}
	return list
}

// tellHead compares heads now; epoch "" is the log's.
func (f *fixture) tellHead(store durable, epoch string) {
	f.t.Helper()
	heads, err := store.Heads(context.Background(), []string{"c1"})
	if err != nil {
		f.t.Fatal(err)
	}
	at := wire.Position(heads[0].Position)
	if epoch != "" {
		at = wire.Position{Epoch: epoch}
	}
	f.send(f.chatPID("c1"), &head{position: at, queued: true})
}

func (f *fixture) leases() float64 {
	var m dto.Metric
	_ = f.metrics.OutboxLeases.Write(&m)
	return m.Gauge.GetValue()
}

// A lease that is lost takes along what a claim did not list since it was older: none of it goes before what is listed.
func TestLostLeaseTakesAllBack(t *testing.T) {
	store, api := newDurable(t), newAPI()
	asked, release := make(chan struct{}, 100), make(chan struct{})
	var hold atomic.Bool
	hooks := &hookedStore{claimed: func() {
		if hold.Load() {
			asked <- struct{}{}
			<-release
		}
	}}
	f := store.hooked(t, api, hooks, alone)
	f.routed(routeBatch)
	ada := f.connect("c1", "ada", signedIn, part2)
	other := f.connect("c2", "eve", signedIn, part2)
	hang := make(chan struct{})
	api.set(func() { api.hang = hang })
	other.sayID("x", "x") // keeps another lease of the instance alive
	other.hearsAcks("x", "accepted")
	ada.accepted(1, 25)
	hold.Store(true)
	f.tellHead(store, "")
	<-asked
	ada.accepted(26, 31)
	release <- struct{}{} // it lists 1 to 25; the next claim waits
	<-asked
	hooks.lapsing.Store(true)
	thief := store.other(t)
	thief.steals("c1")
	hooks.lapsing.Store(false)
	eventually(t, "the loss is known", func() bool { return thief.renews("c1") && f.fenced() > 0 })
	api.set(func() { api.hang, api.fail = nil, unavailable })
	close(hang)
	eventually(t, "the call has failed", func() bool { api.mu.Lock(); defer api.mu.Unlock(); return api.calls > 1 })
	api.set(func() { api.fail = nil })
	eventually(t, "the other chat's is stored", func() bool { thief.renews("c1"); return slices.Contains(api.stored(), "x") })
	hold.Store(false)
	close(release)
	store.empty(t, "c1")
	got := slices.DeleteFunc(api.stored(), func(s string) bool { return s == "x" })
	if !slices.Equal(got, numbers(1, 31)) {
		t.Errorf("stored %q", got)
	}
}

// before stands before a service and sees each message in its sender's goroutine.
type before struct {
	address
	see func(any)
}

func (b *before) post(message any, by *runner) {
	b.see(actor.UnwrapEnvelopeMessage(message))
	b.address.post(message, by)
}

// What is taken back is taken back at once: a call that fails in between does not make way for what comes later.
func TestTakenBackTogether(t *testing.T) {
	store, api := newDurable(t), newAPI()
	f := store.instance(t, api, alone)
	f.routed(routeBatch)
	hang := make(chan struct{})
	var seen atomic.Int32
	var once sync.Once
	f.persistence.address = &before{f.persistence.address, func(m any) {
		if _, ok := m.(*withdraw); !ok || seen.Add(1) != 2 {
			return
		}
		once.Do(func() { // the first has been taken back; before the second goes out its call fails
			api.set(func() { api.hang, api.fail = nil, unavailable })
			close(hang)
			eventually(t, "it failed", func() bool { api.mu.Lock(); defer api.mu.Unlock(); return api.calls >= 1 })
			api.set(func() { api.fail = nil })
			eventually(t, "what is behind it is stored", func() bool { return len(api.stored()) > 0 })
		})
	}}
	ada := f.connect("c1", "ada", signedIn, part2)
	api.set(func() { api.hang = hang })
	ada.accepted(1, 6)
	f.tellHead(store, strings.Repeat("f", 20)) // a new epoch: nothing is posted until the queue has settled
	eventually(t, "they are taken back", func() bool { return seen.Load() > 0 })
	once.Do(func() {
		api.set(func() { api.hang = nil })
		close(hang)
	})
	store.empty(t, "c1")
	if got := api.stored(); !slices.Equal(got, numbers(1, 6)) {
		t.Errorf("stored %q", got)
	}
}

// A call of the old API that is under way while the store is wiped has its answer taken: it is not posted again.
func TestOldAPICallUnderWayAtAWipe(t *testing.T) {
	store := newDurable(t)
	api := store.oldAPI()
	f := store.instance(t, api, shortCalls, alone)
	f.routed(routeSingle)
	hang := make(chan struct{})
	api.set(func() { api.hang = hang })
	ada := f.connect("c1", "ada", signedIn, part2)
	ada.accepted(1, 1)
	f.tellHead(store, strings.Repeat("f", 20))
	f.chatPID("c1")
	api.set(func() { api.hang = nil })
	close(hang)
	store.empty(t, "c1")
	if got := api.stored(); !slices.Equal(got, []string{"1"}) || f.reposted() != 0 {
		t.Errorf("stored %q, %v posted again", got, f.reposted())
	}
}

// A claim that finds the queue empty says that it was lost, not that what was accepted here is stored: nothing passes it.
func TestClaimOfALostQueue(t *testing.T) {
	log := &swapped{}
	f, ada := log.lossy(t, alone)
	ada.accepted(1, 5)
	fresh := log.lose(t)
	f.send(f.chatPID("c1"), &adopt{})
	eventually(t, "the lease is known to be lost", func() bool { return f.leases() == 0 }) // the claim is answered sooner
	f.chatPID("c1")
	f.api.set(func() { f.api.fail = nil })
	ada.sayID("6", "6")
	ada.hearsAcks("6", "accepted", "stored")
	fresh.empty(t, "c1")
	if got := f.api.stored(); !slices.Equal(got, numbers(1, 6)) {
		t.Errorf("stored %q", got)
	}
}

// A message that was sent again over another instance, after the queue was lost and before this one entered it again,
// keeps the time at which it was sent first, and so its place among its sender's.
func TestSentAgainAfterALoss(t *testing.T) {
	log := &swapped{}
	f, ada := log.lossy(t, alone, shortCalls)
	ada.accepted(1, 3)
	fresh := newDurable(t)
	another := fresh.other(t)
	another.enters("c1", "ada", "2", "2", time.Now().Add(time.Minute).UnixMilli(), false)
	log.swap(fresh)
	ada.accepted(4, 4)
	f.api.set(func() { f.api.fail = nil })
	fresh.empty(t, "c1")
	if got := f.api.stored(); !slices.Equal(got, numbers(1, 4)) {
		t.Errorf("stored %q", got)
	}
}

// The same where this instance knows of the second sending only: the other tells when it was sent first.
func TestSentAgainHereAfterALoss(t *testing.T) {
	lost, api := newDurable(t), newAPI()
	pass := func(begun time.Time) {
		eventually(t, "some milliseconds", func() bool { return time.Since(begun) > 20*time.Millisecond })
	}
	pass(time.Now()) // epochs go by time
	fresh := newDurable(t)
	log := &swapped{durable: lost}
	f := startOn(t, outboxConfig(alone, shortCalls), api, lost.Memory, log, fresh)
	f.routed(routeBatch)
	ada := f.connect("c1", "ada", signedIn, part2)
	api.set(func() { api.fail = unavailable })
	ada.accepted(1, 1)
	begun := time.Now()
	pass(begun)
	log.swap(fresh)
	ada.accepted(2, 2)
	another := fresh.other(t)
	another.enters("c1", "ada", "3", "3", begun.Add(10*time.Millisecond).UnixMilli(), true)
	another.enters("c1", "ada", "2", "2", begun.Add(5*time.Millisecond).UnixMilli(), true)
	api.set(func() { api.fail = nil })
	fresh.empty(t, "c1")
	if got := api.stored(); !slices.Equal(got, numbers(1, 3)) {
		t.Errorf("stored %q", got)
	}
}

// lateAnswers is a store whose steps are carried out at once and answered when a test lets them.
type lateAnswers struct {
	*hookedStore
	answer func([]chatlog.Append)
}

func (s *lateAnswers) Append(ctx context.Context, items []chatlog.Append) []chatlog.Appended {
	out := s.hookedStore.Append(ctx, items)
	s.answer(items)
	return out
}

// A step that was carried out before this instance won the lease, and is answered later, does not take the lease away.
func TestStepThatIsOlderThanTheLease(t *testing.T) {
	store, api := newDurable(t), newAPI()
	entered, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	hooks := &hookedStore{durable: durable{store.Memory.Handle()}}
	late := &lateAnswers{hooks, func(items []chatlog.Append) {
		if items[0].Queue != nil {
			once.Do(func() { close(entered); <-release })
		}
	}}
	f := startOn(t, outboxConfig(alone, shortCalls, func(c *Config) { c.OrphanCheck = time.Hour }), api, store.Memory, late, late)
	f.routed(routeBatch)
	api.set(func() { api.fail = unavailable })
	ada := f.connect("c1", "ada", signedIn, part2)
	store.other(t).accepts("c1", "ada", "1", "1")
	begun := time.Now()
	ada.sayID("2", "2") // behind what the other instance holds
	<-entered
	eventually(t, "the lease is over", func() bool { return time.Since(begun) > shortLease })
	f.send(f.chatPID("c1"), &adopt{})
	eventually(t, "the lease is won", func() bool { return f.leases() == 1 })
	close(release)
	ada.hearsAcks("2", "accepted")
	f.chatPID("c1")
	if n := f.leases(); n != 1 || f.fenced() != 0 {
		t.Errorf("%v leases are held", n)
	}
	api.set(func() { api.fail = nil })
	store.empty(t, "c1")
	if got := api.stored(); !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("stored %q", got)
	}
}

// While all goes well each message takes its two steps, and nobody asks for the queue.
func TestQuietQueueIsNotClaimed(t *testing.T) {
	store, api := newDurable(t), newAPI()
	var claims atomic.Int32
	f := store.hooked(t, api, &hookedStore{claimed: func() { claims.Add(1) }}, live, alone)
	f.routed(routeBatch)
	ada := f.connect("c1", "ada", signedIn, part2)
	before := claims.Load()
	for n := range 20 {
		id := fmt.Sprint(n)
		ada.sayID(id, id)
		ada.hearsAcks(id, "accepted", "stored")
	}
	store.empty(t, "c1")
	if n := claims.Load() - before; n != 0 {
		t.Errorf("%d claims", n)
	}
}

// A step that finds another's lease tells how many are queued: then what it let in is not taken to be alone.
func TestQueueThatIsLongerThanWasKnown(t *testing.T) {
	store, answer := newDurable(t), make(chan struct{})
	defer close(answer)
	f := store.hooked(t, newAPI(), &hookedStore{claimed: func() { <-answer }}, alone, func(c *Config) { c.Lease = time.Hour })
	posted := f.posts()
	f.routed(routeBatch)
	ada := f.connect("c1", "ada", signedIn, part2)
	store.other(t).accepts("c1", "bob", "his", "his")
	f.send(f.chatPID("c1"), &claimed{fence: 1, left: 1}) // of a lease that has gone since, and of a message that cannot be read
	ada.accepted(2, 2)
	if got := posted.take(); len(got) > 0 {
		t.Errorf("posted %q", got)
	}
}
