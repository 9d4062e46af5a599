package actors

import (
	"hash/maphash"
	"math"
	"slices"
)

// recent remembers what belongs to the last names that it was told: a chat's event keys, so that the same event is never
// delivered twice (raw input that comes again, entries after an epoch change, a message that was served while the log was
// away), and its messages that ended. It keeps 64-bit hashes: with recentKeys of them a false repeat has a chance of 1 in
// 10¹⁶ per event. A map of so few would be three times as large, and most chats are quiet. Values stand apart, since most messages have none.
type recent[V comparable] struct {
	bound int
	ring  *ring[V] // nil before the first name
}

// ring holds the names in the order in which they came, and once there are as many as may be, the next in place of the oldest.
type ring[V comparable] struct {
	hashes []uint64
	values []V // beside them, nil while all are zero
	oldest int
}

const (
	// recentKeys is how many event keys a chat remembers.
	recentKeys = 512
	// quietKeys is how many it remembers when it is quiet.
	quietKeys = 128
	// recentMessages bounds the remembered ids; older repeats are answered by the API or the log.
	recentMessages = 64
)

var recentSeed = maphash.MakeSeed()

// put remembers a name, and tells whether it was known: then it gets the new value and keeps its age.
func (r *recent[V]) put(name string, value V) (known bool) {
	if r.ring == nil {
		r.ring = &ring[V]{}
	}
	hash := maphash.String(recentSeed, name)
	at := slices.Index(r.ring.hashes, hash)
	if known = at >= 0; !known {
		at = r.ring.place(r.bound)
		r.ring.hashes[at] = hash
	}
	r.ring.set(at, value)
	return known
}

func (r *recent[V]) get(name string) (value V, known bool) {
	if r.ring == nil {
		return value, false
	}
	at := slices.Index(r.ring.hashes, maphash.String(recentSeed, name))
	if known = at >= 0; known && at < len(r.ring.values) {
		value = r.ring.values[at]
	}
	return value, known
}

// forget gives every name the zero value.
func (r *recent[V]) forget() {
	if r.ring != nil {
		r.ring.values = nil
	}
}

// trim keeps the last n names.
func (r *recent[V]) trim(n int) {
	if r.len() > n {
		r.ring = r.ring.last(n)
	}
}

func (r *recent[V]) len() int {
	if r.ring == nil {
		return 0
	}
	return len(r.ring.hashes)
}

// among tells whether a name is one of the last n.
func (r *recent[V]) among(n int, name string) bool {
	if r.ring == nil {
		return false
	}
	all := len(r.ring.hashes)
	at := slices.Index(r.ring.hashes, maphash.String(recentSeed, name))
	return at >= 0 && (at-r.ring.oldest+all)%all >= all-n
}

// has tells whether a name has a value, which is not the zero one.
func (r *recent[V]) has(value V) bool { return r.ring != nil && slices.Contains(r.ring.values, value) }

// place makes room for one more name, and returns where.
func (r *ring[V]) place(bound int) (at int) {
	n := len(r.hashes)
	if n < bound {
		r.hashes = append(grown(r.hashes, n, bound), 0)
		return n
	}
	at = r.oldest
	r.oldest = (at + 1) % bound
	return at
}

func (r *ring[V]) set(at int, value V) {
	var zero V
	if at >= len(r.values) {
		if value == zero {
			return
		}
		r.values = grown(r.values, at, cap(r.hashes))
		r.values = r.values[:at+1]
	}
	r.values[at] = value
}

// last is a ring of the last n names.
func (r *ring[V]) last(n int) *ring[V] {
	kept, all := &ring[V]{hashes: make([]uint64, n)}, len(r.hashes)
	for i := range kept.hashes {
		at := (r.oldest + all - n + i) % all
		kept.hashes[i] = r.hashes[at]
		if at < len(r.values) {
			kept.set(i, r.values[at])
		}
	}
	return kept
}

// grown returns s with room for an element at n. append would double it.
func grown[T any](s []T, n, bound int) []T {
	if n < cap(s) {
		return s
	}
	return append(make([]T, 0, min(n+n/4+8, bound)), s...)
}

// places are event keys with their offsets, 0 = none known.
type places struct{ recent[uint32] }

// put remembers the key of an event. An offset beyond 32 bits, which no chat reaches, counts as not known.
func (p *places) put(key string, offset uint64) (known bool) {
	if offset > math.MaxUint32 {
		offset = 0
	}
	return p.recent.put(key, uint32(offset))
}

func (p *places) get(key string) (offset uint64, known bool) {
	at, known := p.recent.get(key)
	return uint64(at), known
}
