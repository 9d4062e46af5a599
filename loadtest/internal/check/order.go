package check

// order finds out whether all sockets of a chat received its messages in one order. As long as they do, it is one
// line of messages, as the first socket to receive each saw it, and how far along the line every socket is; what all
// have passed is cut off, so the line stays short however long a run takes. From the first divergence on it keeps
// what each socket receives, since only the whole tells a loss, which is no fork, from two orders.
type order struct {
	line []mark
	base int    // position of line[0]
	at   []int  // per socket: the position that it expects next
	left []bool // per socket: it is closed and holds nobody up
	room int    // length of the line at which to look for a prefix to cut

	logs [][]mark // per socket: what it received; nil while nothing diverged
}

type mark struct {
	sender int32
	seq    uint32
}

const minRoom = 64 // messages: looking for a prefix to cut more often costs more than it frees

func (o *order) init(sockets int) {
	o.at = make([]int, sockets)
	o.left = make([]bool, sockets)
	o.room = minRoom
}

// arrive takes the next message of socket r, which it has never received before. What a socket that was away for long has
// to catch up with may be cut off already; in which order it comes is not checked then.
func (o *order) arrive(r int, m mark) {
	if o.logs == nil {
		i := o.at[r] - o.base
		switch {
		case i < 0:
			o.at[r]++
			return
		case i == len(o.line):
			o.line = append(o.line, m)
			o.at[r]++
			if len(o.line) > o.room {
				o.trim()
			}
			return
		case o.line[i] == m:
			o.at[r]++
			return
		}
		o.diverge()
	}
	o.logs[r] = append(o.logs[r], m)
}

func (o *order) leave(r int) { o.left[r] = true }

// await has socket r hold the line up again.
func (o *order) await(r int) { o.left[r] = false }

func (o *order) trim() {
	first := o.base + len(o.line)
	for r, at := range o.at {
		if !o.left[r] {
			first = min(first, max(at, o.base))
		}
	}
	o.line = o.line[:copy(o.line, o.line[first-o.base:])]
	o.base = first
	o.room = max(minRoom, 2*len(o.line))
}

// diverge starts the logs with what each socket had of the line.
func (o *order) diverge() {
	o.logs = make([][]mark, len(o.at))
	for r, at := range o.at {
		o.logs[r] = append([]mark(nil), o.line[:max(0, at-o.base)]...)
	}
	o.line = nil
}

// forked counts the deliveries that stand at another place than at other sockets. It merges the logs into one
// order; where no message is next at every socket that has it, it takes the one that most sockets have next, and
// the others have it at the wrong place.
func (o *order) forked() int64 {
	m := merge{next: make([]int, len(o.logs)), state: map[mark]*standing{}}
	for _, log := range o.logs {
		for _, message := range log {
			if m.state[message] == nil {
				m.state[message] = &standing{}
			}
			m.state[message].sockets++
		}
	}
	for r, log := range o.logs {
		m.advance(r, log)
	}
	for left := len(m.state); left > 0; left-- {
		pick := m.pick(o.logs)
		m.forked += int64(m.state[pick].sockets - m.state[pick].heads)
		m.state[pick].taken = true
		for r, log := range o.logs {
			if m.next[r] < len(log) && log[m.next[r]] == pick {
				m.advance(r, log)
			}
		}
	}
	return m.forked
}

type merge struct {
	next   []int // per socket: where its log goes on
	state  map[mark]*standing
	ready  []mark // next at every socket that has it
	forked int64
}

type standing struct {
	sockets int // how many have it
	heads   int // at how many it is next
	taken   bool
}

// advance moves socket r to its next message that was not taken yet.
func (m *merge) advance(r int, log []mark) {
	for m.next[r] < len(log) && m.state[log[m.next[r]]].taken {
		m.next[r]++
	}
	if m.next[r] == len(log) {
		return
	}
	s := m.state[log[m.next[r]]]
	if s.heads++; s.heads == s.sockets {
		m.ready = append(m.ready, log[m.next[r]])
	}
}

func (m *merge) pick(logs [][]mark) mark {
	if n := len(m.ready); n > 0 {
		pick := m.ready[n-1]
		m.ready = m.ready[:n-1]
		return pick
	}
	var best mark
	most := 0
	for r, log := range logs {
		if m.next[r] == len(log) {
			continue
		}
		if heads := m.state[log[m.next[r]]].heads; heads > most {
			best, most = log[m.next[r]], heads
		}
	}
	return best
}
