package check

import (
	"math/rand/v2"
	"testing"
)

type delivery struct {
	receiver, sender int
	seq              uint32
}

// play sends n messages from each of two senders into a chat of three sockets and delivers them in one order to
// all, after tamper had its way with the list of deliveries.
func play(n int, tamper func([]delivery) []delivery) Verdict {
	c := New(3, 2, true)
	var list []delivery
	for i := range n {
		for s := range 2 {
			c.Send(s)
			for r := range 3 {
				list = append(list, delivery{r, s, uint32(i + 1)})
			}
		}
	}
	if tamper != nil {
		list = tamper(list)
	}
	for _, d := range list {
		c.Receive(d.receiver, d.sender, d.seq)
	}
	return c.Verdict()
}

// at finds one delivery in the list.
func at(list []delivery, want delivery) int {
	for i, d := range list {
		if d == want {
			return i
		}
	}
	panic("no such delivery")
}

func swap(list []delivery, a, b delivery) []delivery {
	i, j := at(list, a), at(list, b)
	list[i], list[j] = list[j], list[i]
	return list
}

func TestPlantedFaultsAreFoundAndNothingElse(t *testing.T) {
	const n = 500
	clean := Verdict{Sent: 2 * n, Expected: 6 * n, Received: 6 * n}
	tests := []struct {
		name   string
		tamper func([]delivery) []delivery
		want   func(*Verdict)
	}{
		{"nothing planted", nil, func(*Verdict) {}},
		{"one lost", func(l []delivery) []delivery {
			i := at(l, delivery{1, 0, 40})
			return append(l[:i:i], l[i+1:]...)
		}, func(v *Verdict) { v.Received--; v.Lost = 1 }},
		{"the last one lost", func(l []delivery) []delivery {
			return l[:len(l)-1]
		}, func(v *Verdict) { v.Received--; v.Lost = 1 }},
		{"first socket to receive misses one", func(l []delivery) []delivery {
			i := at(l, delivery{0, 1, 7})
			return append(l[:i:i], l[i+1:]...)
		}, func(v *Verdict) { v.Received--; v.Lost = 1 }},
		{"lost for everyone", func(l []delivery) []delivery {
			i := at(l, delivery{0, 0, 9})
			return append(l[:i:i], l[i+3:]...)
		}, func(v *Verdict) { v.Received -= 3; v.Lost = 3 }},
		{"one doubled at once", func(l []delivery) []delivery {
			i := at(l, delivery{2, 0, 40})
			return append(l[:i+1:i+1], l[i:]...)
		}, func(v *Verdict) { v.Duplicated = 1 }},
		{"one doubled much later", func(l []delivery) []delivery {
			return append(l, delivery{2, 0, 3})
		}, func(v *Verdict) { v.Duplicated = 1 }},
		{"a sender's two swapped for everyone", func(l []delivery) []delivery {
			for r := range 3 {
				l = swap(l, delivery{r, 0, 20}, delivery{r, 0, 21})
			}
			return l
		}, func(v *Verdict) { v.OutOfOrder = 3 }},
		{"two senders' swapped at one socket", func(l []delivery) []delivery {
			return swap(l, delivery{1, 0, 30}, delivery{1, 1, 30})
		}, func(v *Verdict) { v.Forked = 1 }},
		{"a sender's two swapped at one socket", func(l []delivery) []delivery {
			return swap(l, delivery{1, 0, 30}, delivery{1, 0, 31})
		}, func(v *Verdict) { v.OutOfOrder = 1; v.Forked = 2 }},
		{"very late at one socket", func(l []delivery) []delivery {
			d := delivery{1, 0, 5}
			i := at(l, d)
			return append(append(l[:i:i], l[i+1:]...), d)
		}, func(v *Verdict) { v.OutOfOrder = 1; v.Forked = 1 }},
		{"never sent", func(l []delivery) []delivery {
			return append(l, delivery{0, 0, n + 1}, delivery{0, 7, 1}, delivery{0, -1, 1}, delivery{0, 0, 0})
		}, func(v *Verdict) { v.Unexpected = 4 }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := clean
			tt.want(&want)
			got := play(n, tt.tamper)
			if got != want {
				t.Errorf("\n got %+v\nwant %+v", got, want)
			}
			if broken := len(got.Violations()) > 0; broken != (tt.tamper != nil) {
				t.Errorf("Violations() = %q", got.Violations())
			}
		})
	}
}

// Whatever two sockets receive in an order of their own must be found, however deliveries interleave.
func TestEveryForkIsFoundAndNoOrderIsBlamed(t *testing.T) {
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		const sockets, n = 4, 200
		c := New(sockets, n, true)
		one := make([]int, n)
		for i := range one {
			c.Send(i)
			one[i] = i
		}
		rnd.Shuffle(n, func(i, j int) { one[i], one[j] = one[j], one[i] })
		lines := make([][]int, sockets)
		for r := range lines {
			lines[r] = append([]int(nil), one...)
		}
		fork := seed%2 == 1
		if fork {
			i := rnd.IntN(n - 1)
			lines[2][i], lines[2][i+1] = lines[2][i+1], lines[2][i]
		} else { // losses alone are no fork
			for r := range lines {
				i := rnd.IntN(n)
				lines[r] = append(lines[r][:i], lines[r][i+1:]...)
			}
		}
		for left := sockets; left > 0; {
			r := rnd.IntN(sockets)
			if len(lines[r]) == 0 {
				continue
			}
			c.Receive(r, lines[r][0], 1)
			if lines[r] = lines[r][1:]; len(lines[r]) == 0 {
				left--
			}
		}
		if v := c.Verdict(); (v.Forked > 0) != fork {
			t.Fatalf("seed %d: forked = %d, planted %v", seed, v.Forked, fork)
		}
	}
}

func TestOrderForgetsWhatAllHavePassed(t *testing.T) {
	c := New(2, 1, true)
	c.Leave(1)
	for range 10_000 {
		c.Receive(0, 0, c.Send(0))
	}
	if len(c.order.line) > 2*minRoom {
		t.Errorf("the line still holds %d messages", len(c.order.line))
	}
}

// without1 has n messages reach sockets 0 and 2 while socket 1, which will be back, is away.
func (c *Chat) without1(n int) {
	c.Leave(1)
	for range n {
		seq := c.Send(0)
		c.Receive(0, 0, seq)
		c.Receive(2, 0, seq)
	}
	c.Await(1)
}

// However long a socket was away, its return is no fork, and what it gets from then on is checked again.
func TestASocketThatLeftMayComeBack(t *testing.T) {
	for _, away := range []int{10, 10_000} {
		c := New(3, 1, true)
		c.without1(away)
		for seq := range away {
			c.Receive(1, 0, uint32(seq+1))
		}
		a, b := c.Send(0), c.Send(0)
		for r, line := range [][]uint32{{a, b}, {b, a}, {a, b}} {
			c.Receive(r, 0, line[0])
			c.Receive(r, 0, line[1])
		}
		if v := c.Verdict(); v.Lost != 0 || v.OutOfOrder != 1 || v.Forked == 0 {
			t.Errorf("away for %d messages: %+v", away, v)
		}
	}
}

// A return into a line that was cut off, with a loss in what it catches up with, is a loss and no fork.
func TestALossWhileCatchingUpIsNoFork(t *testing.T) {
	const n = 1000
	c := New(3, 1, true)
	c.without1(n)
	for seq := uint32(2); seq <= n; seq++ {
		c.Receive(1, 0, seq)
	}
	for range 200 {
		seq := c.Send(0)
		for r := range 3 {
			c.Receive(r, 0, seq)
		}
	}
	if v := c.Verdict(); v.Lost != 1 || v.Forked != 0 || v.OutOfOrder != 0 {
		t.Errorf("%+v", v)
	}
}

func TestRefusedIsNotLost(t *testing.T) {
	c := New(2, 1, true)
	for range 3 {
		c.Send(0)
	}
	c.Receive(0, 0, 1)
	c.Receive(1, 0, 1)
	if !c.Refuse(0, 2) || c.Refuse(0, 2) || c.Refuse(0, 9) || c.Refuse(4, 1) {
		t.Error("Refuse must be true once for what was sent, and never otherwise")
	}
	if c.Refused(0, 1) || !c.Refused(0, 2) || c.Sent(0) != 3 {
		t.Error("it does not know what was refused, or sent")
	}
	c.Receive(0, 0, 3)
	c.Receive(1, 0, 3)
	want := Verdict{Sent: 3, Refused: 1, Expected: 4, Received: 4}
	if got := c.Verdict(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	c.Receive(0, 0, 2)
	if got := c.Verdict(); got.RefusedDelivered != 1 || got.Lost != 0 {
		t.Errorf("a refused message that came: %+v", got)
	}
}

func TestTyping(t *testing.T) {
	newChat := func() *Chat {
		c := New(2, 1, false)
		for range 6 {
			c.Send(0)
		}
		return c
	}
	feed := func(c *Chat, states ...bool) Verdict {
		for _, on := range states {
			c.ReceiveTyping(1, 0, on)
		}
		return c.Verdict()
	}
	if v := feed(newChat(), true, false, true, false, true, false); len(v.Violations()) > 0 || v.Received != 6 {
		t.Errorf("all in order: %+v", v)
	}
	if v := feed(newChat(), true, true, false, true, false); v.Lost != 1 || v.Duplicated != 0 {
		t.Errorf("one lost: %+v", v)
	}
	if v := feed(newChat(), true, false, true, false); v.Lost != 2 {
		t.Errorf("a pair lost: %+v", v)
	}
	if v := feed(newChat(), true, false, true, false, true, false, false); v.Duplicated != 1 || v.Lost != 0 {
		t.Errorf("one doubled: %+v", v)
	}
	silent := newChat()
	silent.Send(0)
	if v := feed(silent, true, false, true, false, true, false, true); len(v.Violations()) > 0 {
		t.Errorf("all in order, on at last: %+v", v)
	}
	if _, out := silent.ReceiveTyping(1, 0, false); out != Ended || len(silent.Verdict().Violations()) > 0 {
		t.Errorf("the server's end of typing: %v", out)
	}
	if _, out := silent.ReceiveTyping(1, 0, true); out != Repeat {
		t.Errorf("a doubled one: %v", out)
	}
	c := newChat()
	if _, out := c.ReceiveTyping(0, 0, true); out != Unexpected {
		t.Error("a typist must not see its own typing")
	}
}

func TestVerdictAdds(t *testing.T) {
	a := Verdict{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}
	b := a
	a.Add(b)
	if want := (Verdict{2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22}); a != want {
		t.Errorf("got %+v, want %+v", a, want)
	}
	if len(a.Violations()) != 6 {
		t.Errorf("Violations() = %q", a.Violations())
	}
}
