package actors

import (
	"slices"
	"sync"
	"testing"
)

// waking is an invoker that records who was run, and what was run by whom.
type waking struct {
	mu  sync.Mutex
	ran []any
	by  []*runner
}

func (w *waking) mailbox(rs *runners, handle func(m *mailbox, message any)) *mailbox {
	m := &mailbox{runners: rs}
	m.RegisterHandlers(&recorder{onUser: func(message any) {
		if handle != nil {
			handle(m, message)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.ran, w.by = append(w.ran, message), append(w.by, m.runner)
	}}, nil)
	return m
}

func (w *waking) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.ran)
}

// An actor's runner runs what the actor woke: after it, in the order in which it was woken, and each once.
func TestRunnerRunsWhatItsActorWoke(t *testing.T) {
	rs := newRunners()
	t.Cleanup(rs.close)
	w := &waking{}
	first, second := w.mailbox(rs, nil), w.mailbox(rs, nil)
	sender := w.mailbox(rs, func(m *mailbox, _ any) {
		first.post(1, m.runner)
		second.post(3, m.runner)
		first.post(2, m.runner)
	})
	sender.PostUserMessage(0)
	eventually(t, "all have run", func() bool { return w.count() == 4 })
	if !slices.Equal(w.ran, []any{0, 1, 2, 3}) || len(slices.Compact(w.by)) != 1 {
		t.Errorf("%v by %v", w.ran, w.by)
	}
}

// Many are for every runner: those that an actor woke run beside it when it goes on for long.
func TestRunnersShareWhatIsTooMuchForOne(t *testing.T) {
	for _, c := range []struct {
		name             string
		messages, others int // posted to the sender, and woken by the first of them
	}{
		{"many were woken", 1, maxOwn + 1},
		{"it goes on for long", shareEvery + 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			rs := newRunners()
			t.Cleanup(rs.close)
			w := &waking{}
			var others []*mailbox
			for range c.others {
				others = append(others, w.mailbox(rs, nil))
			}
			all, release := make(chan struct{}), make(chan struct{})
			sender := w.mailbox(rs, func(m *mailbox, message any) {
				if message == 0 {
					<-all
					for _, o := range others {
						o.post("woken", m.runner)
					}
				}
				if message == c.messages-1 {
					<-release // the first of the others run while this one does
				}
			})
			for i := range c.messages {
				sender.PostUserMessage(i)
			}
			close(all)
			eventually(t, "some of the others run", func() bool {
				w.mu.Lock()
				defer w.mu.Unlock()
				return slices.Contains(w.ran, any("woken"))
			})
			close(release)
			eventually(t, "all have run", func() bool { return w.count() == c.messages+c.others })
		})
	}
}

// BenchmarkWakeNine is a message to an actor that posts one to each of nine others, as typing in a chat of ten.
func BenchmarkWakeNine(b *testing.B) {
	rs := newRunners()
	b.Cleanup(rs.close)
	var others [9]*mailbox
	handled := make(chan struct{}, 1024)
	for i := range others {
		others[i] = &mailbox{runners: rs, invoker: ignoring{}}
	}
	others[len(others)-1].invoker = &counting{handled}
	sender := &mailbox{runners: rs}
	sender.invoker = passing{sender, others[:]}
	message := any(new(int))
	b.ReportAllocs()
	for range cap(handled) / 2 {
		sender.PostUserMessage(message)
	}
	for b.Loop() {
		sender.PostUserMessage(message)
		<-handled
	}
}

// passing hands every message on.
type passing struct {
	own    *mailbox
	others []*mailbox
}

func (p passing) InvokeSystemMessage(any)  {}
func (p passing) EscalateFailure(any, any) {}
func (p passing) InvokeUserMessage(message any) {
	for _, o := range p.others {
		o.post(message, p.own.runner)
	}
}

type ignoring struct{}

func (ignoring) InvokeSystemMessage(any)  {}
func (ignoring) InvokeUserMessage(any)    {}
func (ignoring) EscalateFailure(any, any) {}
