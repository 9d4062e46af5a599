package chatlog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"eclipse/internal/chatlog/redistest"
)

func TestEveryMessageIsPostedOnceInOrder(t *testing.T) {
	onEveryOutbox(t, shortLease, func(t *testing.T, f fixture) {
		o := newOffice(newChat(), newChat())
		o.run(t, []client{f.connect(t), f.connect(t), f.connect(t)}, func() {})
	})
}

func TestPostingSurvivesRestarts(t *testing.T) {
	server := redistest.Start(t, durable...)
	options := Options{Window: 1000, Lease: shortLease}
	clients := []client{dialRedis(t, server, options), dialRedis(t, server, options), dialRedis(t, server, options)}
	o := newOffice(newChat(), newChat())
	o.run(t, clients, func() {
		for round := range 3 {
			eventually(t, "a third is committed", func() bool { return o.count() >= (round+1)*o.total(clients)/4 })
			server.Restart()
		}
	})
}

// office is where instances queue messages, post and commit them, all at once: each client queues some for each chat,
// and whoever gets the lease of a chat commits what is queued there.
type office struct {
	chatIDs []string

	producing atomic.Int32

	mu        sync.Mutex
	committed map[string]bool // by chat and name, as commits were answered
}

const eachQueues = 60 // messages per client and chat

func newOffice(chatIDs ...string) *office {
	return &office{chatIDs: chatIDs, committed: make(map[string]bool)}
}

func (o *office) total(clients []client) int { return len(clients) * len(o.chatIDs) * eachQueues }

func (o *office) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.committed)
}

func (o *office) run(t *testing.T, clients []client, disturb func()) {
	var group sync.WaitGroup
	for i, c := range clients {
		o.producing.Add(int32(len(o.chatIDs)))
		for _, chatID := range o.chatIDs {
			group.Go(func() { o.produce(t, c, chatID, i) })
		}
		group.Go(func() {
			p := poster{office: o, client: c}
			if !comesTrue(func() bool { p.round(t); return o.idle(c) }) {
				t.Errorf("only %d of %d messages were committed", o.count(), o.total(clients))
			}
		})
	}
	disturb()
	group.Wait()
	for _, chatID := range o.chatIDs {
		o.check(t, clients, chatID)
	}
}

// idle tells that nothing is queued nor will be. What was committed cannot tell it, since answers are lost.
func (o *office) idle(c client) bool {
	if o.producing.Load() > 0 {
		return false
	}
	heads, err := c.Heads(context.Background(), o.chatIDs)
	return err == nil && !slices.ContainsFunc(heads, func(h Head) bool { return h.Queued })
}

// produce queues one message after the other, each until it is answered.
func (o *office) produce(t *testing.T, c client, chatID string, who int) {
	defer o.producing.Add(-1)
	for n := range eachQueues {
		item := waiting(chatID, fmt.Sprintf("%d-%03d", who, n))
		queued := comesTrue(func() bool {
			got := c.Append(soon(t), []Append{item})[0]
			return got.Err == nil && (got.Repeat || got.Outbox.Queued)
		})
		if !queued {
			t.Errorf("%s was not queued", item.Queue.Name)
			return
		}
	}
}

type poster struct {
	*office
	client client
	rounds int
	stale  []Append // commits of a holder that was paused
}

// round posts what one claim of each chat gives. Every third is interrupted as by a pause, and goes on later.
func (p *poster) round(t *testing.T) {
	p.rounds++
	for _, late := range p.stale {
		p.commit(t, late)
	}
	p.stale = nil
	for _, chatID := range p.chatIDs {
		claim, err := p.client.Claim(soon(t), chatID, 0, 5)
		if err != nil {
			continue // the server is down
		}
		for _, message := range claim.Items {
			item := committed(chatID, "id of "+message.Name, message.Name, claim.Fence)
			if p.rounds%3 == 0 {
				p.stale = append(p.stale, item)
			} else if !p.commit(t, item) {
				break
			}
		}
	}
}

// commit tells whether to go on.
func (p *poster) commit(t *testing.T, item Append) bool {
	got := p.client.Append(soon(t), []Append{item})[0]
	if got.Err != nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	name := item.ChatID + " " + item.Done.Name
	if p.office.committed[name] && !got.Repeat {
		t.Errorf("%s was logged twice", name)
	}
	p.office.committed[name] = true
	return true
}

// check finds each message in the log once, and those of one client in their order.
func (o *office) check(t *testing.T, clients []client, chatID string) {
	t.Helper()
	var logged, want []string
	for _, entry := range readAll(t, clients[0], chatID) {
		logged = append(logged, entry.Key)
	}
	for who := range clients {
		var own []string
		for n := range eachQueues {
			want = append(want, fmt.Sprintf("id of %d-%03d", who, n))
		}
		for _, key := range logged {
			if key[:len("id of 0")] == fmt.Sprint("id of ", who) {
				own = append(own, key)
			}
		}
		if !slices.IsSorted(own) {
			t.Errorf("the messages of client %d were logged as %q", who, own)
		}
	}
	slices.Sort(logged)
	if !slices.Equal(logged, want) {
		t.Errorf("%d entries, want %d: %q", len(logged), len(want), logged)
	}
	if names := queuedNames(t, clients[0], chatID); names != nil {
		t.Errorf("still queued: %q", names)
	}
	if got := clients[0].Append(soon(t), []Append{finished(chatID, "x", 1)})[0]; !errors.Is(got.Err, ErrFenced) {
		t.Errorf("%+v", got)
	}
}
