package actors

import (
	"bytes"
	"context"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"eclipse/actors/messages"
	"eclipse/internal/chatlog"
	"eclipse/internal/wire"
)

// hookedStore is one instance's way to a store, where a test may wait, or drop what is heard. Hooks are set before the
// router starts.
type hookedStore struct {
	durable
	appending func([]chatlog.Append) // before a step
	claimed   func()                 // between a claim and its answer
	heads     func()                 // before heads are told
	deafTo    string                 // payloads with this text are not heard
	lapsing   atomic.Bool            // leases cannot be renewed
}

func (s *hookedStore) Append(ctx context.Context, items []chatlog.Append) []chatlog.Appended {
	if s.appending != nil {
		s.appending(items)
	}
	return s.durable.Append(ctx, items)
}

func (s *hookedStore) Claim(ctx context.Context, id string, after uint64, n int) (chatlog.Claim, error) {
	c, err := s.durable.Claim(ctx, id, after, n)
	if s.claimed != nil {
		s.claimed()
	}
	return c, err
}

func (s *hookedStore) Renew(ctx context.Context, leases []chatlog.Lease) ([]bool, error) {
	if s.lapsing.Load() {
		return nil, errAway
	}
	return s.durable.Renew(ctx, leases)
}

func (s *hookedStore) Heads(ctx context.Context, ids []string) ([]chatlog.Head, error) {
	if s.heads != nil {
		s.heads()
	}
	return s.durable.Heads(ctx, ids)
}

func (s *hookedStore) Dial(ctx context.Context, hear func(string, []byte)) (chatlog.Feed, error) {
	return s.durable.Dial(ctx, func(id string, payload []byte) {
		if s.deafTo == "" || !bytes.Contains(payload, []byte(s.deafTo)) {
			hear(id, payload)
		}
	})
}

// hooked starts an instance behind hooks.
func (d durable) hooked(t testing.TB, api *fakeAPI, hooks *hookedStore, change ...func(*Config)) *fixture {
	hooks.durable = durable{d.Memory.Handle()}
	cfg := outboxConfig(change...)
	return startOn(t, cfg, api, d.Memory, hooks, hooks)
}

// other is another instance of which a test sees only what it does to the store.
type other struct {
	*chatlog.Memory
	t     testing.TB
	fence uint64
}

func (d durable) other(t testing.TB) *other { return &other{Memory: d.Memory.Handle(), t: t} }

// accepts lets in a message as that instance would.
func (o *other) accepts(chatID, userID, content, clientID string) *messages.PersistRequest {
	o.t.Helper()
	return o.enters(chatID, userID, content, clientID, time.Now().UnixMilli(), false)
}

// enters lets one in that was sent at a time, perhaps anew since the outbox that had it was lost.
func (o *other) enters(chatID, userID, content, clientID string, sentAt int64, again bool) *messages.PersistRequest {
	o.t.Helper()
	sender := &messages.Sender{UserId: userID, Authenticated: true}
	r := &messages.PersistRequest{
		ChatId: chatID, Id: wire.DeriveID(chatID, wire.SenderKey(userID, true), clientID), ClientMessageId: clientID, Content: content,
		Role: "USER", UserId: userID, SentAt: sentAt, Key: saveKey(sender, clientID), Accepted: true, Reentered: again,
	}
	data, _ := proto.Marshal(r)
	notice := wire.Notice{Type: wire.TypeOutboxQueued, Origin: "another", Again: again}
	done := o.Append(context.Background(), []chatlog.Append{
		{ChatID: chatID, Aliases: []string{r.Key}, Queue: &chatlog.Item{Name: r.Key, Data: data, Sent: sentAt}, Notice: notice.Encode()},
	})[0]
	if done.Err != nil || !done.Outbox.Queued {
		o.t.Fatalf("not queued: %+v", done)
	}
	o.fence = done.Outbox.Fence
	return r
}

// renews keeps the chat's lease.
func (o *other) renews(chatID string) bool {
	kept, err := o.Renew(context.Background(), []chatlog.Lease{{ChatID: chatID, Fence: o.fence}})
	return err == nil && kept[0]
}

// steals takes the lease as soon as it ends.
func (o *other) steals(chatID string) {
	o.t.Helper()
	eventually(o.t, "the lease is taken", func() bool {
		c, err := o.Claim(context.Background(), chatID, 0, 10)
		o.fence = c.Fence
		return err == nil && c.Fence != 0
	})
}
