package app

import "testing"

func TestPace(t *testing.T) {
	const mb = 1 << 20
	var p pace
	for i, c := range []struct {
		allocated, live uint64
		quiet, changed  bool
	}{
		{20 * mb, 10 * mb, false, false}, // the start
		{26 * mb, 10 * mb, false, false}, // 72 MB a minute
		{30 * mb, 10 * mb, true, true},   // 48
		{31 * mb, 10 * mb, true, false},
		{60 * mb, 12 * mb, false, true},
		{60 * mb, 12 * mb, true, true},
	} {
		if quiet, changed := p.look(c.allocated, c.live); quiet != c.quiet || changed != c.changed {
			t.Errorf("%d: quiet %v, changed %v", i, quiet, changed)
		}
	}
}
