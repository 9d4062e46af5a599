package actors

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"eclipse/actors/messages"
	"eclipse/internal/chatlog"
	"eclipse/internal/wire"
)

// What enters again more slowly than the others wait is waited for where it is known.
func TestSlowToEnterAgain(t *testing.T) {
	gate := make(chan struct{})
	log := &swapped{entering: func(r *messages.PersistRequest) {
		if r.Reentered {
			<-gate
		}
	}}
	f, ada := log.lossy(t, alone)
	ada.accepted(1, 3)
	fresh := log.lose(t)
	begun := time.Now()
	ada.accepted(4, 4)
	f.api.set(func() { f.api.fail = nil })
	eventually(t, "the others would have come", func() bool { return time.Since(begun) > 3*shortLease })
	if got := f.api.stored(); len(got) != 0 {
		t.Errorf("stored %q before the rest has entered again", got)
	}
	close(gate)
	fresh.empty(t, "c1")
	if got := f.api.stored(); !slices.Equal(got, numbers(1, 4)) {
		t.Errorf("stored %q", got)
	}
}

// A claim that was carried out before the last one entered again, and is answered after that, lists what comes behind it:
// none of that is posted before the next claim.
func TestClaimOlderThanWhatEntersAgain(t *testing.T) {
	third, listed, answer := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var posted posts
	log := &swapped{posting: posted.see, entering: func(r *messages.PersistRequest) {
		if r.Reentered && r.Content == "3" {
			<-third
		}
	}}
	var once sync.Once
	log.claimed = func(c chatlog.Claim) {
		if log.next.Load() != nil && len(c.Items) == 3 {
			once.Do(func() { close(listed); <-answer })
		}
	}
	f, ada := log.lossy(t, alone)
	ada.accepted(1, 3)
	fresh := log.lose(t)
	ada.accepted(4, 4)
	<-listed // without the third
	posted.take()
	close(third)
	eventually(t, "the third has entered", func() bool { return f.logging.Load() == 0 })
	f.chatPID("c1")
	f.api.set(func() { f.api.fail = nil })
	close(answer)
	fresh.empty(t, "c1")
	if got := posted.take(); !slices.Equal(got, numbers(1, 4)) {
		t.Errorf("posted %q", got)
	}
	if got := f.api.stored(); !slices.Equal(got, numbers(1, 4)) {
		t.Errorf("stored %q", got)
	}
}

// posts are the contents of what chats give persistence.
type posts struct {
	mu       sync.Mutex
	contents []string
}

func (p *posts) see(m any) {
	if q, ok := m.(*queued); ok {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.contents = append(p.contents, q.request.Content)
	}
}

// posts watches what chats give persistence from now on.
func (f *fixture) posts() *posts {
	p := &posts{}
	f.persistence.address = &before{f.persistence.address, p.see}
	return p
}

// take returns those since the last time.
func (p *posts) take() (contents []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	contents, p.contents = p.contents, nil
	return contents
}

// Live: the first step after the log was lost tells that it was; what was shown before it is entered again before it.
func TestLiveOrderOverALoss(t *testing.T) {
	log := &swapped{}
	f, ada := log.lossy(t, live, alone)
	ada.accepted(1, 3)
	fresh := log.lose(t)
	for _, id := range numbers(4, 6) {
		ada.sayID(id, id)
	}
	for _, id := range numbers(4, 6) {
		ada.hearsAcks(id, "accepted")
	}
	f.api.set(func() { f.api.fail = nil })
	fresh.empty(t, "c1")
	if got := f.api.stored(); !slices.Equal(got, numbers(1, 6)) {
		t.Errorf("stored %q", got)
	}
	now, _ := epochs(t, fresh.Memory)
	page, err := fresh.Read(t.Context(), "c1", chatlog.Position{Epoch: now}, 10)
	if err != nil {
		t.Fatal(err)
	}
	var logged []string
	for _, e := range page.Entries {
		said, _ := wire.SaidIn(e.Payload)
		logged = append(logged, said.Content)
	}
	if !slices.Equal(logged, numbers(1, 6)) {
		t.Errorf("logged %q", logged)
	}
}

// What enters again goes by its time however long the queue is.
func TestLongQueueThatWasEnteredAgain(t *testing.T) {
	store, api := newDurable(t), newAPI()
	another := store.other(t)
	for n := 1; n <= claimMax+50; n++ {
		another.enters("c1", "ada", fmt.Sprint(n), fmt.Sprint(n), int64(1000+n), true)
	}
	another.enters("c1", "ada", "0", "0", 1, true)
	store.instance(t, api, shortCalls)
	store.empty(t, "c1")
	if got := api.stored(); !slices.Equal(got, numbers(0, claimMax+50)) {
		t.Errorf("stored %q", got)
	}
}

// A message that enters again, or whose step is under way while the queue is lost, brings its time along: its sender may have
// sent it again over another instance, which posts it and hears of nothing.
func TestTimeOfWhatWasSentAgain(t *testing.T) {
	for name, under := range map[string]bool{"its step is under way": true, "accepted": false} {
		t.Run(name, func(t *testing.T) {
			var once sync.Once
			waits, release := make(chan struct{}), make(chan struct{})
			log := &swapped{entering: func(r *messages.PersistRequest) {
				if r.Content == "2" {
					once.Do(func() {
						close(waits)
						if under {
							<-release
						}
					})
				}
			}}
			f, ada := log.lossy(t, alone)
			f.api.set(func() { f.api.fail = nil })
			also := &swapped{durable: durable{log.Memory.Handle()}}
			other := startOn(t, outboxConfig(alone), f.api, also.Memory, also, also)
			other.routed(routeBatch)
			again := other.connect("c1", "ada", signedIn, part2)
			f.api.set(func() { f.api.fail = unavailable })
			ada.accepted(1, 1)
			ada.sayID("2", "2")
			<-waits
			if !under {
				ada.hearsAcks("2", "accepted")
			}
			sent := time.Now()
			eventually(t, "some milliseconds", func() bool { return time.Since(sent) > 20*time.Millisecond })
			again.accepted(0, 0)
			fresh := newDurable(t)
			also.swap(durable{fresh.Memory.Handle()})
			again.accepted(2, 2) // it has the lease
			log.swap(fresh)
			close(release)
			if !under {
				f.tellHead(fresh, "")
			}
			ada.hearsAcks("2", "accepted")
			f.api.set(func() { f.api.fail = nil })
			eventually(t, "all are stored", func() bool { return len(f.api.stored()) == 3 })
			f.api.set(func() {
				for id, row := range f.api.rows {
					if row.Content == "2" && row.SentAt.After(sent) {
						t.Errorf("%s is stored with the time at which it was sent again", id)
					}
				}
			})
			if got := f.api.stored(); !slices.Equal(got, []string{"1", "2", "0"}) {
				t.Errorf("stored %q", got)
			}
		})
	}
}

// A message that enters again, and is queued already behind what its sender has said since, comes before that: nothing else need
// have entered again.
func TestEarlierTimeMovesAMessageForward(t *testing.T) {
	log := &swapped{}
	f, ada := log.lossy(t, alone)
	ada.accepted(1, 1)
	fresh, api := newDurable(t), newAPI()
	other := fresh.instance(t, api, alone)
	other.routed(routeBatch)
	api.set(func() { api.fail = unavailable })
	again := other.connect("c1", "ada", signedIn, part2) // this chat knows of no loss
	again.accepted(2, 2)
	again.accepted(1, 1)
	log.swap(fresh)
	f.tellHead(fresh, "")
	eventually(t, "it has entered again", func() bool {
		items, err := fresh.Queued(t.Context(), "c1", 0, 10)
		return err == nil && len(items) == 2 && items[1].Sent < items[0].Sent
	})
	api.set(func() { api.fail = nil })
	eventually(t, "both are stored", func() bool { return len(api.stored()) == 2 })
	if got := api.stored(); !slices.Equal(got, numbers(1, 2)) {
		t.Errorf("stored %q", got)
	}
}

// Asking after what has entered again is no news of a loss: who posts it does not wait for ever.
func TestAskingAfterWhatHasEnteredAgain(t *testing.T) {
	log := &swapped{}
	f, ada := log.lossy(t, alone, func(c *Config) { c.AcceptCheck = shortLease / 10 })
	ada.accepted(1, 1)
	fresh, api := newDurable(t), newAPI()
	other := fresh.instance(t, api, alone)
	other.routed(routeBatch)
	api.set(func() { api.fail = unavailable })
	other.connect("c1", "bob", signedIn, part2).accepted(2, 2) // it has the lease
	log.swap(fresh)
	f.tellHead(fresh, "")
	api.set(func() { api.fail = nil })
	eventually(t, "both are stored", func() bool { return len(api.stored()) == 2 })
}

// Of what is queued that which was sent first comes first, also when nothing of it has entered again: the step that let it
// in was held up.
func TestHeldUpStepComesInItsPlace(t *testing.T) {
	store, api := newDurable(t), newAPI()
	another := store.other(t)
	another.enters("c1", "ada", "2", "2", 2, false)
	another.enters("c1", "ada", "1", "1", 1, false)
	store.instance(t, api, shortCalls)
	store.empty(t, "c1")
	if got := api.stored(); !slices.Equal(got, numbers(1, 2)) {
		t.Errorf("stored %q", got)
	}
}

// An instance where nothing was accepted waits as well, when it finds in the queue what others enter again.
func TestNothingAcceptedHere(t *testing.T) {
	for name, again := range map[string]bool{"nothing was lost": false, "entered again": true} {
		t.Run(name, func(t *testing.T) {
			store, api := newDurable(t), newAPI()
			f := store.instance(t, api, alone, func(c *Config) { c.Lease = time.Hour })
			posted := f.posts()
			f.routed(routeBatch)
			f.connect("c1", "bob", signedIn, part2)
			f.send(f.chatPID("c1"), &claimed{fence: 1, left: 1, items: []claimedItem{{request: &messages.PersistRequest{
				ChatId: "c1", Content: "1", Role: "USER", Key: "c:u:ada:1", SentAt: 1, Accepted: true, BatchOnly: true, Reentered: again,
			}}}})
			f.connect("c1", "eve", signedIn, part2) // the chat has come to it
			if got := posted.take(); (len(got) == 0) != again {
				t.Errorf("posted %q", got)
			}
		})
	}
}

// It waits too when it hears that another enters again what was lost, also if the queue as it is listed has no such message.
func TestAnotherEntersAgain(t *testing.T) {
	for name, again := range map[string]bool{"nothing was lost": false, "entered again": true} {
		t.Run(name, func(t *testing.T) {
			answer := make(chan struct{})
			defer close(answer)
			log := &swapped{durable: newDurable(t), claimed: func(chatlog.Claim) { <-answer }}
			f := startOn(t, outboxConfig(alone, func(c *Config) { c.Lease = time.Hour }), newAPI(), log.Memory, log, log)
			posted := f.posts()
			f.routed(routeBatch)
			f.connect("c1", "bob", signedIn, part2)
			notice := wire.Notice{Type: wire.TypeOutboxQueued, Origin: "another", Again: again}
			f.send(f.chatPID("c1"), &messages.Payload{Payload: notice.Encode()})
			for range 2 { // the first may be older than what the notice tells of
				f.send(f.chatPID("c1"), &claimed{fence: 1, left: 1, items: []claimedItem{{request: &messages.PersistRequest{
					ChatId: "c1", Content: "1", Role: "USER", Key: "c:u:ada:1", SentAt: 2, Accepted: true, BatchOnly: true,
				}}}})
			}
			f.connect("c1", "eve", signedIn, part2) // the chat has come to them
			if got := posted.take(); (len(got) == 0) != again {
				t.Errorf("posted %q", got)
			}
		})
	}
}

// A message that another instance had let in enters again with the time at which it was sent there, also when that instance
// is gone and cannot tell.
func TestTimeOfWhatAnotherLetIn(t *testing.T) {
	log := &swapped{}
	f, ada := log.lossy(t, alone)
	api := newAPI()
	other := log.durable.instance(t, api, alone)
	other.routed(routeBatch)
	api.set(func() { api.fail = unavailable })
	there := other.connect("c1", "ada", signedIn, part2)
	there.accepted(2, 2)
	sent := time.Now()
	eventually(t, "some milliseconds", func() bool { return time.Since(sent) > 5*time.Millisecond })
	ada.accepted(0, 0)
	eventually(t, "some more", func() bool { return time.Since(sent) > 10*time.Millisecond })
	ada.accepted(2, 2)
	fresh := log.lose(t) // of the other nothing more is heard
	f.api.set(func() { f.api.fail = nil })
	f.tellHead(fresh, "")
	eventually(t, "both are stored", func() bool { return len(f.api.stored()) == 2 })
	if got := f.api.stored(); !slices.Equal(got, []string{"2", "0"}) {
		t.Errorf("stored %q", got)
	}
}

// Live: a message that the log has again after a loss, and that no outbox has since its instance is gone, is stored with the time
// that everyone was shown.
func TestTimeOfWhatWasShown(t *testing.T) {
	store, api := newDurable(t), newAPI()
	f := store.instance(t, api, live, alone)
	f.routed(routeBatch)
	ada := f.connect("c1", "ada", signedIn, part2)
	first := time.Now().Add(-time.Minute).Truncate(time.Millisecond)
	id, key := wire.DeriveID("c1", wire.SenderKey("ada", true), "1"), saveKey(&messages.Sender{UserId: "ada", Authenticated: true}, "1")
	body := wire.LiveMessage{ChatID: "c1", ID: id, Content: "1", Role: wire.RoleUser, ClientMessageID: "1", SentAt: first}.Body(first)
	store.other(t).Append(t.Context(), []chatlog.Append{{ChatID: "c1", Key: wire.MessageKey(id), Aliases: []string{key}, Body: body}})
	ada.sayID("1", "1")
	ada.hearsAcks("1", "stored")
	api.set(func() {
		if row := api.rows[id]; !row.SentAt.Equal(first) {
			t.Errorf("stored as sent at %v, want %v", row.SentAt, first)
		}
	})
}
