package outage

import "time"

// letter is a message on its way.
type letter struct {
	due      time.Time // scheduled
	stamp    stamp
	left     int  // deliveries to come
	unstored bool // the ack that says stored is to come
}

func (l *letter) landed() bool { return l.left == 0 && !l.unstored }

// letters are one sender's messages on their way, by number.
type letters struct {
	first uint32 // number of list[0]
	list  []letter
}

// push adds the next message; numbers rise by one.
func (s *letters) push(seq uint32, l letter) {
	if len(s.list) == 0 {
		s.first = seq
	}
	s.list = append(s.list, l)
}

// get returns a message, nil when it has landed.
func (s *letters) get(seq uint32) *letter {
	if seq < s.first || int(seq-s.first) >= len(s.list) || s.list[seq-s.first].landed() {
		return nil
	}
	return &s.list[seq-s.first]
}

// trim forgets the messages at the front that have landed.
func (s *letters) trim() {
	n := 0
	for n < len(s.list) && s.list[n].landed() {
		n++
	}
	s.first += uint32(n)
	s.list = s.list[n:]
}

// unanswered lists the numbers of the messages without a final answer, in order.
func (s *letters) unanswered() (list []uint32) {
	for i := range s.list {
		if s.list[i].unstored {
			list = append(list, s.first+uint32(i))
		}
	}
	return list
}
