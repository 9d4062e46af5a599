package actors

import (
	"context"
	"sync/atomic"
	"testing"

	"google.golang.org/protobuf/proto"

	"eclipse/actors/messages"
	"eclipse/internal/chatlog"
)

// swapped is a store that is lost: from swap on every call goes to another. Hooks are set before the router starts.
type swapped struct {
	durable
	next     atomic.Pointer[durable]
	posting  func(message any)              // before persistence
	entering func(*messages.PersistRequest) // before a message enters
	claimed  func(chatlog.Claim)            // between a claim and its answer
}

// lossy starts an instance on such a store. Its ada is connected, and the API takes nothing.
func (s *swapped) lossy(t testing.TB, change ...func(*Config)) (f *fixture, ada *client) {
	t.Helper()
	s.durable = newDurable(t)
	f = startOn(t, outboxConfig(change...), newAPI(), s.Memory, s, s)
	if s.posting != nil {
		f.persistence.address = &before{f.persistence.address, s.posting}
	}
	f.routed(routeBatch)
	ada = f.connect("c1", "ada", signedIn, part2)
	f.api.set(func() { f.api.fail = unavailable })
	return f, ada
}

// lose swaps the store for an empty one.
func (s *swapped) lose(t testing.TB) (fresh durable) {
	fresh = newDurable(t)
	s.swap(fresh)
	return fresh
}

func (s *swapped) swap(to durable) { s.next.Store(&to) }

func (s *swapped) now() durable {
	if next := s.next.Load(); next != nil {
		return *next
	}
	return s.durable
}

func (s *swapped) Append(ctx context.Context, items []chatlog.Append) (out []chatlog.Appended) {
	if s.entering == nil {
		return s.now().Append(ctx, items)
	}
	for _, item := range items {
		var r messages.PersistRequest
		if item.Queue != nil && proto.Unmarshal(item.Queue.Data, &r) == nil {
			s.entering(&r)
		}
		out = append(out, s.now().Append(ctx, []chatlog.Append{item})...)
	}
	return out
}

func (s *swapped) Heads(ctx context.Context, ids []string) ([]chatlog.Head, error) {
	return s.now().Heads(ctx, ids)
}

func (s *swapped) Read(ctx context.Context, id string, after chatlog.Position, n int) (chatlog.Page, error) {
	return s.now().Read(ctx, id, after, n)
}

func (s *swapped) Claim(ctx context.Context, id string, after uint64, n int) (chatlog.Claim, error) {
	c, err := s.now().Claim(ctx, id, after, n)
	if s.claimed != nil {
		s.claimed(c)
	}
	return c, err
}

func (s *swapped) Renew(ctx context.Context, leases []chatlog.Lease) ([]bool, error) {
	return s.now().Renew(ctx, leases)
}

func (s *swapped) Orphans(ctx context.Context, n int) ([]string, error) {
	return s.now().Orphans(ctx, n)
}
