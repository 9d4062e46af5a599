package timing

import (
	"time"

	"eclipse/loadtest/chaos/internal/verify"
)

// Holes tells how long clients waited for entries that their instance was not told of: from the entry that showed
// the hole, and for last ones, behind which nothing came before they were found, from the loss itself.
func Holes(clients []*verify.Client, losses []Loss) (holes, last Spread) {
	groups := byChat(clients)
	for _, l := range losses {
		var latest time.Duration
		for _, c := range groups[l.Chat] {
			if at, ok := arrival(c, l); ok {
				latest = max(latest, at)
			}
		}
		switch {
		case latest == 0: // nobody waited for it there
		case l.Shown > 0 && l.Shown <= latest:
			holes = append(holes, latest-l.Shown)
		default:
			last = append(last, latest-l.At)
		}
	}
	return holes, last
}

// arrival is when a client that stayed at the instance all the time was shown the entry after its loss.
func arrival(c *verify.Client, l Loss) (at time.Duration, ok bool) {
	for _, v := range visits(c) {
		if int(v.instance) != l.Instance || v.from > l.At || v.to < l.At {
			continue
		}
		for _, e := range c.Events[v.first:v.end] {
			if e.Kind == verify.Shown && e.Epoch == l.Epoch && e.Offset == l.Offset && e.At >= l.At {
				return e.At, true
			}
		}
	}
	return 0, false
}

// Noticed tells how long it took from each time on until the next of what followed.
func Noticed(from, followed []time.Duration) (took Spread) {
	for _, at := range from {
		next := time.Duration(-1)
		for _, f := range followed {
			if f > at && (next < 0 || f < next) {
				next = f
			}
		}
		if next >= 0 {
			took = append(took, next-at)
		}
	}
	return took
}
