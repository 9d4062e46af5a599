package actors

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"eclipse/actors/messages"
	"eclipse/internal/chatlog"
)

// slowSwapped is a store that is lost, and on which a test holds steps up.
type slowSwapped struct {
	*swapped
	appending func([]chatlog.Append)
}

func (s *slowSwapped) Append(ctx context.Context, items []chatlog.Append) []chatlog.Appended {
	s.appending(items)
	return s.swapped.Append(ctx, items)
}

// What enters again more slowly than the others wait is waited for where it is known.
func TestSlowToEnterAgain(t *testing.T) {
	lost, api := newDurable(t), newAPI()
	log := &swapped{durable: lost}
	gate := make(chan struct{})
	slow := &slowSwapped{log, func(items []chatlog.Append) {
		var r messages.PersistRequest
		if items[0].Queue != nil && proto.Unmarshal(items[0].Queue.Data, &r) == nil && r.Reentered {
			<-gate
		}
	}}
	f := startOn(t, outboxConfig(alone), api, lost.Memory, slow, log)
	f.routed(routeBatch)
	ada := f.connect("c1", "ada", signedIn, part2)
	api.set(func() { api.fail = unavailable })
	ada.accepted(1, 3)
	fresh := newDurable(t)
	log.swap(fresh)
	begun := time.Now()
	ada.accepted(4, 4)
	api.set(func() { api.fail = nil })
	eventually(t, "the others would have come", func() bool { return time.Since(begun) > 3*shortLease })
	if got := api.stored(); len(got) != 0 {
		t.Errorf("stored %q before the rest has entered again", got)
	}
	close(gate)
	eventually(t, "all are stored", func() bool { return len(api.stored()) == 4 })
	if got := api.stored(); !slices.Equal(got, numbers(1, 4)) {
		t.Errorf("stored %q", got)
	}
	fresh.empty(t, "c1")
}

// A claim that was carried out before the last one entered again, and is answered after that, lists what comes behind it:
// none of that is posted before the next claim.
func TestClaimOlderThanWhatEntersAgain(t *testing.T) {
	lost, api := newDurable(t), newAPI()
	store := &halfEntered{swapped: &swapped{durable: lost}, third: make(chan struct{}), listed: make(chan struct{}), answer: make(chan struct{})}
	f := startOn(t, outboxConfig(alone), api, lost.Memory, store, store)
	f.routed(routeBatch)
	var mu sync.Mutex
	var posted []string
	f.persistence.address = &before{f.persistence.address, func(m any) {
		if q, ok := m.(*queued); ok {
			mu.Lock()
			defer mu.Unlock()
			posted = append(posted, q.request.Content)
		}
	}}
	ada := f.connect("c1", "ada", signedIn, part2)
	api.set(func() { api.fail = unavailable })
	ada.accepted(1, 3)
	fresh := newDurable(t)
	store.swap(fresh)
	ada.accepted(4, 4)
	<-store.listed // without the third
	mu.Lock()
	posted = nil
	mu.Unlock()
	close(store.third)
	eventually(t, "the third has entered", func() bool { return f.logging.Load() == 0 })
	f.chatPID("c1")
	api.set(func() { api.fail = nil })
	close(store.answer)
	fresh.empty(t, "c1")
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(posted, numbers(1, 4)) {
		t.Errorf("posted %q", posted)
	}
	if got := api.stored(); !slices.Equal(got, numbers(1, 4)) {
		t.Errorf("stored %q", got)
	}
}

// halfEntered is a store that was lost, where the third of the messages that enter again waits, and so does the answer to
// the first claim that lists the others.
type halfEntered struct {
	*swapped
	third, listed, answer chan struct{}
	once                  sync.Once
}

func (s *halfEntered) Append(ctx context.Context, items []chatlog.Append) (out []chatlog.Appended) {
	for _, item := range items {
		var r messages.PersistRequest
		if item.Queue != nil && proto.Unmarshal(item.Queue.Data, &r) == nil && r.Reentered && r.Content == "3" {
			<-s.third
		}
		out = append(out, s.swapped.Append(ctx, []chatlog.Append{item})...)
	}
	return out
}

func (s *halfEntered) Claim(ctx context.Context, id string, after uint64, n int) (chatlog.Claim, error) {
	c, err := s.swapped.Claim(ctx, id, after, n)
	if s.next.Load() != nil && len(c.Items) == 3 {
		s.once.Do(func() { close(s.listed); <-s.answer })
	}
	return c, err
}
