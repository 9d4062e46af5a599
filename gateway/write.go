package gateway

import (
	"encoding/binary"
	"time"
	"unicode/utf8"

	"eclipse/internal/wire"
)

// First bytes of whole frames, and the parts of a header.
const (
	headText  = 0x81
	headClose = 0x88
	headPing  = 0x89
	headPong  = 0x8A

	masked     = 0x80 // in the second byte; every frame of a client, none of ours
	maskSize   = 4
	maxControl = 125 // bytes of a control frame's payload
	length16   = 126
	length64   = 127
)

// AppendText frames a payload as one text message. It allocates only when dst is too small.
func (s *socket) AppendText(dst, payload []byte) []byte {
	switch n := len(payload); {
	case n < length16:
		dst = append(dst, headText, byte(n))
	case n <= 0xFFFF:
		dst = append(dst, headText, length16)
		dst = binary.BigEndian.AppendUint16(dst, uint16(n))
	default:
		dst = append(dst, headText, length64)
		dst = binary.BigEndian.AppendUint64(dst, uint64(n))
	}
	return append(dst, payload...)
}

// AppendPing frames a ping without payload.
func (s *socket) AppendPing(dst []byte) []byte { return append(dst, headPing, 0) }

// AppendPong frames the answer to a ping; at most 125 bytes of data are sent.
func (s *socket) AppendPong(dst, data []byte) []byte {
	data = data[:min(len(data), maxControl)]
	return append(append(dst, headPong, byte(len(data))), data...)
}

// AppendClose frames the goodbye; a reason of more than 123 bytes is cut at a character. After it, Close waits for the peer's own goodbye.
func (s *socket) AppendClose(dst []byte, code wire.CloseCode, reason string) []byte {
	s.goodbye.CompareAndSwap(0, int32(code))
	reason = cutText(reason, maxControl-2)
	dst = append(dst, headClose, byte(2+len(reason)))
	dst = binary.BigEndian.AppendUint16(dst, uint16(code))
	return append(dst, reason...)
}

func cutText(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// TryWrite hands p to the kernel in one attempt. It must not be called while Write is at work.
func (s *socket) TryWrite(p []byte) (int, error) { return s.transport.tryWrite(p) }

// Write blocks until the kernel has all of p, or fails at the deadline.
func (s *socket) Write(p []byte, deadline time.Time) error { return s.transport.writeAll(p, deadline) }
