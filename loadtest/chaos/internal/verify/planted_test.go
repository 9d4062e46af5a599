package verify

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

const epoch = 0x1a21257285b00001

// good is a run without a flaw: two chats with three clients each, who send five messages each. Client 2 goes away in
// the middle and resumes; client 1 of each chat loads the history instead.
func good() *Run {
	r := &Run{}
	for chat := range 2 {
		clients := []*Client{{Chat: chat, Sender: 0}, {Chat: chat, Sender: 1}, {Chat: chat, Sender: 2}}
		for _, c := range clients {
			c.add(Event{Kind: Opened, Epoch: epoch})
			c.add(Event{Kind: Placed, Epoch: epoch})
			c.add(Event{Kind: Loaded, Rows: len(r.Rows)})
		}
		var missed []Event
		offset := uint32(0)
		for number := uint32(1); number <= 5; number++ {
			for sender := range uint16(3) {
				offset++
				id := HashID(fmt.Sprint(chat, sender, number))
				r.Rows = append(r.Rows, Row{Chat: chat, Sender: sender, Number: number, ID: id})
				told := Event{Number: number, ID: id, Epoch: epoch, Offset: offset}
				clients[sender].add(Event{Kind: Sent, Number: number})
				shown := told
				shown.Kind, shown.Sender = Shown, sender
				for i, c := range clients {
					switch {
					case number != 3:
						c.add(shown)
					case i == 0:
						c.add(shown)
					case i == 2:
						missed = append(missed, shown)
					}
				}
				told.Kind = Accepted
				clients[sender].add(told)
				told.Kind = Stored
				clients[sender].add(told)
			}
			if number == 3 {
				clients[2].add(Event{Kind: Closed, Code: 1006})
				clients[2].add(Event{Kind: Asked, Epoch: epoch, Offset: 6})
				clients[2].add(Event{Kind: Opened, Epoch: epoch, Offset: 9})
				for _, e := range missed {
					clients[2].add(e)
				}
				clients[2].add(Event{Kind: Resumed, Epoch: epoch, Offset: 9, Flag: true})
				clients[1].add(Event{Kind: Asked, Epoch: epoch, Offset: 6})
				clients[1].add(Event{Kind: Resumed, Epoch: epoch, Offset: 9})
				clients[1].add(Event{Kind: Loaded, Rows: len(r.Rows)})
			}
		}
		r.Clients = append(r.Clients, clients...)
	}
	return r
}

func (c *Client) add(e Event) {
	e.At = time.Duration(len(c.Events)) * time.Millisecond
	c.Events = append(c.Events, e)
}

func TestAGoodRunIsGood(t *testing.T) {
	v := Check(good())
	if !v.OK() || v.Sent != 30 || v.Stored != 30 || v.Accepted != 30 || v.Rows != 30 || v.Deliveries != 84 || v.Skipped+v.Gaps+v.Stale != 0 {
		t.Errorf("%+v", v)
	}
}

// find returns the index of a client's nth event of a kind, from 0.
func (c *Client) find(k Kind, nth int) int {
	for i, e := range c.Events {
		if e.Kind == k {
			if nth--; nth < 0 {
				return i
			}
		}
	}
	panic("no such event")
}

func (c *Client) cut(i int)                { c.Events = slices.Delete(c.Events, i, i+1) }
func (c *Client) put(i int, e Event)       { c.Events = slices.Insert(c.Events, i, e) }
func (r *Run) cutRow(match func(Row) bool) { r.Rows = slices.DeleteFunc(r.Rows, match) }

func TestPlantedDamageIsFound(t *testing.T) {
	for _, tc := range []struct {
		name  string
		plant func(*Run)
		want  Fault
	}{
		{"a stored message is not in the database", func(r *Run) {
			r.cutRow(func(w Row) bool { return w.Chat == 1 && w.Number == 5 && w.Sender == 2 })
		}, Lost},
		{"an accepted message is not in the database", func(r *Run) {
			c := r.Clients[3+2]
			c.cut(c.find(Stored, 4))
			r.cutRow(func(w Row) bool { return w.Chat == 1 && w.Number == 5 && w.Sender == 2 })
		}, Lost},
		{"a message in the database that nobody shows", func(r *Run) {
			r.Rows = append(r.Rows, Row{Chat: 0, Sender: 1, Number: 6, ID: 99})
		}, Missing},
		{"a message that was sent early and stored late is dropped at the client that had loaded the history", func(r *Run) {
			for i := range r.Rows {
				r.Rows[i].Stored = i + 1
			}
			r.Rows[1].Stored = len(r.Rows) + 1
			c := r.Clients[1]
			c.cut(c.find(Shown, 1))
		}, Missing},
		{"the last message is dropped at one client", func(r *Run) { c := r.Clients[0]; c.cut(c.find(Shown, 14)) }, Missing},
		{"a message in the middle is dropped at one client", func(r *Run) { c := r.Clients[0]; c.cut(c.find(Shown, 4)) }, Missing},
		{"a replay leaves one out", func(r *Run) { c := r.Clients[2]; c.cut(c.find(Shown, 7)) }, Missing},
		{"a dropped message leaves the client behind", func(r *Run) { c := r.Clients[0]; c.cut(c.find(Shown, 14)) }, Behind},
		{"one place comes twice", func(r *Run) { c := r.Clients[0]; i := c.find(Shown, 4); c.put(i+1, c.Events[i]) }, Repeated},
		{"a replay brings what was there", func(r *Run) { c := r.Clients[2]; c.put(c.find(Resumed, 0), c.Events[c.find(Shown, 4)]) }, Repeated},
		{"one message comes without a place too", func(r *Run) {
			c := r.Clients[0]
			e := c.Events[c.find(Shown, 4)]
			e.Epoch, e.Offset = 0, 0
			c.Events = append(c.Events, e)
		}, Repeated},
		{"one message stands in the log twice", func(r *Run) {
			for _, c := range r.Clients[:3] {
				e := c.Events[c.find(Shown, 0)]
				e.Offset = 16
				c.Events = append(c.Events, e)
			}
		}, SeenTwice},
		{"one message has two ids", func(r *Run) {
			for _, c := range r.Clients[:3] {
				e := c.Events[c.find(Shown, 0)]
				e.Offset, e.ID = 16, 99
				c.Events = append(c.Events, e)
			}
		}, SeenTwice},
		{"two of a sender's messages are swapped in the log", func(r *Run) { r.swapInLog(HashID("0 2 1"), HashID("0 2 2")) }, OutOfOrder},
		{"two of a sender's messages are swapped in the database", func(r *Run) {
			r.Rows[0], r.Rows[3] = r.Rows[3], r.Rows[0]
		}, Disordered},
		{"two messages of different senders are swapped at one client", func(r *Run) {
			c := r.Clients[0]
			a, b := &c.Events[c.find(Shown, 0)], &c.Events[c.find(Shown, 1)]
			a.ID, b.ID, a.Sender, b.Sender = b.ID, a.ID, b.Sender, a.Sender
		}, Forked},
		{"an ack names another id than the log", func(r *Run) { c := r.Clients[0]; c.Events[c.find(Stored, 2)].ID = 99 }, Forked},
		{"a message has two rows", func(r *Run) {
			w := r.Rows[2]
			w.ID = 99
			r.Rows = append(r.Rows, w)
		}, DuplicateRows},
		{"a message is shown and not stored", func(r *Run) {
			r.cutRow(func(w Row) bool { return w.Chat == 0 && w.Number == 2 && w.Sender == 1 })
		}, Unstored},
		{"a refused message is stored", func(r *Run) {
			c := r.Clients[0]
			c.cut(c.find(Accepted, 1))
			c.Events[c.find(Stored, 1)].Kind = Refused
		}, RefusedStored},
		{"a message is stored and refused", func(r *Run) { c := r.Clients[0]; c.add(Event{Kind: Refused, Number: 2}) }, RefusedStored},
		{"a message has no answer", func(r *Run) { c := r.Clients[0]; c.cut(c.find(Accepted, 4)); c.cut(c.find(Stored, 4)) }, Unanswered},
		{"a message stays accepted", func(r *Run) { c := r.Clients[0]; c.cut(c.find(Stored, 4)) }, Unanswered},
		{"a dead letter's sender was not told", func(r *Run) { r.Letters = []Held{{0, 1, 6}} }, Untold},
		{"an accepted message is refused and no dead letter", func(r *Run) {
			r.Clients[0].add(Event{Kind: Sent, Number: 6})
			r.Clients[0].add(Event{Kind: Accepted, Number: 6})
			r.Clients[0].add(Event{Kind: Refused, Number: 6})
		}, Lost},
		{"a message is shown live and neither stored nor failed", func(r *Run) {
			r.Live = true
			r.Clients[0].add(Event{Kind: Shown, Sender: 1, Number: 6, ID: 77, Epoch: epoch, Offset: 16})
		}, Unstored},
		{"a message is left in the outbox", func(r *Run) { r.Outbox = []Held{{0, 1, 5}} }, Waiting},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := good()
			tc.plant(r)
			if v := Check(r); v.Broken[tc.want] == 0 || len(v.Examples) == 0 {
				t.Errorf("%v is not found: %+v", tc.want, v)
			}
		})
	}
}

// swapInLog exchanges two messages wherever they are shown and acknowledged.
func (r *Run) swapInLog(a, b uint64) {
	var ea, eb Event
	for _, c := range r.Clients {
		for _, e := range c.Events {
			if e.Kind == Shown && e.ID == a {
				ea = e
			} else if e.Kind == Shown && e.ID == b {
				eb = e
			}
		}
	}
	for _, c := range r.Clients {
		for i := range c.Events {
			e := &c.Events[i]
			switch {
			case e.ID == a && e.Kind == Shown:
				e.ID, e.Number = eb.ID, eb.Number
			case e.ID == b && e.Kind == Shown:
				e.ID, e.Number = ea.ID, ea.Number
			case e.ID == a:
				e.Offset = eb.Offset
			case e.ID == b:
				e.Offset = ea.Offset
			}
		}
	}
}

func TestWhatIsNoFault(t *testing.T) {
	for _, tc := range []struct {
		name    string
		plant   func(*Run)
		counted func(*Verdict) int
	}{
		{"the old API stores a repeat", func(r *Run) {
			r.Reposts = true
			w := r.Rows[2]
			w.ID = 99
			r.Rows = append(r.Rows, w)
		}, func(v *Verdict) int { return v.Reposted }},
		{"the log is lost and begins anew", func(r *Run) {
			for _, c := range r.Clients[:3] {
				e := c.Events[c.find(Shown, 0)]
				e.Epoch, e.Offset = epoch+1, 1
				c.add(Event{Kind: Resumed, Epoch: epoch + 1})
				c.add(Event{Kind: Loaded, Rows: len(r.Rows)})
				c.add(Event{Kind: Opened})
				c.add(e)
			}
		}, func(v *Verdict) int { return v.Skipped }},
		{"a message is refused", func(r *Run) {
			r.Clients[0].add(Event{Kind: Sent, Number: 6})
			r.Clients[0].add(Event{Kind: Refused, Number: 6})
		}, func(v *Verdict) int { return v.Refused }},
		{"an accepted message is refused", func(r *Run) {
			r.Clients[0].add(Event{Kind: Sent, Number: 6})
			r.Clients[0].add(Event{Kind: Accepted, Number: 6})
			for _, c := range r.Clients[:3] {
				c.add(Event{Kind: Failed, Number: 6, Epoch: epoch, Offset: 16})
			}
			r.Letters = []Held{{0, 0, 6}}
		}, func(v *Verdict) int { return v.Letters }},
		{"a message is shown and fails", func(r *Run) {
			r.Live, r.Letters = true, []Held{{0, 0, 6}}
			r.Clients[0].add(Event{Kind: Sent, Number: 6})
			for i, c := range r.Clients[:3] {
				c.add(Event{Kind: Shown, Number: 6, ID: 77, Epoch: epoch, Offset: 16})
				if i == 0 {
					c.add(Event{Kind: Accepted, Number: 6, ID: 77, Epoch: epoch, Offset: 16})
				}
				c.add(Event{Kind: Failed, Number: 6, ID: 77, Epoch: epoch, Offset: 17})
			}
		}, func(v *Verdict) int { return v.Refused }},
		{"a message that was served without a place gets one late", func(r *Run) {
			r.swapInLog(HashID("0 0 1"), HashID("0 0 2"))
			r.Clients[1].put(3, Event{Kind: Shown, Number: 1, ID: HashID("0 0 1")})
			r.Clients[1].put(4, Event{Kind: Opened})
		}, func(v *Verdict) int { return v.Late }},
		{"a log that begins anew has an old message late", func(r *Run) {
			for _, c := range r.Clients[:3] {
				c.add(Event{Kind: Resumed, Epoch: epoch + 1})
				c.add(Event{Kind: Loaded, Rows: len(r.Rows)})
				for i, n := range []int{3, 0} { // both are sender 0's
					e := r.Clients[0].Events[r.Clients[0].find(Shown, n)]
					e.Epoch, e.Offset = epoch+1, uint32(i+1)
					c.add(e)
				}
			}
		}, func(v *Verdict) int { return v.Relogged }},
		{"an accepted message is gone with the file", func(r *Run) {
			r.Clients[0].add(Event{Kind: Sent, Number: 6})
			r.Clients[0].add(Event{Kind: Accepted, Number: 6})
			r.Damaged = []time.Duration{time.Hour}
		}, func(v *Verdict) int { return v.LostWithFile }},
		{"an instance is behind its new client", func(r *Run) {
			c := r.Clients[0]
			c.add(Event{Kind: Opened, Epoch: epoch, Offset: 13})
			c.add(Event{Kind: Asked, Epoch: epoch, Offset: 15})
			c.add(Event{Kind: Resumed, Epoch: epoch, Offset: 13})
			c.add(c.Events[c.find(Shown, 13)])
			c.add(c.Events[c.find(Shown, 14)])
		}, func(v *Verdict) int { return v.Skipped }},
		{"the log is away and the history is loaded", func(r *Run) {
			c := r.Clients[0]
			i := c.find(Shown, 3)
			c.cut(i)
			c.put(i, Event{Kind: Opened, Epoch: epoch, Offset: 4})
			c.put(i+1, Event{Kind: Closed})
			c.put(i+2, Event{Kind: Asked, Epoch: epoch, Offset: 3})
			c.put(i+3, Event{Kind: Opened})
			c.put(i+4, Event{Kind: Resumed})
			c.put(i+5, Event{Kind: Loaded, Rows: 4})
			c.add(Event{Kind: Resumed, Epoch: epoch, Offset: 15, Flag: true})
		}, func(v *Verdict) int { return v.Reloads - 7 }},
		{"a client asks twice from an epoch that has ended", func(r *Run) {
			c := r.Clients[0]
			e := c.Events[c.find(Shown, 14)]
			e.Epoch, e.Offset = epoch+1, 1
			c.add(Event{Kind: Closed})
			c.add(Event{Kind: Asked, Epoch: epoch, Offset: 15})
			c.add(Event{Kind: Opened})
			c.add(e)
			c.add(Event{Kind: Asked, Epoch: epoch, Offset: 15})
			c.add(Event{Kind: Resumed, Epoch: epoch + 1, Offset: 1})
			c.add(e)
			c.add(Event{Kind: Resumed, Epoch: epoch + 1, Offset: 1})
			for _, other := range r.Clients[1:3] {
				other.add(Event{Kind: Resumed, Epoch: epoch + 1})
				other.add(e)
			}
		}, func(v *Verdict) int { return v.Skipped }},
		{"the log is lost while a client asks", func(r *Run) {
			c := r.Clients[0]
			e := c.Events[c.find(Shown, 14)]
			e.Epoch, e.Offset = epoch+1, 1
			for i, other := range r.Clients[:3] {
				if i == 0 {
					other.add(Event{Kind: Asked, Epoch: epoch, Offset: 15})
				}
				other.add(Event{Kind: Resumed, Epoch: epoch + 1})
				other.add(e)
			}
			c.add(e)
			c.add(Event{Kind: Resumed, Epoch: epoch + 1, Offset: 1})
		}, func(v *Verdict) int { return v.Skipped }},
		{"a replay brings once more what came without a place", func(r *Run) {
			c := r.Clients[0]
			i := c.find(Shown, 3)
			bare := c.Events[i]
			bare.Epoch, bare.Offset = 0, 0
			c.put(i, Event{Kind: Closed})
			c.put(i+1, Event{Kind: Asked, Epoch: epoch, Offset: 3})
			c.put(i+2, Event{Kind: Opened})
			c.put(i+3, bare)
			c.put(i+5, Event{Kind: Resumed, Epoch: epoch, Offset: 4, Flag: true})
		}, func(v *Verdict) int { return v.Skipped }},
		{"a client asks about a hole", func(r *Run) {
			c := r.Clients[0]
			i := c.find(Shown, 4)
			c.put(i+2, Event{Kind: Asked, Epoch: epoch, Offset: 4})
			c.put(i+3, c.Events[i])
			c.put(i+4, c.Events[i+1])
			c.put(i+5, Event{Kind: Resumed, Epoch: epoch, Offset: 6, Flag: true})
			c.cut(i)
		}, func(v *Verdict) int { return v.Gaps }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := good()
			tc.plant(r)
			if v := Check(r); !v.OK() || tc.counted(v) == 0 {
				t.Errorf("%+v", v)
			}
		})
	}
}

func TestWhatComesOnlyWhenAskedForWasMissing(t *testing.T) {
	r := good()
	c := r.Clients[0]
	last := c.Events[c.find(Shown, 14)]
	c.cut(c.find(Shown, 14))
	c.add(Event{Kind: Asked, Epoch: epoch, Offset: 14, Flag: true})
	c.add(last)
	c.add(Event{Kind: Resumed, Epoch: epoch, Offset: 15, Flag: true})
	if v := Check(r); v.Broken[Missing] != 1 || v.Broken[Behind] != 0 {
		t.Errorf("%+v", v)
	}
}

func TestALogLostWithoutEntriesSinceLeavesNobodyBehind(t *testing.T) {
	r := good()
	for _, c := range r.Clients {
		c.add(Event{Kind: Resumed, Epoch: epoch + 1})
	}
	if v := Check(r); v.Broken[Behind] != 0 {
		t.Errorf("%+v", v)
	}
}

func TestEpochsAreOrdered(t *testing.T) {
	if !(EpochOf("01a21257285bd8a5dfdd") < EpochOf("01a21257285c00000000")) || EpochOf("") != 0 || EpochOf("none") != 0 {
		t.Error("epochs are not ordered by their time")
	}
}
