package chatlog

import (
	"context"
	"hash/maphash"
	"sync"
	"time"
)

// Memory is the log, the bus and the outbox inside one process; nothing outlives it. No call blocks, so contexts are not looked
// at. Append wakes no goroutine unless another handle's feed listens.
type Memory struct {
	*store
	holder string
	feeds  handleFeeds
}

var (
	_ Log = (*Memory)(nil)
	_ Bus = (*Memory)(nil)
)

const shardCount = 256

// store is what the handles share.
type store struct {
	options Options
	seed    maphash.Seed
	shards  [shardCount]shard
	letters letterBox
}

// shard holds the chats of one hash value.
//
// A chat without entries is not in it: it has offset 0 in the shard's generation. That works as long as no log is
// forgotten, for a chat that went back to offset 0 in the same epoch would give its offsets twice. So forgetting
// one makes a new, greater generation for the shard: the forgotten chat, and with it the shard's chats that have not
// begun, are seen as logs that were lost, which for the latter means reading an empty log once.
type shard struct {
	mu         sync.Mutex
	generation string
	bornMs     int64
	swept      time.Time
	chats      map[string]*history
	feeds      map[string][]*memoryFeed // by subscribed chat
	queues     map[string]*memoryQueue  // of chats that queued something
}

// NewMemory makes an empty log with a bus.
func NewMemory(o Options) *Memory {
	s := &store{options: o.withDefaults(), seed: maphash.MakeSeed()}
	now := time.Now()
	generation := newEpoch(now.UnixMilli())
	for i := range s.shards {
		s.shards[i] = shard{generation: generation, bornMs: now.UnixMilli(), swept: now}
	}
	return &Memory{store: s, holder: s.options.Holder}
}

// Handle returns another user of the same log and bus, as if it were a second process on one Redis: feeds hear what
// was appended and published through other handles than their own. It holds leases under a random name.
func (m *Memory) Handle() *Memory { return m.HandleOf(newHolder()) }

// HandleOf is Handle with a name for leases.
func (m *Memory) HandleOf(holder string) *Memory { return &Memory{store: m.store, holder: holder} }

// Append implements Log.
func (m *Memory) Append(_ context.Context, items []Append) []Appended {
	now := time.Now()
	results := make([]Appended, len(items))
	for i := range items {
		if err := items[i].check(); err != nil {
			results[i].Err = err
			continue
		}
		results[i] = m.append(&items[i], now)
	}
	return results
}

func (m *Memory) append(item *Append, now time.Time) Appended {
	s := m.lock(item.ChatID, now)
	defer s.mu.Unlock()
	if item.Queue != nil || item.Done != nil {
		return m.step(s, item, now)
	}
	result := m.known(s, item, now)
	if !result.Repeat {
		result = m.log(s, item, now)
	}
	if len(item.Notice) > 0 {
		m.publish(s, item.ChatID, item.Notice)
	}
	return result
}

// known answers for an event that the log has.
func (m *Memory) known(s *shard, item *Append, now time.Time) Appended {
	h := s.chats[item.ChatID]
	if h == nil {
		return Appended{}
	}
	h.used = now
	offset, known := h.find(item)
	if !known {
		return Appended{}
	}
	entry, _ := h.at(offset)
	return Appended{Position: Position{h.epoch, offset}, Repeat: true, Payload: entry.Payload}
}

// log gives an event that is not known the next offset.
func (m *Memory) log(s *shard, item *Append, now time.Time) Appended {
	h := s.chats[item.ChatID]
	if h == nil {
		h = newHistory(s.generation, now)
		if s.chats == nil {
			s.chats = make(map[string]*history)
		}
		s.chats[item.ChatID] = h
	}
	entry := h.append(item, m.options.Window, now)
	m.publish(s, item.ChatID, entry.Payload)
	return Appended{Position: h.head(), Payload: entry.Payload}
}

// Read implements Log.
func (m *Memory) Read(_ context.Context, chatID string, after Position, limit int) (Page, error) {
	now := time.Now()
	s := m.lock(chatID, now)
	defer s.mu.Unlock()
	if h := s.chats[chatID]; h != nil {
		return h.read(after, limit), nil
	}
	return newHistory(s.generation, now).read(after, limit), nil
}

// Heads implements Log.
func (m *Memory) Heads(_ context.Context, chatIDs []string) ([]Head, error) {
	now := time.Now()
	heads := make([]Head, len(chatIDs))
	for i, chatID := range chatIDs {
		s := m.lock(chatID, now)
		heads[i].Position = s.head(chatID, now)
		q := s.queues[chatID]
		heads[i].Queued = q != nil && len(q.items) > 0
		s.mu.Unlock()
	}
	return heads, nil
}

func (s *shard) head(chatID string, now time.Time) Position {
	h := s.chats[chatID]
	if h == nil {
		return Position{Epoch: s.generation}
	}
	h.used = now
	return h.head()
}

// Lookup implements Log.
func (m *Memory) Lookup(_ context.Context, chatID string, keys []string) ([]*Entry, error) {
	s := m.lock(chatID, time.Now())
	defer s.mu.Unlock()
	found := make([]*Entry, len(keys))
	h := s.chats[chatID]
	if h == nil {
		return found, nil
	}
	for i, key := range keys {
		offset, known := h.keys.find(key)
		if !known {
			continue
		}
		entry, kept := h.at(offset)
		if !kept {
			entry = Entry{Offset: offset, Key: h.keys.name(offset)}
		}
		found[i] = &entry
	}
	return found, nil
}

// lock returns the chat's shard, locked and swept.
func (s *store) lock(chatID string, now time.Time) *shard {
	sh := &s.shards[maphash.String(s.seed, chatID)%shardCount]
	sh.mu.Lock()
	if now.Sub(sh.swept) >= s.options.slack() {
		sh.sweep(now, s.options.Retention)
	}
	return sh
}

// sweep forgets the logs that were neither appended to nor asked for in Heads for a Retention, and the leases of queues
// that were empty for as long. It runs on use, once in
// a while, so that no goroutine is needed and no call looks at more than a 256th of the chats.
func (s *shard) sweep(now time.Time, retention time.Duration) {
	s.swept = now
	for chatID, q := range s.queues {
		if len(q.items) == 0 && now.Sub(q.used) >= retention {
			delete(s.queues, chatID)
		}
	}
	before := len(s.chats)
	for chatID, h := range s.chats {
		if now.Sub(h.used) >= retention {
			delete(s.chats, chatID)
		}
	}
	if len(s.chats) < before {
		s.bornMs = max(s.bornMs+1, now.UnixMilli())
		s.generation = newEpoch(s.bornMs)
	}
}
