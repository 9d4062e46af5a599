package actors

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
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

func newMailbox(t testing.TB, r actor.MessageInvoker) *mailbox {
	rs := newRunners()
	t.Cleanup(rs.close)
	m := mailboxes(rs)().(*mailbox)
	m.RegisterHandlers(r, nil)
	return m
}

func TestMailboxKeepsOrderPerSender(t *testing.T) {
	r := &recorder{}
	m := newMailbox(t, r)
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
	if m.UserMessageCount() != 0 || m.rest.head != nil || m.taken.head != nil {
		t.Error("an empty mailbox keeps memory")
	}
}

// An actor that acts when nothing more waits neither forgets to nor does it in between.
func TestMailboxTellsTheLastMessage(t *testing.T) {
	r := &recorder{}
	m := newMailbox(t, r)
	release := make(chan struct{})
	var last []int
	r.onUser = func(v any) {
		if v == 0 {
			<-release
		}
		if m.last() {
			last = append(last, v.(int))
		}
	}
	for i := range 40 { // more than a block
		m.PostUserMessage(i)
	}
	close(release)
	eventually(t, "all handled", func() bool { return len(r.all()) == 40 })
	m.PostUserMessage(99)
	eventually(t, "one more", func() bool { return len(r.all()) == 41 })
	if !slices.Equal(last, []int{39, 99}) {
		t.Errorf("last were %v", last)
	}
}

// What an actor takes along is what would have come next anyway, and nothing of another kind.
func TestMailboxHandsOutAnotherOfAKind(t *testing.T) {
	r := &recorder{}
	m := newMailbox(t, r)
	begun, release := make(chan struct{}), make(chan struct{})
	var runs [][]int
	r.onUser = func(v any) {
		i, ok := v.(int)
		if !ok {
			return
		}
		if i == 0 {
			close(begun)
			<-release
		}
		run := []int{}
		for more := true; more; i, more = another[int](m) {
			run = append(run, i)
		}
		runs = append(runs, run)
	}
	m.PostUserMessage(0)
	<-begun
	for _, v := range []any{1, 2, "other", 3, 4} {
		m.PostUserMessage(v)
	}
	m.PostSystemMessage("system")
	close(release)
	eventually(t, "all handled", func() bool { return m.UserMessageCount() == 0 && len(r.all()) == 5 })
	if got := fmt.Sprint(runs, r.all()); got != "[[0] [1 2] [3 4]] [0 system 1 other 3]" {
		t.Error(got)
	}
}

func TestMailboxSuspendsUserMessagesOnly(t *testing.T) {
	r := &recorder{}
	m := newMailbox(t, r)
	m.PostSystemMessage(&actor.SuspendMailbox{})
	m.PostUserMessage("later")
	m.PostSystemMessage("system")
	eventually(t, "the system message", func() bool { return len(r.all()) == 1 })
	m.PostSystemMessage(&actor.ResumeMailbox{})
	eventually(t, "the rest", func() bool { all := r.all(); return len(all) == 2 && all[1] == "later" })
}

func TestMailboxSurvivesAPanic(t *testing.T) {
	r := &recorder{}
	m := newMailbox(t, r)
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
	m := newMailbox(t, r)
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

func (c *counting) InvokeSystemMessage(any)  {}
func (c *counting) InvokeUserMessage(any)    { c.handled <- struct{}{} }
func (c *counting) EscalateFailure(any, any) {}

// What is posted to a connection that has ended is counted, as what is sent to the PID of one is.
func TestWhatComesForNobodyIsCounted(t *testing.T) {
	f := single(t)
	c := f.connect("c1", "u1", signedIn)
	c.Gone()
	eventually(t, "a letter is dead", func() bool {
		c.Heartbeat()
		page := httptest.NewRecorder()
		f.metrics.Handler().ServeHTTP(page, httptest.NewRequest("GET", "/metrics", nil))
		return !strings.Contains(page.Body.String(), `eclipse_drops_total{reason="dead_letter"} 0`)
	})
}
