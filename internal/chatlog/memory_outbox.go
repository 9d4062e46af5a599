package chatlog

import (
	"cmp"
	"context"
	"slices"
	"time"
)

var _ Outbox = (*Memory)(nil)

// queueShown is how many messages QueueInfo has at most.
const queueShown = 100

// Durable implements Outbox: what is queued here is gone with the process.
func (m *Memory) Durable() bool { return false }

// step carries out a step with Queue or Done. It looks at everything before it changes anything.
func (m *Memory) step(s *shard, item *Append, now time.Time) Appended {
	q := s.queue(item.ChatID)
	if item.Epoch != "" {
		if epoch := s.head(item.ChatID, now).Epoch; item.Epoch < epoch {
			return Appended{Position: Position{Epoch: epoch}, Outbox: q.state(m.holder), Err: ErrEpoch}
		}
	}
	if item.Done != nil && !q.current(m.holder, item.Done.Fence) {
		return Appended{Outbox: q.state(m.holder), Err: ErrFenced}
	}
	var result Appended
	if item.Body != nil || item.Queue != nil {
		result = m.known(s, item, now)
	}
	there := q.holds(item)
	enters := item.Queue != nil && !result.Repeat && !there
	if there {
		q.date(item.Queue)
	}
	if enters && q.leftBy(item) >= MaxQueued {
		return Appended{Outbox: q.state(m.holder), Err: ErrFull}
	}
	if item.Done != nil {
		m.finish(q, item, now)
	}
	if item.Body != nil && !result.Repeat {
		result = m.log(s, item, now)
	}
	if enters {
		m.enter(s, item, now)
	}
	if len(item.Notice) > 0 && (item.Queue == nil || !result.Repeat) {
		m.publish(s, item.ChatID, item.Notice)
	}
	result.Position.Epoch = s.head(item.ChatID, now).Epoch
	q = s.queue(item.ChatID)
	result.Outbox = q.state(m.holder)
	if item.Queue != nil {
		result.Outbox.Queued, result.Outbox.Sent = q.sent(item.Queue.Name)
	}
	return result
}

// holds tells whether the item of a step is queued and stays so.
func (q *memoryQueue) holds(item *Append) bool {
	return item.Queue != nil && q.has(item.Queue.Name) && (item.Done == nil || item.Done.Name != item.Queue.Name)
}

// leftBy is how many messages a step leaves before its own enters.
func (q *memoryQueue) leftBy(item *Append) int {
	if item.Done != nil && q.has(item.Done.Name) {
		return len(q.items) - 1
	}
	return len(q.items)
}

// finish takes a message out of the queue of a lease that was found to be ours.
func (m *Memory) finish(q *memoryQueue, item *Append, now time.Time) {
	if q.held(m.holder) != 0 {
		q.lease(m.holder, now, m.options.Lease)
	}
	gone, ok := q.remove(item.Done.Name, now)
	if ok && item.Done.Reason != "" {
		gone.Sent = 0
		m.letters.add(Letter{ChatID: item.ChatID, At: now, Reason: item.Done.Reason, Item: gone})
	}
}

func (m *Memory) enter(s *shard, item *Append, now time.Time) {
	q := s.makeQueue(item.ChatID)
	q.push(*item.Queue, now)
	if q.taken(m.holder, now) {
		m.publish(s, item.ChatID, []byte(QueuedNotice))
		return
	}
	q.lease(m.holder, now, m.options.Lease)
}

// queue returns a chat's queue, an empty one when it has none.
func (s *shard) queue(chatID string) *memoryQueue {
	if q := s.queues[chatID]; q != nil {
		return q
	}
	return &memoryQueue{}
}

func (s *shard) makeQueue(chatID string) *memoryQueue {
	if s.queues == nil {
		s.queues = make(map[string]*memoryQueue)
	}
	q := s.queues[chatID]
	if q == nil {
		q = &memoryQueue{}
		s.queues[chatID] = q
	}
	return q
}

// Claim implements Outbox.
func (m *Memory) Claim(_ context.Context, chatID string, after uint64, limit int) (Claim, error) {
	now := time.Now()
	s := m.lock(chatID, now)
	defer s.mu.Unlock()
	q := s.queue(chatID)
	if len(q.items) == 0 || q.taken(m.holder, now) {
		return Claim{Left: len(q.items)}, nil
	}
	q.lease(m.holder, now, m.options.Lease)
	return Claim{Fence: q.fence, Items: q.after(after, max(limit, 1), s.chats[chatID]), Left: len(q.items)}, nil
}

// Renew implements Outbox.
func (m *Memory) Renew(_ context.Context, leases []Lease) ([]bool, error) {
	now := time.Now()
	kept := make([]bool, len(leases))
	for i, lease := range leases {
		s := m.lock(lease.ChatID, now)
		q := s.queue(lease.ChatID)
		if kept[i] = q.held(m.holder) != 0 && q.fence == lease.Fence; kept[i] {
			q.lease(m.holder, now, m.options.Lease)
		}
		s.mu.Unlock()
	}
	return kept, nil
}

// Orphans implements Outbox.
func (m *Memory) Orphans(_ context.Context, limit int) ([]string, error) {
	type orphan struct {
		chatID string
		since  time.Time
	}
	var all []orphan
	now := time.Now()
	m.eachQueue(func(_ *shard, chatID string, q *memoryQueue) {
		if !q.until.After(now) {
			all = append(all, orphan{chatID, q.until})
		}
	})
	slices.SortFunc(all, func(a, b orphan) int { return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.chatID, b.chatID)) })
	all = all[:min(len(all), max(limit, 1))]
	chatIDs := make([]string, len(all))
	for i := range all {
		chatIDs[i] = all[i].chatID
	}
	return chatIDs, nil
}

// eachQueue looks at every queue with messages, its shard locked.
func (m *Memory) eachQueue(look func(s *shard, chatID string, q *memoryQueue)) {
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		for chatID, q := range s.queues {
			if len(q.items) > 0 {
				look(s, chatID, q)
			}
		}
		s.mu.Unlock()
	}
}

// Unnamed implements Outbox.
func (m *Memory) Unnamed(_ context.Context, chatID string, after Position, limit int) ([]Entry, error) {
	s := m.lock(chatID, time.Now())
	defer s.mu.Unlock()
	if h := s.chats[chatID]; h != nil {
		return h.unnamed(after, limit), nil
	}
	return nil, nil
}

// Queued implements Outbox.
func (m *Memory) Queued(_ context.Context, chatID string, after uint64, limit int) ([]Queued, error) {
	s := m.lock(chatID, time.Now())
	defer s.mu.Unlock()
	return s.queue(chatID).after(after, max(limit, 1), s.chats[chatID]), nil
}

// Queues implements Outbox.
func (m *Memory) Queues(_ context.Context, after string, limit int) ([]QueueInfo, error) {
	var infos []QueueInfo
	now := time.Now()
	m.eachQueue(func(s *shard, chatID string, q *memoryQueue) {
		if chatID <= after {
			return
		}
		info := QueueInfo{ChatID: chatID, Left: len(q.items), Items: q.after(0, queueShown, s.chats[chatID])}
		if q.until.After(now) {
			info.Holder = q.holder
		}
		infos = append(infos, info)
	})
	slices.SortFunc(infos, func(a, b QueueInfo) int { return cmp.Compare(a.ChatID, b.ChatID) })
	return infos[:min(len(infos), max(limit, 1))], nil
}
