package work

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"eclipse/internal/token"
	"eclipse/loadtest/internal/frames"
	"eclipse/loadtest/internal/ws"
)

// socket is one member of a chat.
type socket struct {
	chat  *chat
	index int
	user  string

	conn   *ws.Conn      // set by open, before anyone else uses the socket, and by a return while it is away
	joined chan struct{} // closed by the connected frame; of one that resumes, by the resumed frame
	heard  bool          // that frame came; the reader's
	unmet  error         // why it ended without that frame; the reader's until it has ended
	place  frames.Place  // of the last entry of the log that came; the reader's

	sending sync.Mutex    // a sender's messages go out in the order of their numbers
	away    bool          // nothing can be written now; guarded by sending
	leaving atomic.Bool   // it drops on purpose
	ended   chan struct{} // closed when the reader has ended
}

// joinTimeout is how long the connected frame may take after the upgrade.
const joinTimeout = 30 * time.Second

// open dials and waits until the socket has joined its chat. After an error its reader has ended.
func (s *socket) open(ctx context.Context) error {
	w := s.chat.worker
	start := time.Now()
	conn, err := ws.Dial(ctx, s.url(), ws.Options{Local: w.source(s), Protocols: w.protocols()})
	if err != nil {
		return err
	}
	s.conn = conn
	w.keep(conn)
	s.joined, s.ended, s.heard, s.unmet = make(chan struct{}), make(chan struct{}), false, nil
	w.readers.Add(1)
	go s.read(conn)
	patience := time.NewTimer(joinTimeout)
	defer patience.Stop()
	select {
	case <-s.joined:
	case <-s.ended:
		if s.unmet != nil {
			return turnedAway(s.unmet)
		}
	case <-patience.C:
		s.hangUp()
		return errors.New("no connected frame")
	case <-ctx.Done():
		s.hangUp()
		return ctx.Err()
	}
	w.meter.connected(time.Since(start))
	return nil
}

// turnedAway is the error of a server that takes the upgrade and then closes.
func turnedAway(err error) error {
	name := closeName(err)
	if name == "4001" || name == "4002" {
		name += ", the token is bad: is -jwt-secret the server's?"
	}
	return errors.New("closed before the connected frame: " + name)
}

// hangUp closes the socket without a word and returns when its reader has ended.
func (s *socket) hangUp() {
	s.leaving.Store(true)
	s.conn.CloseNow()
	<-s.ended
	s.leaving.Store(false)
}

// url spreads the sockets of a chat over the servers, and the chats too.
func (s *socket) url() *url.URL {
	w := s.chat.worker
	u := *w.urls[(s.chat.number+s.index)%len(w.urls)]
	q := u.Query()
	if w.setup.Room {
		q.Set("room", s.chat.id)
	} else {
		q.Set("token", s.token())
	}
	if s.place.Epoch != "" {
		q.Set("epoch", s.place.Epoch)
		q.Set("offset", strconv.FormatUint(s.place.Offset, 10))
	}
	u.RawQuery = q.Encode()
	return &u
}

// tokenLife is longer than any run: sockets must not expire under measurement.
const tokenLife = 24 * time.Hour

func (s *socket) token() string {
	w := s.chat.worker
	now := time.Now()
	t, err := token.Mint(w.setup.Secret, token.Claims{
		UserID: s.user, ChatID: s.chat.id, Authenticated: s.index > 0, ExpiresAt: now.Add(tokenLife),
	}, now)
	if err != nil {
		return "" // the server says 4001, which is counted
	}
	return t
}

func userID(run uint64, chat, index int) string {
	kind := "agent"
	if index == 0 {
		kind = "anon"
	}
	return fmt.Sprintf("%s_%08x_%d_%d", kind, uint32(run), chat, index)
}

func (s *socket) role() string {
	if s.index == 0 {
		return "USER"
	}
	return "AGENT"
}

func (s *socket) read(conn *ws.Conn) {
	w := s.chat.worker
	defer w.readers.Done()
	defer close(s.ended)
	err := conn.Read(s.handle)
	conn.CloseNow()
	if !s.heard { // open tells it
		s.unmet = err
		return
	}
	if s.leaving.Load() {
		return
	}
	s.chat.leave(s.index)
	if !w.closing.Load() {
		w.meter.count(w.meter.closes, closeName(err))
	}
}

// closeName is a short and bounded name for why a socket ended.
func closeName(err error) string {
	var closed *ws.Closed
	switch {
	case errors.As(err, &closed):
		return strconv.Itoa(closed.Code)
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "1006"
	case errors.Is(err, net.ErrClosed):
		return "given up"
	}
	return "protocol error"
}

// handle takes one frame, in the reader's goroutine.
func (s *socket) handle(p []byte) {
	c, w := s.chat, s.chat.worker
	now := w.now()
	f := frames.Parse(p)
	switch f.Type {
	case frames.Message:
		s.keepPlace(p)
		w.received(c, c.deliver(s.index, f, now))
	case frames.TypingState:
		if w.setup.Types {
			return
		}
		w.received(c, c.deliverTyping(s.index, f, now))
	case frames.Ack:
		w.acknowledged(c, f.Stored, c.acknowledge(s.index, f, now))
	case frames.Connected:
		if s.place.Epoch == "" {
			s.keepPlace(p)
			s.join()
		}
	case frames.Resumed:
		s.join()
	case frames.Error:
		s.refused(f)
	case frames.Malformed:
		w.meter.count(w.meter.errors, "malformed frame")
	case frames.Failed:
		s.keepPlace(p)
		w.meter.count(w.meter.errors, "message_failed")
	case frames.Other:
		s.keepPlace(p)
	}
}

// refused takes an error frame.
func (s *socket) refused(f frames.Frame) {
	c, w := s.chat, s.chat.worker
	named, awaited := c.refuse(s.index, f)
	w.meter.count(w.meter.errors, string(f.Code))
	if named {
		w.meter.count(w.meter.named, string(f.Code))
	}
	if awaited {
		w.later(c)
	}
}

// join is called for the frame that ends an opening.
func (s *socket) join() {
	if !s.heard {
		s.heard = true
		close(s.joined)
	}
}

// keepPlace remembers the place of an entry of the log. A frame without a place is none.
func (s *socket) keepPlace(p []byte) {
	if !s.chat.worker.setup.Resume {
		return
	}
	if at := frames.PlaceOf(p); at.Epoch != "" {
		s.place = at
	}
}

// say sends this socket's next message.
func (s *socket) say(due time.Time, measured bool) {
	w := s.chat.worker
	s.sending.Lock()
	defer s.sending.Unlock()
	seq := s.chat.depart(s.index, due.Sub(w.epoch), measured)
	if !s.away {
		s.write(seq)
	}
	w.meter.sent(time.Since(due), measured)
}

// write writes message seq. sending is held.
func (s *socket) write(seq uint32) {
	w := s.chat.worker
	var err error
	if w.setup.Typing {
		err = s.conn.WriteText(frames.Typing(seq%2 == 1))
	} else {
		if w.setup.Types {
			err = s.conn.WriteText(frames.Typing(true))
		}
		tag := frames.Tag{Run: w.setup.Run, Chat: s.chat.number, Sender: s.index, Seq: seq}
		buf := scratch.Get().(*[]byte)
		*buf = frames.AppendMessage((*buf)[:0], tag, s.role(), w.setup.Size, w.setup.V1)
		err = errors.Join(err, s.conn.WriteText(*buf))
		scratch.Put(buf)
	}
	if err != nil {
		w.meter.count(w.meter.errors, "not written")
	}
}

var scratch = sync.Pool{New: func() any { return new([]byte) }}
