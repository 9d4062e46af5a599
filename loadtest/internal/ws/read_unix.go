//go:build unix

package ws

import (
	"io"
	"syscall"
)

// readRaw reads without a buffer of the connection's own, and without the extra read that finds nothing: readiness is
// edge-triggered, so after a read that did not fill the buffer the goroutine may park right away; whatever arrives
// later wakes it. A bare end of stream that arrives together with the last bytes is then not seen: Read goes on until
// CloseNow, unless Options.Alert chose another way. A server that says goodbye with a close frame is always heard.
func (c *Conn) readRaw(take func(byte, []byte) error) error {
	var ended error
	err := c.raw.Read(func(fd uintptr) (done bool) {
		buf := buffers.Get().(*[]byte)
		defer buffers.Put(buf)
		for {
			n, err := syscall.Read(int(fd), *buf)
			switch {
			case err == syscall.EINTR:
				continue
			case err == syscall.EAGAIN:
				return false
			case err != nil:
				ended = err
			case n == 0:
				ended = io.EOF
			default:
				ended = c.decoder.feed((*buf)[:n], take)
			}
			if ended != nil {
				return true
			}
			if n < len(*buf) {
				return false
			}
		}
	})
	if ended != nil {
		return ended
	}
	return err
}
