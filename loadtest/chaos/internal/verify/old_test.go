package verify

import (
	"testing"
	"time"
)

// oldClient is a page of the old protocol beside the clients of a good run: it is there from the start, goes away after
// the sixth message of its chat, and comes back when three more were said.
func oldClient(r *Run) *Client {
	c := &Client{Chat: 0, Sender: 9, Old: true}
	c.add(Event{Kind: Opened})
	all := r.Clients[0].shown()
	for _, e := range all[:6] {
		c.add(e)
	}
	c.add(Event{Kind: Closed, Code: 1006})
	c.add(Event{Kind: Opened})
	for _, e := range all {
		c.add(e)
	}
	r.Clients = append(r.Clients, c)
	return c
}

func (c *Client) shown() (list []Event) {
	for _, e := range c.Events {
		if e.Kind == Shown {
			list = append(list, e)
		}
	}
	return list
}

func TestOldClients(t *testing.T) {
	for _, tc := range []struct {
		name  string
		plant func(r *Run, c *Client)
		want  Fault // Faults = none
	}{
		{"a good one", func(*Run, *Client) {}, Faults},
		{"twice on one socket", func(_ *Run, c *Client) { c.put(c.find(Shown, 3), c.Events[c.find(Shown, 2)]) }, Repeated},
		{"a hole on a socket", func(_ *Run, c *Client) { c.cut(c.find(Shown, 16)) }, Missing},
		{"a replay leaves one out", func(_ *Run, c *Client) {
			for range 7 {
				c.cut(c.find(Shown, 6))
			}
		}, Missing},
		{"the log was away on opening", func(r *Run, c *Client) {
			for range 7 {
				c.cut(c.find(Shown, 6))
			}
			r.Away = []Span{{0, time.Hour}}
		}, Faults},
		{"the last one is missing", func(_ *Run, c *Client) { c.cut(c.find(Shown, 20)) }, Behind},
		{"the last one failed, which it is not told", func(r *Run, _ *Client) {
			for _, o := range r.Clients[:3] {
				o.add(Event{Kind: Failed, Sender: 1, Number: 9, ID: 5, Epoch: epoch, Offset: 16})
			}
		}, Faults},
		{"shown and not stored", func(_ *Run, c *Client) {
			c.put(1, Event{Kind: Shown, Sender: 1, Number: 9, ID: 5})
		}, Unstored},
		{"one that was served before it had a place", func(r *Run, c *Client) {
			i := c.find(Shown, 16)
			e := c.Events[i]
			e.Epoch, e.Offset = 0, 0
			c.Events[i] = e
		}, Faults},
		{"one that was served without a place on the same socket", func(_ *Run, c *Client) {
			e := c.Events[c.find(Shown, 16)]
			e.Epoch, e.Offset = 0, 0
			c.put(c.find(Shown, 6), e)
		}, Faults},
		{"twice without a place", func(_ *Run, c *Client) {
			e := c.Events[c.find(Shown, 16)]
			e.Epoch, e.Offset = 0, 0
			c.put(c.find(Shown, 6), e)
			c.put(c.find(Shown, 6), e)
		}, Repeated},
		{"out of order", func(_ *Run, c *Client) {
			a, b := &c.Events[c.find(Shown, 0)], &c.Events[c.find(Shown, 3)]
			a.ID, b.ID, a.Number, b.Number = b.ID, a.ID, b.Number, a.Number
		}, OutOfOrder},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := good()
			tc.plant(r, oldClient(r))
			switch v := Check(r); {
			case tc.want == Faults && !v.OK():
				t.Errorf("%+v", v)
			case tc.want < Faults && v.Broken[tc.want] == 0:
				t.Errorf("%v is not found: %+v", tc.want, v)
			}
		})
	}
}

func TestAnOldSenderHasNoOrderOverSockets(t *testing.T) {
	sent := func(number uint32) Event { return Event{Kind: Sent, Number: number} }
	for name, events := range map[string][]Event{
		"one socket":  {{Kind: Opened}, sent(1), sent(2)},
		"two sockets": {{Kind: Opened}, sent(1), {Kind: Closed}, {Kind: Opened}, sent(2)},
	} {
		r := &Run{Clients: []*Client{{Old: true, Events: events}}, Rows: []Row{{Number: 2, ID: 2}, {Number: 1, ID: 1}}}
		if v := Check(r); (v.Broken[Disordered] == 0) != (name == "two sockets") {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

func TestWhatAnOldClientSaidIsLostToViewOnlyWithoutHistory(t *testing.T) {
	for _, tc := range []struct {
		name     string
		untraced bool
		old      bool
		missing  bool
	}{
		{"it cannot be found", true, true, false},
		{"the history has it", false, true, true},
		{"its sender was acknowledged", true, false, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := good()
			r.Untraced = tc.untraced
			c := oldClient(r)
			if tc.old {
				c.put(1, Event{Kind: Sent, Number: 1})
			}
			r.Rows = append(r.Rows, Row{Chat: 0, Sender: c.Sender, Number: 1, ID: 77})
			if v := Check(r); (v.Broken[Missing] > 0) != tc.missing || (v.Untraced == 1) == tc.missing {
				t.Errorf("%d missing, %d untraced", v.Broken[Missing], v.Untraced)
			}
		})
	}
}

func TestWhatTheHistoryToldOfAnOldClientComesLate(t *testing.T) {
	for name, old := range map[string]bool{"an old one": true, "one that was acknowledged": false} {
		t.Run(name, func(t *testing.T) {
			r := good()
			head := uint32(len(r.Clients[0].shown()))
			for i, number := range []uint32{2, 1} { // their rows are in order
				for _, c := range r.Clients {
					if c.Chat == 0 {
						c.add(Event{Kind: Shown, Sender: 9, Number: number, ID: uint64(70 + number), Epoch: epoch, Offset: head + uint32(i) + 1})
					}
				}
				r.Rows = append(r.Rows, Row{Chat: 0, Sender: 9, Number: uint32(i) + 1, ID: uint64(71 + i)})
			}
			c := &Client{Chat: 0, Sender: 9, Old: old, Events: []Event{{Kind: Opened}, {Kind: Sent, Number: 1}, {Kind: Sent, Number: 2}}}
			if r.Clients = append(r.Clients, c); !old {
				c.Events = c.Events[:1]
			}
			if v := Check(r); (v.Broken[OutOfOrder] == 0) != old || (v.Late == 1) != old {
				t.Errorf("%d out of order, %d late: %v", v.Broken[OutOfOrder], v.Late, v.Examples)
			}
		})
	}
}

// A page that comes between a wipe and the moment in which the log has what was shown before once more is not shown it.
func TestWhatALogHasAgainAnOldClientMayMiss(t *testing.T) {
	for name, again := range map[string]bool{"had before": true, "new": false} {
		t.Run(name, func(t *testing.T) {
			r := good()
			old := r.Clients[0].shown()
			in := func(offset, number uint32) Event {
				return Event{Kind: Shown, Sender: 8, Number: number, ID: uint64(500 + number), Epoch: epoch + 1, Offset: offset}
			}
			events := []Event{in(1, 1), in(2, 2), in(3, 3)}
			if again {
				last := old[len(old)-1]
				events[1].ID, events[1].Sender, events[1].Number = last.ID, last.Sender, last.Number
			}
			for _, e := range events {
				if e.Sender == 8 {
					r.Rows = append(r.Rows, Row{Chat: 0, Sender: 8, Number: e.Number, ID: e.ID})
				}
				for _, c := range r.Clients {
					if was := e; c.Chat == 0 {
						if e.Sender != 8 { // who was there before skips it
							was.Kind = Passed
						}
						c.add(was)
					}
				}
			}
			page := &Client{Chat: 0, Sender: 9, Old: true, Events: []Event{{Kind: Opened}, events[0], events[2]}}
			later := &Client{Chat: 0, Sender: 10, Old: true, Events: append([]Event{{Kind: Opened}}, events...)}
			r.Clients = append(r.Clients, page, later)
			if v := Check(r); v.OK() != again {
				t.Errorf("%v", v.Examples)
			}
		})
	}
}
