package actors

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"eclipse/actors/messages"
	"eclipse/internal/chatlog"
	"eclipse/internal/metrics"
	"eclipse/internal/wire"
)

// fullStore is a store whose outbox is full. Hooks are set before the router starts.
type fullStore struct {
	durable
	entering func() // before a message is told that there is no room
}

func (s *fullStore) Append(ctx context.Context, items []chatlog.Append) (out []chatlog.Appended) {
	for _, item := range items {
		if item.Queue == nil {
			out = append(out, s.durable.Append(ctx, []chatlog.Append{item})...)
			continue
		}
		s.entering()
		head, _ := s.Heads(ctx, []string{item.ChatID})
		out = append(out, chatlog.Appended{Position: head[0].Position, Err: chatlog.ErrFull})
	}
	return out
}

// A message for which the outbox has no room, and that the API stores since the log kept it waiting, gets its place, whichever
// of the two answers first.
func TestStoredWhileTheOutboxIsFull(t *testing.T) {
	for name, storedFirst := range map[string]bool{"the API is first": true, "the outbox is first": false} {
		t.Run(name, func(t *testing.T) {
			told, api, hang := make(chan struct{}), newAPI(), make(chan struct{})
			log := &fullStore{newDurable(t), func() { <-told }}
			f := startOn(t, outboxConfig(live, alone), api, log.Memory, log, log)
			posted := f.posts()
			f.routed(routeBatch)
			api.set(func() { api.hang = hang })
			ada := f.connect("c1", "ada", signedIn, part2)
			ada.sayID("1", "1")
			eventually(t, "it goes to the API, since the log does not answer", func() bool { return len(posted.take()) > 0 })
			if storedFirst {
				close(hang)
				ada.hearsAcks("1", "stored")
				close(told)
			} else {
				close(told)
				eventually(t, "the outbox has no room", func() bool { return f.logging.Load() == 0 })
				f.chatPID("c1")
				close(hang)
				ada.hearsAcks("1", "stored")
			}
			id := wire.DeriveID("c1", wire.SenderKey("ada", true), "1")
			eventually(t, "it is logged", func() bool {
				found, err := log.Lookup(t.Context(), "c1", []string{wire.MessageKey(id)})
				return err == nil && found[0] != nil
			})
			ada.hears("message", 1)
			eventually(t, "nothing is under way", func() bool { return f.underway.Load() == 0 && f.logging.Load() == 0 })
			if got := api.stored(); !slices.Equal(got, []string{"1"}) {
				t.Errorf("stored %q", got)
			}
		})
	}
}

// entersLive lets in a message as an instance with live delivery would; shown tells whether the log takes it.
func (o *other) entersLive(chatID, userID, content, clientID string, sentAt time.Time, shown bool) {
	o.t.Helper()
	sender := &messages.Sender{UserId: userID, Authenticated: true}
	r := &messages.PersistRequest{
		ChatId: chatID, Id: wire.DeriveID(chatID, wire.SenderKey(userID, true), clientID), ClientMessageId: clientID, Content: content,
		Role: "USER", UserId: userID, SentAt: sentAt.UnixMilli(), Key: saveKey(sender, clientID), Accepted: true, BatchOnly: true, Live: true,
	}
	data, _ := proto.Marshal(r)
	step := chatlog.Append{ChatID: chatID, Aliases: []string{r.Key}, Queue: &chatlog.Item{Name: r.Key, Data: data, Sent: r.SentAt}}
	if shown {
		step.Key = wire.MessageKey(r.Id)
		step.Body = wire.LiveMessage{ChatID: chatID, ID: r.Id, Content: content, Role: wire.RoleUser, ClientMessageID: clientID, SentAt: sentAt}.Body(sentAt)
	}
	if done := o.Append(context.Background(), []chatlog.Append{step})[0]; done.Err != nil || !done.Outbox.Queued {
		o.t.Fatalf("not queued: %+v", done)
	}
}

// A message that everyone was shown and that is sent again here while the log is away is not stored with the time of that: the
// outbox has it.
func TestRepeatWhileTheLogIsAway(t *testing.T) {
	store, api, away, back := newDurable(t), newAPI(), atomic.Bool{}, make(chan struct{})
	f := store.hooked(t, api, &hookedStore{appending: func([]chatlog.Append) {
		if away.Load() {
			<-back
		}
	}}, live)
	f.routed(routeBatch)
	ada := f.connect("c1", "ada", signedIn, part2)
	first := time.Now().Add(-time.Minute).Truncate(time.Millisecond)
	store.other(t).entersLive("c1", "ada", "1", "1", first, true)
	ada.hears("message", 1)
	away.Store(true)
	ada.sayID("1", "1")
	ada.sayID("2", "2")
	ada.hearsAcks("2", "stored") // unheard by the log
	if got := api.stored(); !slices.Equal(got, []string{"2"}) {
		t.Errorf("stored %q", got)
	}
	close(back)
	store.empty(t, "c1")
	api.set(func() {
		if row := api.rows[wire.DeriveID("c1", wire.SenderKey("ada", true), "1")]; !row.SentAt.Equal(first) {
			t.Errorf("stored as sent at %v, want %v", row.SentAt, first)
		}
	})
}

// While the log keeps a message waiting, or has just been found away, as after a pause of this process, each waits for itself: it
// may be a repeat of what was accepted elsewhere meanwhile.
func TestEachWaitsForTheLog(t *testing.T) {
	for name, fails := range map[string]bool{"it does not answer": false, "it fails": true} {
		t.Run(name, func(t *testing.T) {
			api, back := newAPI(), make(chan struct{})
			defer close(back)
			var away atomic.Bool
			log := &awayStore{newDurable(t), func() error {
				switch {
				case !away.Load():
					return nil
				case fails:
					return errAway
				}
				<-back
				return nil
			}}
			f := startOn(t, outboxConfig(live, alone), api, log.Memory, log, log)
			posted := f.posts()
			f.routed(routeBatch)
			ada := f.connect("c1", "ada", signedIn, part2)
			away.Store(true)
			for _, id := range numbers(1, 2) {
				began := time.Now()
				ada.sayID(id, id)
				eventually(t, id+" goes to the API", func() bool { return slices.Contains(posted.take(), id) })
				if waited := time.Since(began); waited < f.cfg.LogPatience && (id == "1" || !fails) {
					t.Errorf("%s after %v", id, waited)
				}
			}
		})
	}
}

// When the log has been away for long enough what comes goes at once, behind what still waits.
func TestNoneOvertakesWhileTheLogIsAway(t *testing.T) {
	back := make(chan struct{})
	defer close(back)
	var away atomic.Bool
	log := &awayStore{newDurable(t), func() error {
		if away.Load() {
			<-back
		}
		return nil
	}}
	f := startOn(t, outboxConfig(live, alone), newAPI(), log.Memory, log, log)
	posted := f.posts()
	f.routed(routeBatch)
	ada := f.connect("c1", "ada", signedIn, part2)
	away.Store(true)
	ada.sayID("1", "1")
	eventually(t, "it goes to the API", func() bool { return len(posted.take()) > 0 })
	began := time.Now() // the log is known to be away since then
	passed := func(d time.Duration) func() bool { return func() bool { return time.Since(began) > d } }
	eventually(t, "half of the patience", passed(f.cfg.LogPatience/2))
	ada.sayID("2", "2")
	eventually(t, "all of it", passed(f.cfg.LogPatience+10*time.Millisecond))
	ada.sayID("3", "3")
	var got []string
	eventually(t, "both go to the API", func() bool { got = append(got, posted.take()...); return len(got) == 2 })
	if !slices.Equal(got, []string{"2", "3"}) {
		t.Errorf("posted %q", got)
	}
}

// awayStore is a store whose steps may fail.
type awayStore struct {
	durable
	fail func() error
}

func (s *awayStore) Append(ctx context.Context, items []chatlog.Append) []chatlog.Appended {
	if err := s.fail(); err != nil {
		out := make([]chatlog.Appended, len(items))
		for i := range out {
			out[i].Err = err
		}
		return out
	}
	return s.durable.Append(ctx, items)
}

// A message that went to the API since the log was away, and that the outbox has from before, is stored with the first time.
func TestPostedBeforeTheOutboxToldOfIt(t *testing.T) {
	store, api, away, back := newDurable(t), newAPI(), atomic.Bool{}, make(chan struct{})
	f := store.hooked(t, api, &hookedStore{deafTo: wire.TypeOutboxQueued, appending: func([]chatlog.Append) {
		if away.Load() {
			<-back
		}
	}}, live, alone, func(c *Config) { c.OrphanCheck = time.Hour })
	posted := f.posts()
	f.routed(routeBatch)
	ada := f.connect("c1", "ada", signedIn, part2)
	api.set(func() { api.fail = unavailable })
	first := time.Now().Add(-time.Minute).Truncate(time.Millisecond)
	store.other(t).entersLive("c1", "ada", "1", "1", first, false)
	begun := time.Now()
	eventually(t, "its lease has ended", func() bool { return time.Since(begun) > 2*shortLease })
	away.Store(true)
	ada.sayID("1", "1")
	eventually(t, "it goes to the API", func() bool { return len(posted.take()) > 0 })
	close(back)
	ada.hearsAcks("1", "accepted")
	api.set(func() { api.fail = nil })
	store.empty(t, "c1")
	api.set(func() {
		if row := api.rows[wire.DeriveID("c1", wire.SenderKey("ada", true), "1")]; !row.SentAt.Equal(first) {
			t.Errorf("stored as sent at %v, want %v", row.SentAt, first)
		}
	})
}

// A message that an instance without live delivery let in, and that one with it shows since it was sent again there, is not taken
// for stored because it stands in the log.
func TestShownAfterItWasLetInUnshown(t *testing.T) {
	store, api := newDurable(t), newAPI()
	another := store.other(t)
	f := store.instance(t, api, live)
	f.routed(routeBatch)
	ada := f.connect("c1", "ada", signedIn, part2)
	another.enters("c1", "ada", "1", "1", 1, false)
	ada.sayID("1", "1")
	ada.hearsAcks("1", "accepted", "stored")
	store.empty(t, "c1")
	if got := api.stored(); !slices.Equal(got, []string{"1"}) {
		t.Errorf("stored %q", got)
	}
}

// Nor by a third instance: the API has the last word where it may be asked again.
func TestLoggedAndNotShownFirstIsPostedAgain(t *testing.T) {
	for name, batchOnly := range map[string]bool{"batch route": true, "old route": false} {
		t.Run(name, func(t *testing.T) {
			f := newDurable(t).instance(t, newAPI(), alone, func(c *Config) { c.Lease = time.Hour })
			posted := f.posts()
			f.routed(routeBatch)
			f.connect("c1", "bob", signedIn, part2)
			f.send(f.chatPID("c1"), &claimed{fence: 1, left: 1, items: []claimedItem{{request: &messages.PersistRequest{
				ChatId: "c1", Content: "1", Role: "USER", Key: "c:u:ada:1", SentAt: 1, Accepted: true, BatchOnly: batchOnly,
			}, logged: wire.Position{Epoch: "e", Offset: 1}}}})
			f.connect("c1", "eve", signedIn, part2) // the chat has come to it
			if got := posted.take(); (len(got) == 1) != batchOnly {
				t.Errorf("posted %q", got)
			}
		})
	}
}

// steps are those that a chat asks for, in place of a bridge.
type steps struct{ asked []*messages.AppendRequest }

func (s *steps) post(message any, _ *runner) {
	if op, ok := message.(*logOp); ok && op.append != nil {
		s.asked = append(s.asked, op.append)
	}
}

// When the log is lost while some accepted messages are being asked after, all of them enter the next one in the order in which
// they were sent, and before what was not accepted yet.
func TestWhatIsAskedAfterEntersInItsTurn(t *testing.T) {
	alarm := newAlarm(func(*actor.PID) {})
	t.Cleanup(alarm.close)
	asked := &steps{}
	c := &chat{id: "c1", ready: true, router: &Router{cfg: Config{Live: true}.withDefaults(), alarm: alarm, metrics: metrics.New(), bridge: ref{asked}}}
	c.sequence.start(wire.Position{Epoch: "1"})
	sent := func(n int) *save {
		id := fmt.Sprint(n)
		s := &save{key: id, clientID: id, request: &messages.PersistRequest{ChatId: "c1", Id: id, Key: id, Content: id, SentAt: int64(n), Live: true, BatchOnly: true}}
		c.saves.begin(s)
		return s
	}
	for n := 1; n <= 4; n++ {
		sent(n).accepted = true
	}
	for _, n := range []int{0, 1, 4} { // the last one has just been sent
		if n == 4 {
			sent(5)
		}
		c.enter(c.saves.underway[n])
	}
	asked.asked = nil
	c.restart("2")
	var order []string
	for _, r := range asked.asked {
		if order = append(order, r.Queue.Content); r.Epoch != "2" || r.Queue.Reentered == (r.Queue.Content == "5") {
			t.Errorf("%s: step for epoch %s, entered again: %v", r.Queue.Content, r.Epoch, r.Queue.Reentered)
		}
	}
	if !slices.Equal(order, numbers(1, 5)) {
		t.Errorf("entered in the order %q", order)
	}
}
