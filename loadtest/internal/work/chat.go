package work

import (
	"fmt"
	"sync"
	"time"

	"eclipse/loadtest/internal/check"
	"eclipse/loadtest/internal/frames"
)

// chat is one chat of the run with all of its sockets.
type chat struct {
	worker  *worker
	number  int
	id      string
	sockets []*socket

	mu      sync.Mutex
	judge   *check.Chat
	flights []flight // by sender
	turn    int      // who sends next
}

func newChat(w *worker, number int) *chat {
	s := w.setup
	c := &chat{
		worker: w, number: number, id: fmt.Sprintf("load-%08x-%d", uint32(s.Run), number), sockets: make([]*socket, s.Sockets),
		judge: check.New(s.Sockets, s.Senders, !s.Typing), flights: make([]flight, s.Senders),
	}
	for i := range c.sockets {
		c.sockets[i] = &socket{chat: c, index: i, user: userID(s.Run, number, i)}
	}
	if i := number - s.FirstChat; i < len(s.Known) {
		c.become(s.Known[i])
	}
	return c
}

// become gives a chat the id of one that the server's app knows, and its agents theirs.
func (c *chat) become(known Known) {
	c.id = known.Chat
	for _, s := range c.sockets[1:] {
		if known.Agent != "" {
			s.user = known.Agent
		}
	}
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
	acks := c.worker.setup.Acks
	e := entry{due: due, left: int32(c.judge.Receivers()), unacked: acks, unstored: acks, measured: measured}
	c.flights[sender].push(seq, e)
	c.worker.pending.Add(e.waits())
	return seq
}

// arrival is a delivery or an ack, as far as the meter and the closed loop care.
type arrival struct {
	counts  bool // for the meter
	latency time.Duration
	metered bool // the latency counts too
	landed  bool // everyone has the message now, and its sender an ack
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

// acknowledge takes an ack at socket r. The first of a message is the one that counts for the meter and the closed loop;
// until one says stored, the message is waited for.
func (c *chat) acknowledge(r int, f frames.Frame, now time.Duration) arrival {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.own(r, f) {
		c.judge.Unexpect()
		return arrival{}
	}
	a := arrival{counts: true}
	e := c.flights[r].get(f.Tag.Seq)
	if e == nil {
		return a
	}
	if e.unacked {
		e.unacked = false
		a.latency, a.metered, a.landed = now-e.due, e.measured, e.done()
	}
	if f.Stored && e.unstored {
		e.unstored = false
		c.worker.pending.Add(-1)
	}
	c.flights[r].land()
	return a
}

// own says whether a frame that names a message names one of socket r's.
func (c *chat) own(r int, f frames.Frame) bool {
	return f.Tagged && f.Tag.Run == c.worker.setup.Run && f.Tag.Chat == c.number && f.Tag.Sender == r && r < len(c.flights)
}

// refuse takes an error frame at socket r: whether it names one of the socket's messages, and whether a closed loop waited
// for that one.
func (c *chat) refuse(r int, f frames.Frame) (named, awaited bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.own(r, f) {
		return false, false
	}
	if !c.judge.Refuse(r, f.Tag.Seq) {
		return c.judge.Refused(r, f.Tag.Seq), false // again, or a number that was never sent
	}
	e := c.flights[r].get(f.Tag.Seq)
	if e == nil {
		return true, false
	}
	awaited = !e.done()
	c.worker.pending.Add(-e.waits())
	e.left, e.unacked, e.unstored = 0, false, false
	c.flights[r].land()
	return true, awaited
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
		unacked, unstored := c.flights[i].missing()
		f.Unacked, f.Unstored = f.Unacked+unacked, f.Unstored+unstored
	}
}
