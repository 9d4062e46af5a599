package actors

// turnstile lets a number of calls be under way at once; the rest waits in order. It is plain data: its owner makes the
// calls that it hands out and says when one has ended.
type turnstile[T any] struct {
	waiting  []T
	underway int
}

func (t *turnstile[T]) push(v T) { t.waiting = append(t.waiting, v) }

// next hands out the call that has waited longest, unless limit are under way.
func (t *turnstile[T]) next(limit int) (v T, ok bool) {
	if t.underway >= limit || len(t.waiting) == 0 {
		return v, false
	}
	v, t.waiting = t.waiting[0], t.waiting[1:]
	t.underway++
	return v, true
}

// nextFew hands out one call for up to most of those that have waited longest.
func (t *turnstile[T]) nextFew(limit, most int) []T {
	if t.underway >= limit || len(t.waiting) == 0 {
		return nil
	}
	n := min(most, len(t.waiting))
	few := t.waiting[:n:n]
	t.waiting = t.waiting[len(few):]
	t.underway++
	return few
}

// ended notes that a call has ended.
func (t *turnstile[T]) ended() { t.underway-- }
