package actors

import "hash/maphash"

// recent remembers what belongs to the last names that it was told: a chat's event keys, so that the same event is never
// delivered twice (raw input that comes again, entries after an epoch change, a message that was served while the log was
// away), and its messages that ended. It keeps 64-bit hashes: with recentKeys of them a false repeat has a chance of 1 in
// 10¹⁶ per event. A map of so few would be three times as large, and most chats are quiet.
type recent[V any] struct {
	bound  int
	latest []remembered[V] // a ring once there are bound of them
	oldest int             // in the ring
}

type remembered[V any] struct {
	hash  uint64
	value V
}

const (
	// recentKeys is how many event keys a chat remembers.
	recentKeys = 512
	// recentMessages bounds the remembered ids; older repeats are answered by the API or the log.
	recentMessages = 64
)

var recentSeed = maphash.MakeSeed()

// put remembers a name, and tells whether it was known: then it gets the new value and keeps its age.
func (r *recent[V]) put(name string, value V) (known bool) {
	hash := maphash.String(recentSeed, name)
	switch v := r.find(hash); {
	case v != nil:
		*v = value
		return true
	case len(r.latest) < r.bound:
		if n := len(r.latest); n == cap(r.latest) { // append would double it
			r.latest = append(make([]remembered[V], 0, min(n+n/4+8, r.bound)), r.latest...)
		}
		r.latest = append(r.latest, remembered[V]{hash, value})
	default:
		r.latest[r.oldest] = remembered[V]{hash, value}
		r.oldest = (r.oldest + 1) % r.bound
	}
	return false
}

func (r *recent[V]) get(name string) (value V, known bool) {
	if v := r.find(maphash.String(recentSeed, name)); v != nil {
		return *v, true
	}
	return value, false
}

func (r *recent[V]) find(hash uint64) *V {
	for i := range r.latest {
		if r.latest[i].hash == hash {
			return &r.latest[i].value
		}
	}
	return nil
}

// setAll gives every name the same value.
func (r *recent[V]) setAll(value V) {
	for i := range r.latest {
		r.latest[i].value = value
	}
}
