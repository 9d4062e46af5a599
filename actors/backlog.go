package actors

import (
	"eclipse/internal/metrics"
	"eclipse/internal/wire"
)

// backlog holds the frames of one socket while a write to it is under way. It is bounded in bytes: at the bound the
// ephemeral frames go first; when the rest does not fit either, the reader is too slow for its chat.
type backlog struct {
	frames []*wire.Frame
	bytes  int
}

// push queues a frame. dropped is how many ephemeral frames were given up to keep within limit; fits is false when
// the limit is exceeded even without them (the frame is queued all the same; the caller closes the socket).
func (b *backlog) push(f *wire.Frame, limit int) (dropped int, fits bool) {
	if f.Class == wire.Ephemeral && b.bytes+len(f.Payload) > limit {
		return 1, true
	}
	b.frames = append(b.frames, f)
	b.bytes += len(f.Payload)
	if b.bytes > limit {
		dropped = b.dropEphemeral()
	}
	return dropped, b.bytes <= limit
}

func (b *backlog) dropEphemeral() (dropped int) {
	kept := b.frames[:0]
	for _, f := range b.frames {
		if f.Class == wire.Ephemeral {
			b.bytes -= len(f.Payload)
			dropped++
			continue
		}
		kept = append(kept, f)
	}
	clear(b.frames[len(kept):])
	b.frames = kept
	return dropped
}

// take empties the backlog.
func (b *backlog) take() []*wire.Frame {
	frames := b.frames
	b.frames, b.bytes = nil, 0
	return frames
}

// clear discards everything and counts it.
func (b *backlog) clear(m *metrics.Metrics, reason metrics.DropReason) {
	if n := len(b.take()); n > 0 {
		m.DropN(reason, n)
	}
}
