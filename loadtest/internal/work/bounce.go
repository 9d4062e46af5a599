package work

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"eclipse/loadtest/internal/pace"
)

// bounce drops sockets and waits until they are back. Only as many as there are dialers dial at once; what the others wait is
// part of their time.
func (w *worker) bounce(ctx context.Context, b Bounce) *Bounced {
	leavers := w.share(b.Share)
	var gone atomic.Int64
	before := w.meter.refused()
	start := time.Now()
	dialers := make(chan struct{}, min(max(1, w.setup.Dialers), max(1, len(leavers))))
	var all sync.WaitGroup
	for i, s := range leavers {
		due := b.Spread * time.Duration(i) / time.Duration(len(leavers))
		all.Go(func() {
			if pace.Wait(ctx, due) != nil {
				return
			}
			dropped := time.Now()
			s.drop()
			if s.comeBack(ctx, dropped.Add(b.Patience), dialers) {
				w.meter.back(time.Since(dropped))
			} else {
				gone.Add(1)
			}
		})
	}
	all.Wait()
	retries := w.meter.refused()
	for reason, n := range before {
		if retries[reason] -= n; retries[reason] == 0 {
			delete(retries, reason)
		}
	}
	return &Bounced{Sockets: len(leavers), Dialers: cap(dialers), NotBack: int(gone.Load()), Took: time.Since(start), Retries: retries}
}

// share picks sockets evenly over all chats and members.
func (w *worker) share(of float64) []*socket {
	var all []*socket
	for _, c := range w.chats {
		all = append(all, c.sockets...)
	}
	var some []*socket
	for i, s := range all {
		if int(float64(i+1)*of) > int(float64(i)*of) {
			some = append(some, s)
		}
	}
	return some
}

// drop hangs up, and nothing is written from then on; what is still in the kernel counts as not received.
func (s *socket) drop() {
	s.sending.Lock()
	s.away = true
	s.sending.Unlock()
	s.hangUp()
}

// comeBackPause is between two tries.
const comeBackPause = 200 * time.Millisecond

// comeBack dials until it is let in and has what it missed, and says what the server has not stored. It gives up
// at a time, which leaves the socket's deliveries lost.
func (s *socket) comeBack(ctx context.Context, end time.Time, dialers chan struct{}) bool {
	ctx, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	s.chat.await(s.index) // the server may have closed it before it dropped
	if !s.redial(ctx, dialers) {
		s.chat.leave(s.index)
		return false
	}
	s.sending.Lock()
	defer s.sending.Unlock()
	s.away = false
	for _, seq := range s.chat.unstored(s.index) {
		s.write(seq)
	}
	return true
}

// redial tries, once it is its turn, until it is let in or the time is over.
func (s *socket) redial(ctx context.Context, dialers chan struct{}) bool {
	select {
	case dialers <- struct{}{}:
		defer func() { <-dialers }()
	case <-ctx.Done():
		return false
	}
	m := s.chat.worker.meter
	for {
		err := s.open(ctx)
		if err == nil {
			return true
		}
		m.count(m.refusals, dialName(err))
		if pace.Wait(ctx, comeBackPause) != nil {
			return false
		}
	}
}

// unstored lists the numbers of a sender's messages that wait for their last ack. Saying them again is how a new socket asks
// for it.
func (c *chat) unstored(sender int) (list []uint32) {
	if sender >= len(c.flights) {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	f := &c.flights[sender]
	for i := range f.entries {
		if f.entries[i].unstored {
			list = append(list, f.first+uint32(i))
		}
	}
	return list
}

// back counts a socket that has come back.
func (m *meter) back(after time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	record(m.returns, after)
}

// refused copies the reasons of dials that failed.
func (m *meter) refused() map[string]int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.refusals)
}
