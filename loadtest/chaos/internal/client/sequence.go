package client

// position is a place in a chat's log. Of two epochs the greater is the newer.
type position struct {
	epoch  string
	offset uint64
}

func (p position) before(o position) bool {
	return p.epoch < o.epoch || p.epoch == o.epoch && p.offset < o.offset
}

// sequence is where a client is in a chat's log. It moves only over what is complete; what came beyond a hole is
// remembered and counted in when the hole is filled.
type sequence struct {
	known   bool // the first position was taken
	at      position
	highest position // that was ever heard of
	ahead   map[position]bool
}

// maxAhead bounds what is remembered beyond a hole; more than that is a resume anyway.
const maxAhead = 1000

// see notes a frame's place. It tells whether something before it is missing.
func (s *sequence) see(p position) (hole bool) {
	s.note(p)
	switch {
	case !s.known:
		s.moveTo(p)
		return false
	case !s.at.before(p):
		return false
	}
	if len(s.ahead) < maxAhead {
		if s.ahead == nil {
			s.ahead = map[position]bool{}
		}
		s.ahead[p] = true
	}
	if p.epoch > s.at.epoch || p.offset > s.at.offset+1 {
		return true
	}
	s.advance()
	return false
}

// note hears how far the log goes, without having what is there.
func (s *sequence) note(p position) {
	if s.highest.before(p) {
		s.highest = p
	}
}

// settle gives holes up: everything that was ever heard of is known by other means.
func (s *sequence) settle() {
	if s.highest.epoch != "" {
		s.moveTo(s.highest)
	}
}

// moveTo takes a position over when everything before it is known. It never goes back.
func (s *sequence) moveTo(p position) {
	if s.known && p.before(s.at) {
		return
	}
	if p.epoch != s.at.epoch {
		for o := range s.ahead {
			if o.epoch != p.epoch {
				delete(s.ahead, o)
			}
		}
	}
	s.note(p)
	s.known, s.at = true, p
	s.advance()
}

func (s *sequence) advance() {
	for next := (position{s.at.epoch, s.at.offset + 1}); s.ahead[next]; next.offset++ {
		delete(s.ahead, next)
		s.at = next
	}
}
