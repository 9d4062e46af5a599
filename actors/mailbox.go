package actors

import (
	"runtime"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
)

// mailbox is a one-struct actor.Mailbox. Compared with the library's: it keeps no memory while it is empty (messages
// lie in pooled blocks), allocates nothing per message, and can tell its actor that a run of messages has ended.
//
// runEnd, where not nil, is invoked as one more user message whenever the actor has emptied its mailbox, before the
// mailbox goes idle: unlike the library's MailboxEmpty it can never overlap with Receive. Connections write then.
type mailbox struct {
	mu        sync.Mutex
	head      *block // oldest user messages
	tail      *block
	system    []any
	count     int32 // user messages
	scheduled bool  // a goroutine runs, or is about to
	suspended bool
	dirty     bool // user messages were handled since the last runEnd

	runners *runners
	invoker actor.MessageInvoker
	runEnd  any
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

// throughput is how many messages an actor handles before it lets others run.
const throughput = 300

// mailboxes returns a producer of mailboxes; runEnd may be nil.
func mailboxes(rs *runners, runEnd any) actor.MailboxProducer {
	return func() actor.Mailbox { return &mailbox{runners: rs, runEnd: runEnd} }
}

func (m *mailbox) RegisterHandlers(invoker actor.MessageInvoker, _ actor.Dispatcher) {
	m.invoker = invoker
}
func (m *mailbox) Start() {}

func (m *mailbox) UserMessageCount() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return int(m.count)
}

func (m *mailbox) PostUserMessage(message any) {
	m.mu.Lock()
	t := m.tail
	if t == nil || t.written == blockSize {
		b := blocks.Get().(*block)
		if t == nil {
			m.head = b
		} else {
			t.next = b
		}
		m.tail, t = b, b
	}
	t.messages[t.written] = message
	t.written++
	m.count++
	start := !m.scheduled && !m.suspended
	if start {
		m.scheduled = true
	}
	m.mu.Unlock()
	if start {
		m.runners.run(m)
	}
}

func (m *mailbox) PostSystemMessage(message any) {
	m.mu.Lock()
	m.system = append(m.system, message)
	start := !m.scheduled
	m.scheduled = true
	m.mu.Unlock()
	if start {
		m.runners.run(m)
	}
}

// run handles messages until there are none. A runner calls it.
func (m *mailbox) run() {
	for !m.drain() {
	}
}

// drain handles messages until the mailbox is idle (true) or a handler panics (false: the failure is on its way to the
// supervisor, and the suspension that comes with it is waiting as a system message).
func (m *mailbox) drain() (idle bool) {
	var message any
	defer func() {
		if reason := recover(); reason != nil {
			m.invoker.EscalateFailure(reason, message)
		}
	}()
	for i := 1; ; i++ {
		var system bool
		message, system = m.next()
		switch {
		case message == nil:
			return true
		case system:
			m.invoker.InvokeSystemMessage(message)
		default:
			m.invoker.InvokeUserMessage(message)
		}
		message = nil
		if i%throughput == 0 {
			runtime.Gosched()
		}
	}
}

// next takes the next message: system messages first, then user messages unless suspended, then runEnd. nil means
// that the mailbox is idle now and that the goroutine must end.
func (m *mailbox) next() (message any, system bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(m.system) > 0 {
		message = m.system[0]
		if m.system = m.system[1:]; len(m.system) == 0 {
			m.system = nil
		}
		switch message.(type) {
		case *actor.SuspendMailbox:
			m.suspended = true
		case *actor.ResumeMailbox:
			m.suspended = false
		default:
			return message, true
		}
	}
	if m.suspended {
		m.scheduled = false
		return nil, false
	}
	if b := m.head; b != nil && b.read < b.written {
		message = b.messages[b.read]
		b.messages[b.read] = nil
		b.read++
		m.count--
		if b.read == b.written && (b.written == blockSize || b.next == nil) {
			m.release(b)
		}
		m.dirty = true
		return message, false
	}
	if m.dirty && m.runEnd != nil {
		m.dirty = false
		return m.runEnd, false
	}
	m.dirty = false
	m.scheduled = false
	return nil, false
}

// release gives a block that is read to its end back to the pool.
func (m *mailbox) release(b *block) {
	m.head = b.next
	if m.head == nil {
		m.tail = nil
	}
	b.next, b.read, b.written = nil, 0, 0
	blocks.Put(b)
}
