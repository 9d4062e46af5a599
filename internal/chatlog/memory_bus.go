package chatlog

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// ErrFeedTooSlow ends a feed in memory whose deliver fell behind by more than 16 MiB of payloads, as a Redis server
// drops a subscriber that does not read.
var ErrFeedTooSlow = errors.New("chatlog: feed too slow")

const maxFeedBacklog = 16 << 20 // bytes

// handleFeeds are the open feeds of one handle.
type handleFeeds struct {
	mu   sync.Mutex
	open map[*memoryFeed]struct{}
}

// Publish implements Bus: every feed of another handle hears it.
func (m *Memory) Publish(_ context.Context, items []Publication) error {
	now := time.Now()
	for i := range items {
		item := &items[i]
		s := m.lock(item.ChatID, now)
		m.publish(s, item.ChatID, item.Payload)
		item.Heard = len(s.feeds[item.ChatID])
		s.mu.Unlock()
	}
	return nil
}

// publish runs under the shard's lock, so that feeds hear a chat's entries in their order.
func (m *Memory) publish(s *shard, chatID string, payload []byte) {
	for _, feed := range s.feeds[chatID] {
		if feed.owner != m {
			feed.push(delivery{chatID: chatID, payload: payload})
		}
	}
}

// Ping implements Bus.
func (m *Memory) Ping(context.Context) error { return nil }

// Close ends this handle's feeds. The log stays for the other handles.
func (m *Memory) Close() error {
	m.feeds.mu.Lock()
	open := m.feeds.open
	m.feeds.open = nil
	m.feeds.mu.Unlock()
	for feed := range open {
		feed.Close()
	}
	return nil
}

// Dial implements Bus.
func (m *Memory) Dial(_ context.Context, deliver func(chatID string, payload []byte)) (Feed, error) {
	f := &memoryFeed{
		owner:   m,
		deliver: deliver,
		chats:   make(map[string]struct{}),
		wake:    make(chan struct{}, 1),
		done:    make(chan struct{}),
	}
	m.feeds.mu.Lock()
	if m.feeds.open == nil {
		m.feeds.open = make(map[*memoryFeed]struct{})
	}
	m.feeds.open[f] = struct{}{}
	m.feeds.mu.Unlock()
	go f.run()
	return f, nil
}

// delivery is a payload, or a probe that tells when it is reached.
type delivery struct {
	chatID  string
	payload []byte
	probe   chan struct{}
}

type memoryFeed struct {
	owner   *Memory
	deliver func(chatID string, payload []byte)
	wake    chan struct{}
	done    chan struct{}

	mu     sync.Mutex // taken inside a shard's lock, never around one
	chats  map[string]struct{}
	queue  []delivery
	queued int   // bytes
	err    error // why it ends; set once
}

// push queues without blocking, and breaks the feed when it is too far behind.
func (f *memoryFeed) push(d delivery) {
	f.mu.Lock()
	if f.err == nil {
		f.queue = append(f.queue, d)
		f.queued += len(d.payload)
		if f.queued > maxFeedBacklog {
			f.err = ErrFeedTooSlow
		}
	}
	f.mu.Unlock()
	f.signal()
}

func (f *memoryFeed) signal() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (f *memoryFeed) run() {
	defer close(f.done)
	defer f.detach()
	for range f.wake {
		for {
			batch, ended := f.take()
			if ended {
				return
			}
			if len(batch) == 0 {
				break
			}
			for _, d := range batch {
				f.hand(d)
			}
		}
	}
}

func (f *memoryFeed) hand(d delivery) {
	if d.probe != nil {
		close(d.probe)
		return
	}
	f.deliver(d.chatID, d.payload)
}

func (f *memoryFeed) take() (batch []delivery, ended bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	batch, f.queue, f.queued = f.queue, nil, 0
	return batch, f.err != nil
}

// detach takes the feed out of every shard.
func (f *memoryFeed) detach() {
	f.mu.Lock()
	chats := f.chats
	f.chats = nil
	f.mu.Unlock()
	for chatID := range chats {
		f.leave(chatID)
	}
	f.owner.feeds.mu.Lock()
	delete(f.owner.feeds.open, f)
	f.owner.feeds.mu.Unlock()
}

func (f *memoryFeed) leave(chatID string) {
	s := f.owner.lock(chatID, time.Now())
	defer s.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.chats, chatID)
	rest := slices.DeleteFunc(s.feeds[chatID], func(other *memoryFeed) bool { return other == f })
	if len(rest) == 0 {
		delete(s.feeds, chatID)
	} else {
		s.feeds[chatID] = rest
	}
}

// Subscribe implements Feed.
func (f *memoryFeed) Subscribe(_ context.Context, chatIDs []string) error {
	if err := checkChats(chatIDs); err != nil {
		return err
	}
	now := time.Now()
	for _, chatID := range chatIDs {
		if err := f.join(chatID, now); err != nil {
			return err
		}
	}
	return nil
}

func (f *memoryFeed) join(chatID string, now time.Time) error {
	s := f.owner.lock(chatID, now)
	defer s.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return f.err
	}
	if _, ok := f.chats[chatID]; ok {
		return nil
	}
	f.chats[chatID] = struct{}{}
	if s.feeds == nil {
		s.feeds = make(map[string][]*memoryFeed)
	}
	s.feeds[chatID] = append(s.feeds[chatID], f)
	return nil
}

// Unsubscribe implements Feed.
func (f *memoryFeed) Unsubscribe(_ context.Context, chatIDs []string) error {
	if err := checkChats(chatIDs); err != nil {
		return err
	}
	for _, chatID := range chatIDs {
		f.leave(chatID)
	}
	return nil
}

// Probe implements Feed.
func (f *memoryFeed) Probe(ctx context.Context) error {
	reached := make(chan struct{})
	f.push(delivery{probe: reached})
	select {
	case <-reached:
		return nil
	case <-f.done:
		return f.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Done implements Feed.
func (f *memoryFeed) Done() <-chan struct{} { return f.done }

// Err implements Feed.
func (f *memoryFeed) Err() error {
	select {
	case <-f.done:
	default:
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// Close implements Feed.
func (f *memoryFeed) Close() error {
	f.mu.Lock()
	if f.err == nil {
		f.err = ErrClosed
	}
	f.mu.Unlock()
	f.signal()
	<-f.done
	return nil
}
