package work

import (
	"sync"
	"time"

	"eclipse/loadtest/internal/check"
	"eclipse/loadtest/internal/frames"
)

// chat is one chat of the run with all of its sockets.
type chat struct {
	worker  *worker
	number  int
	sockets []*socket

	mu      sync.Mutex
	judge   *check.Chat
	flights []flight // by sender
	turn    int      // who sends next
}

func newChat(w *worker, number int) *chat {
	s := w.setup
	c := &chat{
		worker: w, number: number, sockets: make([]*socket, s.Sockets),
		judge: check.New(s.Sockets, s.Senders, !s.Typing), flights: make([]flight, s.Senders),
	}
	for i := range c.sockets {
		c.sockets[i] = &socket{chat: c, index: i, user: userID(s.Run, number, i)}
	}
	return c
}

// say sends the chat's next message. due is its scheduled time.
func (c *chat) say(due time.Time, measured bool) {
	c.mu.Lock()
	from := c.sockets[c.turn]
	c.turn = (c.turn + 1) % len(c.flights)
	c.mu.Unlock()
	from.say(due, measured)
}

// depart numbers a message of a sender and follows it from here on.
func (c *chat) depart(sender int, due time.Duration, measured bool) uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	seq := c.judge.Send(sender)
	e := entry{due: due, left: int32(c.judge.Receivers()), unacked: c.worker.setup.Acks, measured: measured}
	c.flights[sender].push(seq, e)
	c.worker.expect(e)
	return seq
}

// arrival is a delivery or an ack, as far as the meter and the closed loop care.
type arrival struct {
	counts  bool // for the meter
	latency time.Duration
	metered bool // the latency counts too
	landed  bool // nothing more of the message is to come
}

// deliver judges a message at socket r.
func (c *chat) deliver(r int, f frames.Frame, now time.Duration) arrival {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !f.Tagged || f.Tag.Run != c.worker.setup.Run:
		c.judge.Unexpect()
		return arrival{}
	case f.Tag.Chat != c.number:
		c.judge.Misroute()
		return arrival{}
	case c.judge.Receive(r, f.Tag.Sender, f.Tag.Seq) != check.First:
		return arrival{}
	}
	return c.arrived(f.Tag.Sender, f.Tag.Seq, now)
}

// deliverTyping judges a typing frame at socket r.
func (c *chat) deliverTyping(r int, f frames.Frame, now time.Duration) arrival {
	c.mu.Lock()
	defer c.mu.Unlock()
	sender := c.senderOf(f.UserID)
	seq, outcome := c.judge.ReceiveTyping(r, sender, f.On)
	if outcome != check.First {
		return arrival{}
	}
	return c.arrived(sender, seq, now)
}

// senderOf finds a typist, -1 when there is none of that name. The relay names nobody.
func (c *chat) senderOf(user []byte) int {
	if len(user) == 0 && len(c.flights) == 1 {
		return 0
	}
	for i := range c.flights {
		if c.sockets[i].user == string(user) {
			return i
		}
	}
	return -1
}

func (c *chat) arrived(sender int, seq uint32, now time.Duration) arrival {
	e := c.flights[sender].get(seq)
	if e == nil || e.left == 0 { // refused before
		return arrival{counts: true}
	}
	e.left--
	c.worker.pending.Add(-1)
	a := arrival{counts: true, latency: now - e.due, metered: e.measured, landed: e.done()}
	if a.landed {
		c.flights[sender].land()
	}
	return a
}

// acknowledge takes an ack at socket r; a later ack of the same message (accepted, then stored) only counts.
func (c *chat) acknowledge(r int, f frames.Frame, now time.Duration) arrival {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.own(r, f) {
		c.judge.Unexpect()
		return arrival{}
	}
	e := c.flights[r].get(f.Tag.Seq)
	if e == nil || !e.unacked {
		return arrival{counts: true}
	}
	e.unacked = false
	c.worker.pending.Add(-1)
	a := arrival{counts: true, latency: now - e.due, metered: e.measured, landed: e.done()}
	if a.landed {
		c.flights[r].land()
	}
	return a
}

// own says whether a frame that names a message names one of socket r's.
func (c *chat) own(r int, f frames.Frame) bool {
	return f.Tagged && f.Tag.Run == c.worker.setup.Run && f.Tag.Chat == c.number && f.Tag.Sender == r && r < len(c.flights)
}

// refuse takes an error frame at socket r; true when it ended the wait for a message.
func (c *chat) refuse(r int, f frames.Frame) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.own(r, f) || !c.judge.Refuse(r, f.Tag.Seq) {
		return false
	}
	e := c.flights[r].get(f.Tag.Seq)
	if e == nil || e.done() {
		return false
	}
	c.worker.forget(*e)
	e.left, e.unacked = 0, false
	c.flights[r].land()
	return true
}

func (c *chat) leave(r int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.judge.Leave(r)
}

// await says that socket r will be back.
func (c *chat) await(r int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.judge.Await(r)
}

// account adds the chat's verdict to the process's.
func (c *chat) account(f *Final) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.Verdict.Add(c.judge.Verdict())
	for i := range c.flights {
		f.Unacked += c.flights[i].unacked()
	}
}
