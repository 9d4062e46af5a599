package actors

import (
	"maps"
	"slices"

	"eclipse/internal/wire"
)

// sequence decides which entry of a chat's log may be delivered now. It is plain data: the chat feeds it what it
// hears and does what it says. Entries are delivered in the order of their offsets, each once; one that comes too
// early waits until the hole before it was read from the log.
type sequence struct {
	epoch string
	last  uint64            // offset of the last delivered entry
	early map[uint64][]byte // entries past a hole, by offset

	earlyBytes int
}

// maxEarly and maxEarlyBytes bound the entries kept past a hole. More are forgotten: the log has them.
const (
	maxEarly      = 256
	maxEarlyBytes = 1 << 20
)

// verdict says what to do with an entry.
type verdict uint8

const (
	deliver    verdict = iota // it is the next one
	hole                      // entries before it are missing: read the log
	old                       // it was delivered before
	staleEpoch                // its epoch has ended
	newEpoch                  // the log was lost and begins anew: restart, then read the log
)

// start sets the position from which on entries are delivered.
func (s *sequence) start(p wire.Position) {
	s.epoch, s.last, s.early, s.earlyBytes = p.Epoch, p.Offset, nil, 0
}

func (s *sequence) position() wire.Position { return wire.Position{Epoch: s.epoch, Offset: s.last} }

// offer judges an entry. After deliver the caller delivers it and calls next until that returns nil.
func (s *sequence) offer(p wire.Position, payload []byte) verdict {
	switch {
	case p.Epoch < s.epoch:
		return staleEpoch
	case p.Epoch > s.epoch:
		return newEpoch
	case p.Offset <= s.last:
		return old
	case p.Offset == s.last+1:
		s.last = p.Offset
		return deliver
	}
	if payload != nil && len(s.early) < maxEarly && s.earlyBytes+len(payload) <= maxEarlyBytes && s.early[p.Offset] == nil {
		if s.early == nil {
			s.early = make(map[uint64][]byte)
		}
		s.early[p.Offset] = payload
		s.earlyBytes += len(payload)
	}
	return hole
}

// next returns the entry that waited for the one just delivered, nil if none did.
func (s *sequence) next() []byte {
	if len(s.early) == 0 {
		return nil
	}
	payload, ok := s.early[s.last+1]
	if !ok {
		return nil
	}
	s.last++
	s.forget(s.last)
	return payload
}

// rest takes out the entries past a hole, in order.
func (s *sequence) rest() (payloads [][]byte) {
	for _, offset := range slices.Sorted(maps.Keys(s.early)) {
		payloads = append(payloads, s.early[offset])
	}
	s.early, s.earlyBytes = nil, 0
	return payloads
}

// skip moves past entries that the log no longer has, to just before offset.
func (s *sequence) skip(offset uint64) {
	if offset > s.last+1 {
		s.last = offset - 1
	}
	for o := range s.early {
		if o <= s.last {
			s.forget(o)
		}
	}
}

func (s *sequence) forget(offset uint64) {
	s.earlyBytes -= len(s.early[offset])
	if delete(s.early, offset); len(s.early) == 0 {
		s.early = nil
	}
}

// behind tells whether the log's head is past what was delivered.
func (s *sequence) behind(head wire.Position) bool {
	return head.Epoch > s.epoch || head.Epoch == s.epoch && head.Offset > s.last
}
