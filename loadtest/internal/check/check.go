package check

// Outcome of one delivery.
type Outcome uint8

const (
	First      Outcome = iota // the socket has it for the first time
	Repeat                    // the socket had it already
	Unexpected                // nobody sent it, or not to this socket
	Ended                     // the server's own end of typing, after its silence
)

// Chat follows one chat: its first senders sockets send, numbered messages 1, 2, 3 … each, and all sockets receive.
type Chat struct {
	echo      bool
	senders   []sender
	receivers [][]progress // receivers[r][s]: how far socket r is with sender s
	order     order
	counts    Verdict
}

type sender struct {
	sent    uint32
	refused map[uint32]struct{}
}

// New follows a chat of the given number of sockets. With echo a sender must receive its own messages, without it
// must not.
func New(sockets, senders int, echo bool) *Chat {
	c := &Chat{echo: echo, senders: make([]sender, senders), receivers: make([][]progress, sockets)}
	all := make([]progress, sockets*senders)
	for r := range c.receivers {
		c.receivers[r] = all[r*senders : (r+1)*senders : (r+1)*senders]
	}
	c.order.init(sockets)
	return c
}

// Send counts the next message of sender s and returns its number. Call it before the message can be received.
func (c *Chat) Send(s int) uint32 {
	c.senders[s].sent++
	return c.senders[s].sent
}

// Receivers is the number of deliveries that one message of a sender must cause.
func (c *Chat) Receivers() int {
	if c.echo {
		return len(c.receivers)
	}
	return len(c.receivers) - 1
}

// Refuse says that the server refused message seq of sender s, so that nobody waits for it. It is false when that
// was known or nothing of the kind was sent.
func (c *Chat) Refuse(s int, seq uint32) bool {
	if s < 0 || s >= len(c.senders) || seq == 0 || seq > c.senders[s].sent {
		return false
	}
	from := &c.senders[s]
	if _, known := from.refused[seq]; known {
		return false
	}
	if from.refused == nil {
		from.refused = map[uint32]struct{}{}
	}
	from.refused[seq] = struct{}{}
	return true
}

// Refused tells whether the server refused message seq of sender s.
func (c *Chat) Refused(s int, seq uint32) bool {
	_, refused := c.senders[s].refused[seq]
	return refused
}

// Sent is the number of messages of sender s.
func (c *Chat) Sent(s int) uint32 { return c.senders[s].sent }

// Receive judges the delivery of message seq of sender s at socket r.
func (c *Chat) Receive(r, s int, seq uint32) Outcome {
	if s < 0 || s >= len(c.senders) || seq == 0 || seq > c.senders[s].sent || (r == s && !c.echo) {
		c.counts.Unexpected++
		return Unexpected
	}
	at := &c.receivers[r][s]
	if at.has(seq) {
		c.counts.Duplicated++
		return Repeat
	}
	if seq < at.high {
		c.counts.OutOfOrder++
	}
	at.add(seq)
	c.counts.Received++
	c.order.arrive(r, mark{int32(s), seq})
	return First
}

// ReceiveTyping judges a typing frame at socket r. Typing carries no number, so senders alternate, on with the odd
// messages, and a frame counts as the next one of its parity: a single one lost shows at once, a pair of them at the
// end. What comes when everything sent is here already is a repeat, but for the end that the server makes of typing
// which nobody ended. It returns the number that it was taken for.
func (c *Chat) ReceiveTyping(r, s int, on bool) (uint32, Outcome) {
	if s < 0 || s >= len(c.senders) || r == s {
		c.counts.Unexpected++
		return 0, Unexpected
	}
	seq := c.receivers[r][s].high + 1
	if on != (seq%2 == 1) {
		seq++
	}
	switch sent := c.senders[s].sent; {
	case seq == sent+1 && !on: // the last that was sent was on
		return 0, Ended
	case seq > sent:
		c.counts.Duplicated++
		return 0, Repeat
	}
	return seq, c.Receive(r, s, seq)
}

// Misroute counts a delivery that belongs to another chat.
func (c *Chat) Misroute() { c.counts.Misrouted++ }

// Unexpect counts a delivery that is nothing that this run sent.
func (c *Chat) Unexpect() { c.counts.Unexpected++ }

// Leave says that socket r is closed: what it still misses is lost, unless it is awaited again.
func (c *Chat) Leave(r int) { c.order.leave(r) }

// Await says that socket r, which may have left, will be back and get what it missed.
func (c *Chat) Await(r int) { c.order.await(r) }

// Verdict is the judgement so far; what is still on its way counts as lost.
func (c *Chat) Verdict() Verdict {
	v := c.counts
	v.Forked = c.order.forked()
	for s := range c.senders {
		from := &c.senders[s]
		v.Sent += int64(from.sent)
		v.Refused += int64(len(from.refused))
		v.Expected += (int64(from.sent) - int64(len(from.refused))) * int64(c.Receivers())
		for r := range c.receivers {
			if r == s && !c.echo {
				continue
			}
			lost, contradicted := c.receivers[r][s].reconcile(from)
			v.Lost += lost
			v.RefusedDelivered += contradicted
		}
	}
	return v
}

// progress of one socket through one sender's messages.
type progress struct {
	low   uint32              // everything up to here was received
	high  uint32              // the highest number received
	early map[uint32]struct{} // received above low; nil as long as nothing is missing
}

func (p *progress) has(seq uint32) bool {
	if seq <= p.low {
		return true
	}
	_, early := p.early[seq]
	return early
}

func (p *progress) add(seq uint32) {
	p.high = max(p.high, seq)
	if seq != p.low+1 {
		if p.early == nil {
			p.early = map[uint32]struct{}{}
		}
		p.early[seq] = struct{}{}
		return
	}
	p.low = seq
	for len(p.early) > 0 {
		if _, next := p.early[p.low+1]; !next {
			return
		}
		p.low++
		delete(p.early, p.low)
	}
}

// reconcile counts what is missing of what was sent and not refused, and what came although it was refused.
func (p *progress) reconcile(from *sender) (lost, contradicted int64) {
	missing := int64(from.sent) - int64(p.low) - int64(len(p.early))
	for seq := range from.refused {
		if p.has(seq) {
			contradicted++
		} else {
			missing--
		}
	}
	return missing, contradicted
}
