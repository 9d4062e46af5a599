package chatlog

import "time"

// history is one chat's log in memory: plain data, no locks, no clock.
type history struct {
	epoch  string
	offset uint64
	window []Entry // a ring once it is full; oldest is its first
	oldest int
	keys   keyIndex
	used   time.Time // last append or Heads
}

func newHistory(epoch string, now time.Time) *history {
	return &history{epoch: epoch, keys: keyIndex{marked: now}, used: now}
}

func (h *history) head() Position { return Position{Epoch: h.epoch, Offset: h.offset} }

// append logs an event whose key is not known.
func (h *history) append(item *Append, window int, now time.Time) Entry {
	h.offset++
	entry := Entry{Offset: h.offset, Key: item.Key, Payload: Seal(item.Body, h.head())}
	if len(h.window) < window {
		h.window = append(h.window, entry)
	} else {
		h.window[h.oldest] = entry
		h.oldest = (h.oldest + 1) % window
	}
	h.keys.add(item.Key, h.offset)
	h.alias(item.Aliases, h.offset)
	h.keys.prune(now, h.offset)
	return entry
}

// find returns the offset that the event is known under, its key before its aliases. Names that the entry lacks are
// added. A step that only queues may have no key.
func (h *history) find(item *Append) (uint64, bool) {
	offset, known := h.keys.find(item.Key)
	for i := 0; !known && i < len(item.Aliases); i++ {
		offset, known = h.keys.find(item.Aliases[i])
	}
	if !known {
		return 0, false
	}
	if _, ok := h.keys.find(item.Key); !ok && item.Key != "" {
		h.keys.add(item.Key, offset)
	}
	h.alias(item.Aliases, offset)
	return offset, true
}

func (h *history) alias(aliases []string, offset uint64) {
	for _, alias := range aliases {
		if _, ok := h.keys.find(alias); !ok {
			h.keys.add(alias, offset)
		}
	}
}

// at returns the entry with an offset, unless it was trimmed.
func (h *history) at(offset uint64) (Entry, bool) {
	first := h.first()
	if offset < first || offset > h.offset {
		return Entry{}, false
	}
	return h.window[(h.oldest+int(offset-first))%len(h.window)], true
}

// first is the offset of the oldest entry that is kept.
func (h *history) first() uint64 { return h.offset + 1 - uint64(len(h.window)) }

// unnamed returns the entries after a position that a single name finds.
func (h *history) unnamed(after Position, limit int) []Entry {
	if after.Epoch != "" && after.Epoch != h.epoch {
		return nil
	}
	names := h.keys.count(after.Offset)
	var found []Entry
	for offset := max(after.Offset+1, h.first()); offset <= h.offset && len(found) < max(limit, 1); offset++ {
		if names[offset] == 1 {
			entry, _ := h.at(offset)
			found = append(found, entry)
		}
	}
	return found
}

func (h *history) read(after Position, limit int) Page {
	page := Page{Head: h.head()}
	if (after.Epoch != "" && after.Epoch != h.epoch) || after.Offset > h.offset {
		after.Offset, page.Gap = 0, true
	}
	from := max(after.Offset+1, h.first())
	page.Gap = page.Gap || from > after.Offset+1
	n := min(uint64(max(limit, 1)), h.offset+1-from)
	if n > 0 {
		page.Entries = make([]Entry, 0, n)
	}
	for offset := from; offset < from+n; offset++ {
		entry, _ := h.at(offset)
		page.Entries = append(page.Entries, entry)
	}
	return page
}

// scanned is up to how many keys are found by looking at each: quicker than a map, and a chat of a few messages
// costs no map.
const scanned = 8

type keyed struct {
	key    string
	offset uint64
}

// keyIndex finds entries by event key. Keys are pruned by a checkpoint: it remembers the offset at its time, and once
// it is KeyAge old, every key up to that offset is at least as old and goes, without a look at each key's age.
type keyIndex struct {
	order  []keyed           // as they came
	index  map[string]uint64 // nil while order is short
	mark   uint64
	marked time.Time
}

func (k *keyIndex) find(key string) (uint64, bool) {
	if k.index != nil {
		offset, ok := k.index[key]
		return offset, ok
	}
	for i := range k.order {
		if k.order[i].key == key {
			return k.order[i].offset, true
		}
	}
	return 0, false
}

// name returns the last name, in the order of bytes, of the entry with an offset.
func (k *keyIndex) name(offset uint64) (last string) {
	for i := range k.order {
		if k.order[i].offset == offset {
			last = max(last, k.order[i].key)
		}
	}
	return last
}

// count tells how many names each entry after an offset has.
func (k *keyIndex) count(after uint64) map[uint64]int {
	names := make(map[uint64]int)
	for i := range k.order {
		if k.order[i].offset > after {
			names[k.order[i].offset]++
		}
	}
	return names
}

func (k *keyIndex) add(key string, offset uint64) {
	k.order = append(k.order, keyed{key, offset})
	switch {
	case k.index != nil:
		k.index[key] = offset
	case len(k.order) > scanned:
		k.reindex()
	}
}

func (k *keyIndex) reindex() {
	k.index = make(map[string]uint64, 2*len(k.order))
	for _, entry := range k.order {
		k.index[entry.key] = entry.offset
	}
}

// prune builds both anew, since neither a slice's front nor a map gives memory back.
func (k *keyIndex) prune(now time.Time, head uint64) {
	if now.Sub(k.marked) < KeyAge {
		return
	}
	kept := make([]keyed, 0, head-k.mark)
	for _, entry := range k.order {
		if entry.offset > k.mark {
			kept = append(kept, entry)
		}
	}
	k.order, k.index = kept, nil
	if len(kept) > scanned {
		k.reindex()
	}
	k.mark, k.marked = head, now
}
