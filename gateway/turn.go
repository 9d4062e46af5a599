package gateway

// turn tells whose a watched socket is. Whoever reads it or ends it owns it; while it rests nobody does. The watcher (something
// has arrived) and Close and drop (it has to be ended) take a resting one, and a worker goes on with it. Only one of them can take
// it, so exactly one ends it. A socket that is not watched never rests: the goroutine that parks for it owns it.
const (
	turnTaken   uint32 = iota // also before it is watched
	turnAgain                 // taken, and something has arrived since
	turnResting               // nobody's
)

// begin lets a new socket wait for its first frame: in the watcher, or with a goroutine of its own.
func (s *socket) begin() {
	if !s.server.watcher.add(s) {
		go s.park()
		return
	}
	s.watched = true
	if !s.rest() {
		s.server.workers.Run(s)
	}
}

// rest lets go of a socket from which everything has been read. False: it is still the caller's, who must look again.
func (s *socket) rest() bool {
	s.transport.emptied = false
	if !s.turn.CompareAndSwap(turnTaken, turnResting) {
		s.turn.Store(turnTaken)
		return false
	}
	return !s.transport.closing.Load() || !s.take() // closing is set before somebody looks for a socket that rests
}

// take makes a resting socket the caller's.
func (s *socket) take() bool { return s.turn.CompareAndSwap(turnResting, turnTaken) }

// rouse takes a resting socket for what has arrived, or tells its owner to look again.
func (s *socket) rouse() bool {
	for {
		switch s.turn.Load() {
		case turnResting:
			if s.take() {
				return true
			}
		case turnTaken:
			if s.turn.CompareAndSwap(turnTaken, turnAgain) {
				return false
			}
		default:
			return false
		}
	}
}

// awake is called by the watcher when something has arrived. An idle socket gets nothing but the answer to our ping, which is
// dealt with here; for everything else it wakes a worker, and says so. The last event is the one that tells of the peer's end.
func (s *socket) awake(last bool) bool {
	if last {
		s.transport.last.Store(true)
	}
	if !s.rouse() || (s.awaitsAnswer() && s.settle()) {
		return false
	}
	s.server.workers.Run(s)
	return true
}

// settle lets the socket rest unless there is something to read or it has to be ended.
func (s *socket) settle() bool {
	for !s.transport.closing.Load() {
		if s.transport.drained() && s.rest() {
			return true
		}
		if s.look() {
			return false
		}
	}
	return false
}

// look reads once without waiting; true when there is something to read, or reading has ended.
func (s *socket) look() bool {
	t := &s.transport
	if t.chunk == nil && t.err == nil {
		t.glance()
	}
	if t.chunk != nil && s.isAnswer(t.chunk[:t.to]) {
		s.answered()
	}
	return t.chunk != nil || t.err != nil
}

// serveWatched reads until nothing is left, then lets the socket rest.
func (s *socket) serveWatched() {
	for !s.settle() {
		err := s.transport.err
		if err == nil && s.transport.closing.Load() {
			err = errClosing
		}
		if err == nil {
			err = s.readArrived()
		}
		if err != nil {
			s.end(err)
			return
		}
	}
}

// interrupt ends a socket that rests, after it was closed. In all other cases its owner notices.
func (s *socket) interrupt() {
	if s.take() {
		s.server.workers.Run(s)
	}
}
