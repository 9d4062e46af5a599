package ws

import (
	"net"
	"sync"
	"syscall"
)

// Conn is an open socket.
type Conn struct {
	conn    net.Conn
	raw     syscall.RawConn // nil: not a plain TCP connection
	decoder decoder         // owned by Read
}

// buffers of both directions; a connection borrows one while bytes move.
var buffers = sync.Pool{New: func() any { b := make([]byte, 16<<10); return &b }}

// WriteText sends one text message.
func (c *Conn) WriteText(payload []byte) error { return c.write(opText, payload) }

func (c *Conn) write(op byte, payload []byte) error {
	buf := buffers.Get().(*[]byte)
	frame := appendFrame((*buf)[:0], op, payload)
	_, err := c.conn.Write(frame)
	buffers.Put(buf)
	return err
}

// Read calls handle with every message until the socket ends, and returns why: *Closed after a close frame, else the
// network's error. The payload is valid during the call only. Call it once.
func (c *Conn) Read(handle func(payload []byte)) error {
	take := func(op byte, payload []byte) error { return c.take(op, payload, handle) }
	if err := c.decoder.feed(nil, take); err != nil {
		return err
	}
	if c.raw != nil {
		return c.readRaw(take)
	}
	return c.readConn(take)
}

func (c *Conn) take(op byte, payload []byte, handle func([]byte)) error {
	switch op {
	case opPing:
		return c.write(opPong, payload)
	case opPong:
		return nil
	case opClose:
		why := closed(payload)
		if len(payload) > 2 {
			payload = payload[:2]
		}
		_ = c.write(opClose, payload) // the server may be gone already
		return why
	}
	handle(payload)
	return nil
}

func (c *Conn) readConn(take func(byte, []byte) error) error {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	for {
		n, err := c.conn.Read(*buf)
		if n > 0 {
			if err := c.decoder.feed((*buf)[:n], take); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
	}
}

// CloseNow drops the connection; Read and writes return. It does not block.
func (c *Conn) CloseNow() { _ = c.conn.Close() }

// Goodbye sends a close frame with code 1000; the server answers and Read returns.
func (c *Conn) Goodbye() error { return c.write(opClose, []byte{0x03, 0xE8}) }
