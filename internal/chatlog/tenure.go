package chatlog

import "time"

// tenure is who holds a chat's lease, or held it last: plain data, no clock.
type tenure struct {
	holder string
	fence  uint64
	until  time.Time // zero: the lease ended with the last message; who held it still knows its fence
}

// next is the number after one that was given: it rises also beyond what a forgotten queue gave.
func next(previous uint64, now time.Time) uint64 { return max(previous+1, uint64(now.UnixMilli())) }

// current tells whether nobody took the lease since the holder got this fence.
func (t *tenure) current(holder string, fence uint64) bool {
	return t.holder == holder && t.fence == fence && fence != 0
}

// held is the fence of the holder's lease, also of one that ended but that nobody took; 0 = it has none.
func (t *tenure) held(holder string) uint64 {
	if t.holder != holder || t.until.IsZero() {
		return 0
	}
	return t.fence
}

// taken tells whether another holder's lease lasts.
func (t *tenure) taken(holder string, now time.Time) bool {
	return t.holder != holder && t.until.After(now)
}

// lease gives the lease to a holder, or prolongs its own.
func (t *tenure) lease(holder string, now time.Time, lasts time.Duration) {
	if t.held(holder) == 0 {
		t.holder, t.fence = holder, next(t.fence, now)
	}
	t.until = now.Add(lasts)
}
