package chatlog

import (
	"slices"
	"sort"
	"time"
)

// memoryQueue is one chat's outbox in memory: plain data, no locks, no clock.
type memoryQueue struct {
	items []queuedItem      // by seq
	seqs  map[string]uint64 // by name
	seq   uint64            // the last that was given
	used  time.Time         // when it became empty

	tenure
}

type queuedItem struct {
	Item
	seq uint64
}

func (q *memoryQueue) has(name string) bool {
	_, ok := q.seqs[name]
	return ok
}

// date notes when a queued message was sent, if that is earlier than is known.
func (q *memoryQueue) date(again *Item) {
	item := &q.items[q.behind(q.seqs[again.Name]-1)]
	if again.Sent > 0 && (item.Sent == 0 || again.Sent < item.Sent) {
		item.Sent = again.Sent
	}
}

// sent is when a queued message was sent; false: it is not queued.
func (q *memoryQueue) sent(name string) (queued bool, at int64) {
	seq, queued := q.seqs[name]
	if queued {
		at = q.items[q.behind(seq-1)].Sent
	}
	return queued, at
}

// push puts a message at the end.
func (q *memoryQueue) push(item Item, now time.Time) {
	if q.seqs == nil {
		q.seqs = make(map[string]uint64)
	}
	q.seq = next(q.seq, now)
	q.items = append(q.items, queuedItem{item, q.seq})
	q.seqs[item.Name] = q.seq
}

// remove takes a message out; without the last one the lease ends.
func (q *memoryQueue) remove(name string, now time.Time) (Item, bool) {
	seq, ok := q.seqs[name]
	if !ok {
		return Item{}, false
	}
	i := q.behind(seq - 1)
	item := q.items[i].Item
	delete(q.seqs, name)
	if i == 0 { // the usual one goes without moving the others
		q.items[0] = queuedItem{}
		q.items = q.items[1:]
	} else {
		q.items = slices.Delete(q.items, i, i+1)
	}
	if len(q.items) == 0 {
		q.items, q.seqs, q.until, q.used = nil, nil, time.Time{}, now
	}
	return item, true
}

// behind is the index of the first message after a sequence number.
func (q *memoryQueue) behind(seq uint64) int {
	return sort.Search(len(q.items), func(i int) bool { return q.items[i].seq > seq })
}

// after returns messages with the log's entries that their names find; the log may be nil.
func (q *memoryQueue) after(seq uint64, limit int, log *history) []Queued {
	rest := q.items[q.behind(seq):]
	rest = rest[:min(len(rest), limit)]
	found := make([]Queued, len(rest))
	for i, item := range rest {
		found[i] = Queued{Item: item.Item, Seq: item.seq}
		if log == nil {
			continue
		}
		if offset, known := log.keys.find(item.Name); known {
			found[i].Logged = Position{log.epoch, offset}
		}
	}
	return found
}

func (q *memoryQueue) state(holder string) OutboxState {
	return OutboxState{Fence: q.held(holder), Left: len(q.items)}
}
