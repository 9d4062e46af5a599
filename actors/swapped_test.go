package actors

import (
	"context"
	"sync/atomic"

	"eclipse/internal/chatlog"
)

// swapped is a store that is lost: from swap on every call goes to another.
type swapped struct {
	durable
	next atomic.Pointer[durable]
}

func (s *swapped) swap(to durable) { s.next.Store(&to) }

func (s *swapped) now() durable {
	if next := s.next.Load(); next != nil {
		return *next
	}
	return s.durable
}

func (s *swapped) Append(ctx context.Context, items []chatlog.Append) []chatlog.Appended {
	return s.now().Append(ctx, items)
}

func (s *swapped) Heads(ctx context.Context, ids []string) ([]chatlog.Head, error) {
	return s.now().Heads(ctx, ids)
}

func (s *swapped) Read(ctx context.Context, id string, after chatlog.Position, n int) (chatlog.Page, error) {
	return s.now().Read(ctx, id, after, n)
}

func (s *swapped) Claim(ctx context.Context, id string, after uint64, n int) (chatlog.Claim, error) {
	return s.now().Claim(ctx, id, after, n)
}

func (s *swapped) Renew(ctx context.Context, leases []chatlog.Lease) ([]bool, error) {
	return s.now().Renew(ctx, leases)
}

func (s *swapped) Orphans(ctx context.Context, n int) ([]string, error) {
	return s.now().Orphans(ctx, n)
}
