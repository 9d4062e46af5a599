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
	unacked  bool          // no ack has come
	unstored bool          // the ack that says stored is to come
	measured bool
}

// done says that a closed loop may go on: everyone has the message and its sender an ack.
func (e *entry) done() bool { return e.left == 0 && !e.unacked }

// over says that nothing more is to come.
func (e *entry) over() bool { return e.done() && !e.unstored }

// waits is how many deliveries and acks are to come.
func (e *entry) waits() int64 {
	n := int64(e.left)
	if e.unstored {
		n++
	}
	return n
}

func (f *flight) push(seq uint32, e entry) {
	if len(f.entries) == 0 {
		f.first = seq
	}
	f.entries = append(f.entries, e)
}

// get returns message seq, nil when it is over.
func (f *flight) get(seq uint32) *entry {
	if seq < f.first || int(seq-f.first) >= len(f.entries) {
		return nil
	}
	return &f.entries[seq-f.first]
}

// land forgets the messages at the front that are over.
func (f *flight) land() {
	n := 0
	for n < len(f.entries) && f.entries[n].over() {
		n++
	}
	f.first += uint32(n)
	if f.entries = f.entries[n:]; len(f.entries) == 0 {
		f.entries = nil
	}
}

// missing counts the messages of which no ack has come, and those of which none has come but accepted.
func (f *flight) missing() (unacked, unstored int64) {
	for i := range f.entries {
		switch e := &f.entries[i]; {
		case e.unacked:
			unacked++
		case e.unstored:
			unstored++
		}
	}
	return unacked, unstored
}
