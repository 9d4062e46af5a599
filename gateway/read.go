package gateway

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/gorilla/websocket"

	"eclipse/actors"
	"eclipse/internal/metrics"
	"eclipse/internal/token"
	"eclipse/internal/wire"
)

var (
	errFlood   = errors.New("gateway: far over the rate limit")
	errPanic   = errors.New("gateway: panic")
	errClosing = errors.New("gateway: closed by us")
)

// park is how a socket waits that cannot be watched: in a goroutine, until there is something to read, for a worker.
func (s *socket) park() {
	if err := s.transport.await(s.arrived); err != nil {
		s.end(err)
		return
	}
	s.server.workers.Run(s)
}

// arrived is called while a goroutine is parked for the socket, whenever something may be there; true ends the parking. The answer to our ping is
// dealt with here and now: an idle socket gets nothing else, and need not wake a worker for it. One answer per ping is let
// through so; more of them are counted like any frame.
func (s *socket) arrived(fd uintptr) bool {
	t := &s.transport
	for t.receive(fd) {
		if t.err != nil || !s.isAnswer(t.chunk[:t.to]) {
			return true
		}
		s.answered()
	}
	return false
}

// isAnswer tells whether a whole pong, and nothing else, has arrived after a ping without any other sign of life.
func (s *socket) isAnswer(frame []byte) bool {
	return len(frame) == 2+maskSize && frame[0] == headPong && frame[1] == masked && s.awaitsAnswer()
}

func (s *socket) awaitsAnswer() bool { return s.seen.Load() < s.pinged.Load() }

func (s *socket) answered() {
	s.seen.Store(s.pinged.Load())
	s.transport.discard()
}

// serve reads every frame that has arrived, then lets the socket wait again.
func (s *socket) serve() {
	if s.watched {
		s.serveWatched()
		return
	}
	if err := s.readArrived(); err != nil {
		s.end(err)
		return
	}
	go s.park()
}

func (s *socket) readArrived() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errPanic
			s.server.metrics.Panic(metrics.ActorConnection)
			s.server.log.Error("socket panicked", "chat", shortID(s.chatID), "kind", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
		}
	}()
	r := s.server.readers.borrow(s)
	for {
		if err := s.readFrame(r); err != nil {
			return err
		}
		s.transport.frameRead()
		if r.buffer.Buffered() == 0 && !s.transport.pending() {
			s.server.readers.giveBack(r)
			return nil
		}
	}
}

// readFrame reads one message or one ping or pong. These two must not go through NextReader, which after them would wait for the
// next message, deep in its stack and with a buffer.
func (s *socket) readFrame(r *reader) error {
	head, err := r.buffer.Peek(2)
	if err != nil {
		return err
	}
	s.seen.Store(s.server.pulse.now())
	if size := head[1] &^ masked; head[1]&masked != 0 && size <= maxControl {
		switch head[0] {
		case headPing:
			return readControl(r.buffer, int(size), s.onPing)
		case headPong:
			return readControl(r.buffer, int(size), func([]byte) error { return s.onPong() })
		}
	}
	return s.readMessage(r)
}

// readControl reads a masked control frame with a payload of n bytes.
func readControl(b *bufio.Reader, n int, handle func(data []byte) error) error {
	frame, err := b.Peek(2 + maskSize + n)
	if err != nil {
		return err
	}
	mask, data := frame[2:2+maskSize], frame[2+maskSize:]
	for i := range data {
		data[i] ^= mask[i%maskSize]
	}
	err = handle(data)
	_, _ = b.Discard(len(frame)) // it was peeked
	return err
}

func (s *socket) readMessage(r *reader) error {
	kind, data, err := r.ws.NextReader()
	if err != nil {
		return err
	}
	r.message.Reset()
	if _, err := r.message.ReadFrom(data); err != nil {
		return err
	}
	s.seen.Store(s.server.pulse.now())
	return s.onMessage(kind, r.message.Bytes())
}

func (s *socket) onMessage(kind int, data []byte) error {
	wait, verdict := s.throttle.take()
	if verdict == flood {
		return errFlood
	}
	f, fault := wire.ClientFrame{}, errBinary
	if kind == websocket.TextMessage {
		f, fault = wire.DecodeClient(data, s.server.decodeLimits())
	}
	switch {
	case verdict == tooFast:
		s.slowDown(f, fault, wait)
	case fault != nil:
		s.server.metrics.FrameIn(metrics.KindInvalid, true)
		s.session.Reject(fault, f)
	default:
		s.dispatch(f)
	}
	return nil
}

// errBinary is what a binary message is answered; the socket lives.
var errBinary = wire.NewError(wire.BadFrame, "a frame is text, not binary")

func (s *Server) decodeLimits() wire.Limits {
	return wire.Limits{MaxContent: s.opts.MaxContent, MaxFrame: s.opts.MaxFrame}
}

// slowDown refuses a frame over the rate limit. Typing and read marks are dropped in silence: the next one makes up for them.
func (s *socket) slowDown(f wire.ClientFrame, fault *wire.Error, wait time.Duration) {
	if fault != nil {
		s.server.metrics.FrameIn(metrics.KindInvalid, true)
	} else {
		s.server.metrics.FrameIn(uint8(f.Kind), true)
		switch f.Kind {
		case wire.KindTyping, wire.KindRead, wire.KindIgnored:
			s.server.metrics.Drop(metrics.DropTypingRateLimited)
			return
		}
	}
	e := wire.NewError(wire.RateLimited, "")
	e.RetryAfter = wait
	s.session.Reject(e, f)
}

func (s *socket) dispatch(f wire.ClientFrame) {
	switch f.Kind {
	case wire.KindSubscribe:
		s.withToken(f, s.session.Subscribe)
	case wire.KindAuth:
		s.withToken(f, s.session.Authenticate)
	case wire.KindIgnored:
		s.server.metrics.FrameIn(uint8(f.Kind), false)
	default:
		s.server.metrics.FrameIn(uint8(f.Kind), false)
		s.session.Handle(f)
	}
}

// withToken verifies a frame's token, which must be for the chat that the frame names (by default the opening token's).
func (s *socket) withToken(f wire.ClientFrame, use func(wire.ClientFrame, actors.Identity)) {
	claims, err := s.server.opts.Verifier.Verify(f.Token, time.Now())
	chat := f.ChatID
	if chat == "" {
		chat = s.chatID
	}
	switch {
	case err != nil:
		_, detail := token.CloseReason(err)
		s.rejectToken(f, tokenFault(err), detail)
	case claims.ChatID != chat:
		s.rejectToken(f, metrics.TokenForeign, "token is for another chat")
	default:
		s.server.metrics.FrameIn(uint8(f.Kind), false)
		use(f, identity(claims))
		s.expire() // it may end sooner than what was there
	}
}

func (s *socket) rejectToken(f wire.ClientFrame, fault metrics.TokenFault, detail string) {
	s.server.metrics.FrameIn(uint8(f.Kind), true)
	s.server.metrics.BadToken(fault)
	f.Token = "" // nobody needs it any more
	s.session.Reject(wire.NewError(wire.TokenInvalid, detail), f)
}

// onPing answers a transport ping; over the rate limit it is left unanswered. data is valid during the call.
func (s *socket) onPing(data []byte) error {
	switch _, verdict := s.throttle.take(); verdict {
	case flood:
		return errFlood
	case tooFast:
		s.server.metrics.FrameIn(uint8(wire.KindPing), true)
	default:
		s.session.Pong(bytes.Clone(data))
	}
	return nil
}

// onPong needs to do nothing: any frame is a sign of life. But it counts against the rate limit.
func (s *socket) onPong() error {
	switch _, verdict := s.throttle.take(); verdict {
	case flood:
		return errFlood
	case tooFast:
		s.server.metrics.FrameIn(uint8(wire.KindIgnored), true)
	}
	return nil
}
