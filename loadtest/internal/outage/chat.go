package outage

import (
	"fmt"
	"sync"
	"time"

	"eclipse/loadtest/internal/check"
	"eclipse/loadtest/internal/frames"
)

// chat is two members and what is known of their messages.
type chat struct {
	run     *run
	number  int
	group   group
	members [2]*member

	mu      sync.Mutex
	judge   *check.Chat
	letters []letters // by sender
	turn    int       // who sends next
	stored  time.Time // of the first ack that says stored since the last call of await, zero = none yet
}

func newChat(r *run, number int) *chat {
	c := &chat{run: r, number: number, group: groupOf(number)}
	senders := len(c.members)
	if c.group.types() {
		senders = 1 // the server ends a typist's typing itself after a while, so that one must not pause
	}
	c.judge = check.New(len(c.members), senders, !c.group.types())
	c.letters = make([]letters, senders)
	for i := range c.members {
		c.members[i] = newMember(c, i)
	}
	return c
}

func (c *chat) id() string { return fmt.Sprintf("outage-%08x-%d", uint32(c.run.id), c.number) }

// say sends the chat's next message. due is its scheduled time.
func (c *chat) say(due time.Time) {
	c.mu.Lock()
	from := c.members[c.turn]
	c.turn = (c.turn + 1) % len(c.letters)
	c.mu.Unlock()
	from.say(due)
}

// depart numbers a message of a sender and follows it from here on.
func (c *chat) depart(sender int, due time.Time) uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	seq := c.judge.Send(sender)
	c.letters[sender].push(seq, letter{
		due: due, stamp: c.run.ledger.depart(c.group), left: c.judge.Receivers(), unstored: !c.group.types(),
	})
	return seq
}

// hear takes a frame at a member. What comes while the run's sockets end tells of that only.
func (c *chat) hear(at int, f frames.Frame) {
	if c.run.ending.Load() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch f.Type {
	case frames.Message:
		c.deliver(at, f)
	case frames.TypingState:
		if string(f.UserID) != c.members[0].user {
			c.judge.Unexpect()
			return
		}
		seq, outcome := c.judge.ReceiveTyping(at, 0, f.On)
		c.arrived(0, seq, outcome)
	case frames.Ack:
		c.acknowledge(at, f)
	case frames.Error:
		c.refuse(at, f)
	case frames.Failed:
		c.run.fault("message_failed")
	case frames.Malformed:
		c.run.fault("malformed frame")
	}
}

func (c *chat) deliver(at int, f frames.Frame) {
	switch {
	case !f.Tagged || f.Tag.Run != c.run.id || c.group.types():
		c.judge.Unexpect()
	case f.Tag.Chat != c.number:
		c.judge.Misroute()
	default:
		c.arrived(f.Tag.Sender, f.Tag.Seq, c.judge.Receive(at, f.Tag.Sender, f.Tag.Seq))
	}
}

func (c *chat) arrived(sender int, seq uint32, outcome check.Outcome) {
	switch outcome {
	case check.Repeat:
		c.run.ledger.repeat()
	case check.First:
		if l := c.letters[sender].get(seq); l != nil { // else it was refused
			l.left--
			c.run.ledger.arrive(c.group, l.stamp, time.Since(l.due))
			c.land(sender, l)
		}
	}
}

// own returns the letter that an answer to a member names, nil when there is none that waits for an answer.
func (c *chat) own(at int, f frames.Frame) *letter {
	if !f.Tagged || f.Tag.Run != c.run.id || f.Tag.Chat != c.number || f.Tag.Sender != at || at >= len(c.letters) {
		return nil
	}
	l := c.letters[at].get(f.Tag.Seq)
	if l == nil || !l.unstored {
		return nil
	}
	return l
}

// acknowledge takes an ack. A message may be acknowledged again, since it was sent again.
func (c *chat) acknowledge(at int, f frames.Frame) {
	l := c.own(at, f)
	switch {
	case l == nil:
	case !f.Stored:
		c.run.ledger.accept()
	default:
		if c.stored.IsZero() {
			c.stored = time.Now()
		}
		l.unstored = false
		c.land(at, l)
	}
}

func (c *chat) refuse(at int, f frames.Frame) {
	l := c.own(at, f)
	if l == nil || !c.judge.Refuse(at, f.Tag.Seq) {
		c.run.fault(string(f.Code)) // it refuses nothing that waits for an answer
		return
	}
	c.run.ledger.refuse(c.group, string(f.Code), f.Retryable)
	if !f.Retryable {
		c.run.fault(string(f.Code))
	}
	l.left, l.unstored = 0, false
	c.land(at, l)
}

func (c *chat) land(sender int, l *letter) {
	if l.landed() {
		c.run.ledger.settle(l.stamp)
		c.letters[sender].trim()
	}
}

// unanswered lists the numbers of a member's messages without a final answer.
func (c *chat) unanswered(sender int) []uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if sender >= len(c.letters) || c.group.types() {
		return nil
	}
	return c.letters[sender].unanswered()
}

// await forgets when a message was stored last.
func (c *chat) await() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stored = time.Time{}
}

// storedAt is when a message was stored for the first time since await.
func (c *chat) storedAt() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stored
}
