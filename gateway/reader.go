package gateway

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// reader is what it takes to read frames: gorilla's connection, its buffer, and room for a message. Between two messages none of
// these holds anything of a socket, so a socket borrows one only while something has arrived. Towards gorilla the reader is
// the network connection.
type reader struct {
	sock    *socket // who has borrowed it
	ws      *websocket.Conn
	buffer  *bufio.Reader // gorilla's
	message bytes.Buffer
}

const (
	readerSize  = 4096     // bytes of the buffer
	keptMessage = 16 << 10 // bytes; a reader that has grown larger is left to the garbage collector
)

// readers is a pool of them.
type readers struct{ pool sync.Pool }

func newReaders(maxFrame int) *readers {
	rs := new(readers)
	rs.pool.New = func() any { return newReader(maxFrame) }
	return rs
}

func (rs *readers) borrow(s *socket) *reader {
	r := rs.pool.Get().(*reader)
	r.sock = s
	return r
}

// giveBack takes a reader that has read whole messages only. One that failed is not given back, since gorilla's errors last.
func (rs *readers) giveBack(r *reader) {
	r.sock = nil
	if r.message.Cap() <= keptMessage {
		rs.pool.Put(r)
	}
}

// newReader shakes hands with itself, since that is the only way to make a server's connection with gorilla.
func newReader(maxFrame int) *reader {
	r := new(reader)
	r.buffer = bufio.NewReaderSize(r, readerSize)
	up := websocket.Upgrader{WriteBufferPool: noBuffers{}, CheckOrigin: func(*http.Request) bool { return true }}
	ws, err := up.Upgrade(selfHandshake{reader: r}, &http.Request{Method: http.MethodGet, Header: http.Header{
		"Connection":            {"Upgrade"},
		"Upgrade":               {"websocket"},
		"Sec-Websocket-Version": {"13"},
		"Sec-Websocket-Key":     {"AAAAAAAAAAAAAAAAAAAAAA=="},
	}}, nil)
	if err != nil { // the request above is valid
		panic(err)
	}
	ws.SetReadLimit(int64(maxFrame))
	ws.SetPingHandler(func(data string) error { return r.sock.onPing([]byte(data)) })
	ws.SetPongHandler(func(string) error { return r.sock.onPong() })
	ws.SetCloseHandler(func(code int, _ string) error { r.sock.farewell = code; return nil })
	r.ws = ws
	return r
}

// noBuffers is a pool that holds nothing, since nothing is written through gorilla.
type noBuffers struct{}

func (noBuffers) Get() any { return nil }
func (noBuffers) Put(any)  {}

// selfHandshake is the answer to a handshake that nobody sees.
type selfHandshake struct {
	http.ResponseWriter
	reader *reader
}

func (h selfHandshake) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.reader, bufio.NewReadWriter(h.reader.buffer, bufio.NewWriter(io.Discard)), nil
}

// Read reads what the borrower's peer has sent.
func (r *reader) Read(p []byte) (int, error) { return r.sock.transport.Read(p) }

// Write discards: gorilla would answer a bad frame with a close frame of its own, but only the connection actor writes.
func (r *reader) Write(p []byte) (int, error) { return len(p), nil }

// The rest of net.Conn is for gorilla's writing side, which is not used.
func (r *reader) Close() error                     { return nil }
func (r *reader) LocalAddr() net.Addr              { return nil }
func (r *reader) RemoteAddr() net.Addr             { return nil }
func (r *reader) SetDeadline(time.Time) error      { return nil }
func (r *reader) SetReadDeadline(time.Time) error  { return nil }
func (r *reader) SetWriteDeadline(time.Time) error { return nil }
