package chatlog

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// letterBox keeps the dead letters of all chats.
type letterBox struct {
	mu   sync.Mutex // taken inside a shard's lock, never around one
	last letterID
	all  []Letter // by ID
}

// letterID is the millisecond of a letter and its number within it.
type letterID struct{ ms, n uint64 }

func (id letterID) String() string { return fmt.Sprintf("%d-%d", id.ms, id.n) }

// parseLetterID tells also whether the text is an ID at all.
func parseLetterID(text string) (id letterID, ok bool) {
	_, err := fmt.Sscanf(text, "%d-%d", &id.ms, &id.n)
	return id, err == nil && id.String() == text
}

func (b *letterBox) add(letter Letter) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if ms := uint64(letter.At.UnixMilli()); ms > b.last.ms {
		b.last = letterID{ms: ms}
	} else {
		b.last.n++
	}
	letter.ID = b.last.String()
	b.all = append(b.all, letter)
}

func (b *letterBox) find(id string) (Letter, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := b.index(id)
	if i < 0 {
		return Letter{}, false
	}
	return b.all[i], true
}

func (b *letterBox) index(id string) int {
	return slices.IndexFunc(b.all, func(l Letter) bool { return l.ID == id })
}

func (b *letterBox) remove(id string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := b.index(id)
	if i < 0 {
		return false
	}
	b.all = slices.Delete(b.all, i, i+1)
	return true
}

// Letters implements Outbox.
func (m *Memory) Letters(_ context.Context, after string, limit int) ([]Letter, error) {
	first, ok := parseLetterID(after)
	if after != "" && !ok {
		return nil, errLetterID(after)
	}
	b := &m.letters
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []Letter
	for _, letter := range b.all {
		id, _ := parseLetterID(letter.ID)
		if (after == "" || id.after(first)) && len(found) < max(limit, 1) {
			found = append(found, letter)
		}
	}
	return found, nil
}

func (id letterID) after(other letterID) bool {
	return cmp.Or(cmp.Compare(id.ms, other.ms), cmp.Compare(id.n, other.n)) > 0
}

// Revive implements Outbox. It takes no lease, since who revives may not be who posts: the holder hears of it, or
// the chat is an orphan.
func (m *Memory) Revive(_ context.Context, id string) (bool, error) {
	letter, ok := m.letters.find(id)
	if !ok {
		return false, nil
	}
	now := time.Now()
	s := m.lock(letter.ChatID, now)
	defer s.mu.Unlock()
	q := s.makeQueue(letter.ChatID)
	there := q.has(letter.Name)
	if !there && len(q.items) >= MaxQueued {
		return false, ErrFull
	}
	if !m.letters.remove(id) {
		return false, nil
	}
	if !there {
		q.push(letter.Item, now)
		for _, feed := range s.feeds[letter.ChatID] { // our own too: it may belong to the holder
			feed.push(delivery{chatID: letter.ChatID, payload: []byte(QueuedNotice)})
		}
	}
	return true, nil
}

// Discard implements Outbox.
func (m *Memory) Discard(_ context.Context, id string) (bool, error) {
	return m.letters.remove(id), nil
}
