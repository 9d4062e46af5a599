package actors

import "hash/maphash"

// recent remembers the event keys that a chat delivered last, so that the same event is never delivered twice: raw
// input that comes again, entries after an epoch change, a message that was served while the log was away. It keeps
// 64-bit hashes: with recentSize of them a false repeat has a chance of 1 in 10¹⁶ per event.
type recent struct {
	offsets map[uint64]uint64 // hash of the key → offset, 0 = delivered without one
	ring    []uint64          // hashes in order of arrival
	at      int
}

// recentSize is how many keys a chat remembers.
const recentSize = 512

var recentSeed = maphash.MakeSeed()

// add remembers a key; a known key gets the new offset.
func (r *recent) add(key string, offset uint64) {
	h := maphash.String(recentSeed, key)
	if r.offsets == nil {
		r.offsets = make(map[uint64]uint64)
	}
	if _, known := r.offsets[h]; known {
		r.offsets[h] = offset
		return
	}
	if len(r.ring) < recentSize {
		r.ring = append(r.ring, h)
	} else {
		delete(r.offsets, r.ring[r.at])
		r.ring[r.at] = h
		r.at = (r.at + 1) % recentSize
	}
	r.offsets[h] = offset
}

// offset tells whether a key was delivered, and at which offset of the present epoch (0 = none known).
func (r *recent) offset(key string) (offset uint64, known bool) {
	offset, known = r.offsets[maphash.String(recentSeed, key)]
	return offset, known
}

// forgetOffsets keeps the keys and forgets their offsets, which belong to an epoch that has ended.
func (r *recent) forgetOffsets() {
	for h := range r.offsets {
		r.offsets[h] = 0
	}
}
