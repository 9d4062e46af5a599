package work

import "time"

// flight holds one sender's messages that are on their way, by their number.
type flight struct {
	first   uint32 // number of entries[0]
	entries []entry
}

// entry is one message on its way.
type entry struct {
	due      time.Duration // scheduled time on the worker's clock
	left     int32         // deliveries to come
	unacked  bool          // an ack is to come
	measured bool
}

func (e *entry) done() bool { return e.left == 0 && !e.unacked }

func (f *flight) push(seq uint32, e entry) {
	if len(f.entries) == 0 {
		f.first = seq
	}
	f.entries = append(f.entries, e)
}

// get returns message seq, nil when it has landed.
func (f *flight) get(seq uint32) *entry {
	if seq < f.first || int(seq-f.first) >= len(f.entries) {
		return nil
	}
	return &f.entries[seq-f.first]
}

// land forgets the messages at the front that have landed.
func (f *flight) land() {
	n := 0
	for n < len(f.entries) && f.entries[n].done() {
		n++
	}
	f.first += uint32(n)
	if f.entries = f.entries[n:]; len(f.entries) == 0 {
		f.entries = nil
	}
}

// unacked counts the messages whose ack has not come.
func (f *flight) unacked() (n int64) {
	for i := range f.entries {
		if f.entries[i].unacked {
			n++
		}
	}
	return n
}
