package client

import (
	"context"
	"errors"
	"io"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"eclipse/loadtest/chaos/internal/verify"
)

// socket is one connection and the goroutine that reads it.
type socket struct {
	conn     *websocket.Conn
	instance int
	asked    bool          // it was opened with a place, so a replay comes unasked
	frames   chan frame    // closed when the socket has ended
	dropped  chan struct{} // closed by drop
	reader   sync.WaitGroup
	code     int // of the close, set before frames is closed
}

// lost is the code of a connection that ended without a close frame.
const lost = 1006

// open dials the instance that the door names. It returns nil when that fails.
func (c *Client) open(ctx context.Context) *socket {
	instance, address := c.door.Enter(c.random)
	if address == "" {
		return nil
	}
	u := url.URL{Scheme: "ws", Host: address, Path: "/"}
	protocols := []string{"eclipse.v1", "bearer." + c.options.Token}
	if c.options.Old {
		protocols, u.RawQuery = nil, url.Values{"token": {c.options.Token}}.Encode()
	}
	// Both ways to ask for what was missed are used: when opening, and by a frame afterwards.
	asked := c.sequence.known && !c.options.Old && c.random.IntN(2) == 0
	if asked {
		at := c.sequence.at
		u.RawQuery = url.Values{"epoch": {at.epoch}, "offset": {strconv.FormatUint(at.offset, 10)}}.Encode()
	}
	dialer := websocket.Dialer{
		HandshakeTimeout: c.options.Timers.Handshake, Subprotocols: protocols,
		ReadBufferSize: 4096, WriteBufferPool: &writeBuffers,
	}
	conn, answer, err := dialer.DialContext(ctx, u.String(), nil)
	if answer != nil && answer.Body != nil {
		_ = answer.Body.Close()
	}
	if err != nil {
		c.door.Refused(instance)
		return nil
	}
	s := &socket{conn: conn, instance: instance, asked: asked, frames: make(chan frame, 64), dropped: make(chan struct{})}
	s.reader.Go(s.read)
	return s
}

var writeBuffers sync.Pool

// read hands frames over until the socket ends.
func (s *socket) read() {
	defer close(s.frames)
	s.code = lost
	var buf []byte
	for {
		_, r, err := s.conn.NextReader()
		if err == nil {
			buf, err = appendAll(buf[:0], r)
		}
		if err != nil {
			if end, ok := errors.AsType[*websocket.CloseError](err); ok {
				s.code = end.Code
			}
			return
		}
		f, ok := parse(buf)
		if !ok {
			continue // not ours: every frame of this protocol is an object
		}
		select {
		case s.frames <- f:
		case <-s.dropped:
			return
		}
	}
}

func appendAll(buf []byte, r io.Reader) ([]byte, error) {
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			return buf, nil
		}
		if err != nil {
			return buf, err
		}
	}
}

// send writes a frame. A failure shows as the end of the socket.
func (s *socket) send(p []byte, within time.Duration) bool {
	_ = s.conn.SetWriteDeadline(time.Now().Add(within)) // never fails
	return s.conn.WriteMessage(websocket.TextMessage, p) == nil
}

// drop breaks the connection off and waits until nobody reads it any more.
func (s *socket) drop() {
	close(s.dropped)
	_ = s.conn.Close()
	s.reader.Wait()
}

// maxAbandoned bounds how many half-open sockets a client keeps.
const maxAbandoned = 3

func (c *Client) abandon(s *socket) {
	c.abandoned = append(c.abandoned, s)
	if len(c.abandoned) > maxAbandoned {
		c.abandoned[0].drop()
		c.abandoned = c.abandoned[1:]
	}
}

// leave ends the use of a socket.
func (c *Client) leave(s *socket, code int, keep bool) {
	c.note(verify.Event{Kind: verify.Closed, Instance: int16(s.instance), Code: int16(code)})
	if keep {
		c.abandon(s)
	} else {
		s.drop()
	}
}
