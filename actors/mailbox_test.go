package actors

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
)

// recorder is an actor.MessageInvoker that is no actor.
type recorder struct {
	mu       sync.Mutex
	messages []any
	failures int
	running  atomic.Int32
	onUser   func(any)
}

func (r *recorder) InvokeSystemMessage(m any) { r.InvokeUserMessage(m) }
func (r *recorder) InvokeUserMessage(m any) {
	if r.running.Add(1) != 1 {
		panic("two messages at once")
	}
	defer r.running.Add(-1)
	if r.onUser != nil {
		r.onUser(m)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.messages = append(r.messages, m)
}
func (r *recorder) EscalateFailure(any, any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures++
}

func (r *recorder) all() []any {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]any(nil), r.messages...)
}

func newMailbox(t testing.TB, runEnd any, r actor.MessageInvoker) *mailbox {
	rs := newRunners()
	t.Cleanup(rs.close)
	m := mailboxes(rs, runEnd)().(*mailbox)
	m.RegisterHandlers(r, nil)
	return m
}

func TestMailboxKeepsOrderPerSender(t *testing.T) {
	r := &recorder{}
	m := newMailbox(t, nil, r)
	const senders, each = 8, 1000
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			for i := range each {
				m.PostUserMessage([2]int{s, i})
			}
		})
	}
	wg.Wait()
	eventually(t, "all handled", func() bool { return len(r.all()) == senders*each })
	var next [senders]int
	for _, message := range r.all() {
		v := message.([2]int)
		if next[v[0]] != v[1] {
			t.Fatalf("sender %d: %d after %d", v[0], v[1], next[v[0]]-1)
		}
		next[v[0]]++
	}
	if m.UserMessageCount() != 0 || m.head != nil {
		t.Error("an empty mailbox keeps memory")
	}
}

func TestMailboxTellsTheEndOfARun(t *testing.T) {
	r := &recorder{}
	m := newMailbox(t, "end", r)
	release := make(chan struct{})
	r.onUser = func(v any) {
		if v == 0 {
			<-release
		}
	}
	for i := range 40 { // more than a block
		m.PostUserMessage(i)
	}
	close(release)
	eventually(t, "the run's end", func() bool { all := r.all(); return len(all) == 41 && all[40] == "end" })
	m.PostUserMessage(99)
	eventually(t, "another end", func() bool { all := r.all(); return len(all) == 43 && all[42] == "end" })
}

func TestMailboxSuspendsUserMessagesOnly(t *testing.T) {
	r := &recorder{}
	m := newMailbox(t, "end", r)
	m.PostSystemMessage(&actor.SuspendMailbox{})
	m.PostUserMessage("later")
	m.PostSystemMessage("system")
	eventually(t, "the system message", func() bool { return len(r.all()) == 1 })
	m.PostSystemMessage(&actor.ResumeMailbox{})
	eventually(t, "the rest", func() bool { all := r.all(); return len(all) == 3 && all[1] == "later" && all[2] == "end" })
}

func TestMailboxSurvivesAPanic(t *testing.T) {
	r := &recorder{}
	m := newMailbox(t, nil, r)
	r.onUser = func(v any) {
		if v == "bad" {
			panic(v)
		}
	}
	for _, v := range []string{"a", "bad", "b"} {
		m.PostUserMessage(v)
	}
	eventually(t, "what follows a panic", func() bool { return len(r.all()) == 2 })
	if r.failures != 1 {
		t.Errorf("%d failures escalated", r.failures)
	}
}

// A message costs no allocation: neither its place in the mailbox nor waking the actor.
func TestMailboxAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector empties pools at random")
	}
	handled := make(chan struct{})
	r := &counting{handled: handled}
	m := newMailbox(t, theGathered, r)
	message := any(new(int))
	for range 100 { // warm the pool of blocks and of goroutines
		m.PostUserMessage(message)
		<-handled
	}
	if n := testing.AllocsPerRun(1000, func() { m.PostUserMessage(message); <-handled }); n > 0 {
		t.Errorf("%v allocations per message", n)
	}
}

type counting struct{ handled chan struct{} }

func (c *counting) InvokeSystemMessage(any) {}
func (c *counting) InvokeUserMessage(m any) {
	if m == any(theGathered) {
		c.handled <- struct{}{}
	}
}
func (c *counting) EscalateFailure(any, any) {}
