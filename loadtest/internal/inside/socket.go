package inside

import (
	"sync/atomic"
	"time"

	"eclipse/internal/wire"
)

// socket is a transport that leads nowhere. It does what a real one does in memory, which is to frame each payload, and
// counts instead of writing. The connection actor is the only writer of its counts.
type socket struct {
	greeted  atomic.Bool  // the connected frame came
	frames   atomic.Int64 // messages or typing
	bytes    atomic.Int64 // of all frames, as they would go to the kernel
	foreign  atomic.Int64 // error frames, each of which refuses a message: nothing here should cause one
	landings *landings    // of the last socket of a chat, nil for the others
}

// landings counts the messages of one sender's chats that have arrived. It has a cache line of its own.
type landings struct {
	n atomic.Int64
	_ [56]byte
}

// typeAt is where a frame names its type: {"type":"…
const typeAt = len(`{"type":"`)

// AppendText implements actors.Socket.
func (s *socket) AppendText(dst, payload []byte) []byte {
	switch kind := payload[typeAt:]; {
	case kind[0] == 't' || string(kind[:len(`message"`)]) == `message"`:
		s.frames.Add(1)
		if s.landings != nil {
			s.landings.n.Add(1)
		}
	case kind[0] == 'c':
		s.greeted.Store(true)
	case kind[0] == 'e' && string(kind[:len(`error"`)]) == `error"`:
		s.foreign.Add(1)
	}
	n := len(payload)
	return append(append(dst, 0x81, 126, byte(n>>8), byte(n)), payload...) // as a frame of medium length
}

// AppendPing implements actors.Socket.
func (s *socket) AppendPing(dst []byte) []byte { return append(dst, 0x89, 0) }

// AppendPong implements actors.Socket.
func (s *socket) AppendPong(dst, data []byte) []byte {
	return append(append(dst, 0x8a, byte(len(data))), data...)
}

// AppendClose implements actors.Socket.
func (s *socket) AppendClose(dst []byte, _ wire.CloseCode, _ string) []byte {
	return append(dst, 0x88, 0)
}

// TryWrite implements actors.Socket: everything is taken.
func (s *socket) TryWrite(p []byte) (int, error) {
	s.bytes.Add(int64(len(p)))
	return len(p), nil
}

// Write implements actors.Socket.
func (s *socket) Write(p []byte, _ time.Time) error {
	s.bytes.Add(int64(len(p)))
	return nil
}

// Close implements actors.Socket.
func (s *socket) Close() {}
