package app

import "testing"

func TestPace(t *testing.T) {
	const mb = 1 << 20
	var p pace
	for i, c := range []struct {
		allocated, live uint64
		percent         int
		giveBack        bool
	}{
		{20 * mb, 10 * mb, busyPercent, false}, // the start
		{26 * mb, 10 * mb, busyPercent, false}, // 72 MB a minute
		{30 * mb, 10 * mb, quietPercent, true}, // 48
		{31 * mb, 10 * mb, quietPercent, false},
		{60 * mb, 12 * mb, busyPercent, false},
		{60 * mb, 12 * mb, quietPercent, true},
	} {
		if percent, giveBack := p.look(c.allocated, c.live); percent != c.percent || giveBack != c.giveBack {
			t.Errorf("%d: %d percent, memory goes back: %v", i, percent, giveBack)
		}
	}
	for i := 2; i < 3*settled; i++ {
		if percent, giveBack := p.look(60*mb, 12*mb); percent != quietPercent || giveBack != (i == settled) {
			t.Errorf("quiet look %d: %d percent, memory goes back: %v", i, percent, giveBack)
		}
	}
}
