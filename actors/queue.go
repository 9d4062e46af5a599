package actors

import "sync"

// queue is a mailbox's messages, oldest first, in pooled blocks: an empty one holds no memory.
type queue struct {
	head, tail *block
}

// blockSize makes a block 256 bytes.
const blockSize = 14

type block struct {
	messages [blockSize]any
	next     *block
	read     uint16
	written  uint16
}

var blocks = sync.Pool{New: func() any { return new(block) }}

func (q *queue) push(message any) {
	t := q.tail
	if t == nil || t.written == blockSize {
		b := blocks.Get().(*block)
		if t == nil {
			q.head = b
		} else {
			t.next = b
		}
		q.tail, t = b, b
	}
	t.messages[t.written] = message
	t.written++
}

// pop takes the oldest message, nil when there is none.
func (q *queue) pop() any {
	b := q.head
	if b == nil {
		return nil
	}
	message := b.messages[b.read]
	b.messages[b.read] = nil
	if b.read++; b.read == b.written {
		if q.head = b.next; q.head == nil {
			q.tail = nil
		}
		b.next, b.read, b.written = nil, 0, 0
		blocks.Put(b)
	}
	return message
}

// join moves all of another queue behind this one.
func (q *queue) join(o *queue) {
	switch {
	case o.head == nil:
		return
	case q.head == nil:
		q.head = o.head
	default:
		q.tail.next = o.head
	}
	q.tail = o.tail
	*o = queue{}
}

func (q *queue) len() (n int) {
	for b := q.head; b != nil; b = b.next {
		n += int(b.written - b.read)
	}
	return n
}
