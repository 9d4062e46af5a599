package actors

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"eclipse/internal/metrics"
)

// mailbox is a one-struct actor.Mailbox. Compared with the library's: it keeps no memory while it is empty (messages
// lie in pooled blocks), allocates nothing per message, can tell its actor that nothing more waits, and can be posted to
// without a PID. It may lie inside of its actor.
type mailbox struct {
	mu        sync.Mutex
	first     any   // the oldest user message that the run has not taken yet
	rest      queue // those after it
	system    queue
	scheduled bool // a runner has it, or will
	suspended bool
	news      atomic.Bool // something was posted since the run looked last

	// Of the run alone.
	taken  queue
	runner *runner

	runners *runners
	invoker actor.MessageInvoker
}

// address is where messages for an actor go that needs no PID.
type address interface {
	// post puts a message into the actor's mailbox. by is the runner of the actor that sends, nil where it is none.
	post(message any, by *runner)
}

// nobody takes what comes for an actor that has ended.
type nobody struct{ metrics *metrics.Metrics }

func (n nobody) InvokeUserMessage(message any) {
	if message != any(wakeUp) { // a late alarm is no loss
		n.metrics.Drop(metrics.DropDeadLetter)
	}
}
func (n nobody) InvokeSystemMessage(any)  {}
func (n nobody) EscalateFailure(any, any) {}

// throughput is how many messages an actor handles before it lets others run.
const throughput = 300

// mailboxes returns a producer of mailboxes.
func mailboxes(rs *runners) actor.MailboxProducer {
	return func() actor.Mailbox { return &mailbox{runners: rs} }
}

func (m *mailbox) RegisterHandlers(invoker actor.MessageInvoker, _ actor.Dispatcher) {
	m.invoker = invoker
}
func (m *mailbox) Start() {}

// UserMessageCount tells how many messages the run has not taken yet.
func (m *mailbox) UserMessageCount() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.first == nil {
		return 0
	}
	return 1 + m.rest.len()
}

func (m *mailbox) PostUserMessage(message any) { m.post(message, nil) }

// post is PostUserMessage for an actor that a runner runs: what it wakes that runner runs next.
func (m *mailbox) post(message any, by *runner) {
	m.mu.Lock()
	if m.first == nil {
		m.first = message
	} else {
		m.rest.push(message)
	}
	start := !m.scheduled && !m.suspended
	if start {
		m.scheduled = true
	} else if !m.news.Load() {
		m.news.Store(true)
	}
	m.mu.Unlock()
	switch {
	case !start:
	case by != nil:
		by.next(m)
	default:
		m.runners.run(m)
	}
}

func (m *mailbox) PostSystemMessage(message any) {
	m.mu.Lock()
	m.system.push(message)
	start := !m.scheduled
	m.scheduled = true
	m.news.Store(true)
	m.mu.Unlock()
	if start {
		m.runners.run(m)
	}
}

// run handles messages until there are none. A runner calls it.
func (m *mailbox) run(r *runner) {
	m.runner = r
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
		if i%shareEvery == 0 {
			m.runner.share()
		}
		if i%throughput == 0 {
			runtime.Gosched()
		}
	}
}

// next takes the next message: system messages first, then user messages unless suspended. nil means that the mailbox
// is idle now and that its run ends.
func (m *mailbox) next() (message any, system bool) {
	if !m.suspended && !m.news.Load() {
		if message = m.taken.pop(); message != nil {
			return message, false
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.news.Load() {
		m.news.Store(false)
	}
	for message = m.system.pop(); message != nil; message = m.system.pop() {
		switch message.(type) {
		case *actor.SuspendMailbox:
			m.suspended = true
		case *actor.ResumeMailbox:
			m.suspended = false
		default:
			m.news.Store(true) // there may be more
			return message, true
		}
	}
	if !m.suspended {
		if message = m.take(); message != nil {
			return message, false
		}
	}
	m.scheduled = false
	return nil, false
}

// take moves what was posted to the run and returns the oldest message of all, nil when there is none.
func (m *mailbox) take() (message any) {
	message, m.first = m.first, nil
	if m.taken.head != nil {
		if message != nil {
			m.taken.push(message)
		}
		message = m.taken.pop()
	}
	m.taken.join(&m.rest)
	return message
}

// another takes the next message of the mailbox, when it is at hand and one of the same kind, so that an actor handles
// it together with the one in hand.
func another[T any](m *mailbox) (message T, ok bool) {
	b := m.taken.head
	if b == nil || m.news.Load() {
		return message, false
	}
	if message, ok = b.messages[b.read].(T); ok {
		m.taken.pop()
	}
	return message, ok
}

// end has what still comes counted. The actor calls it when it has ended.
func (m *mailbox) end(counts *metrics.Metrics) { m.invoker = nobody{counts} }

// last tells an actor in Receive that no message waits behind the one in hand.
func (m *mailbox) last() bool { return m.taken.head == nil && !m.news.Load() }
