package actors

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"eclipse/internal/chatlog"
	"eclipse/internal/metrics"
	"eclipse/internal/wire"
)

// BenchmarkMailboxHop is one message from a goroutine to an actor: alone, so that the actor has to be woken and answers, and
// in bulk, to one that is awake.
func BenchmarkMailboxHop(b *testing.B) {
	message := any(new(int))
	b.Run("waking", func(b *testing.B) {
		handled := make(chan struct{})
		m := newMailbox(b, &counting{handled: handled})
		b.ReportAllocs()
		for b.Loop() {
			m.PostUserMessage(message)
			<-handled
		}
	})
	b.Run("busy", func(b *testing.B) {
		const bulk = 1000 // the sender waits for the actor, so that the mailbox stays short
		r := &tally{every: bulk, done: make(chan struct{})}
		m := newMailbox(b, r)
		b.ReportAllocs()
		posted := 0
		for b.Loop() {
			m.PostUserMessage(message)
			if posted++; posted%bulk == 0 {
				<-r.done
			}
		}
	})
}

// tally tells of every so many messages.
type tally struct {
	n, every int
	done     chan struct{}
}

func (t *tally) InvokeSystemMessage(any) {}
func (t *tally) InvokeUserMessage(any) {
	if t.n++; t.n%t.every == 0 {
		t.done <- struct{}{}
	}
}
func (t *tally) EscalateFailure(any, any) {}

// crowd is the transport of many sockets, whose peers take everything at once. It counts writes down.
type crowd struct {
	left atomic.Int64
	done chan struct{}
}

// expect makes the n-th write from now on the last one that is waited for.
func (c *crowd) expect(n int) { c.left.Store(int64(n)) }

func (c *crowd) AppendText(dst, p []byte) []byte { return append(append(dst, 0x81, 126, 0, 0), p...) }
func (c *crowd) AppendPing(dst []byte) []byte    { return append(dst, 0x89, 0) }
func (c *crowd) AppendPong(dst, _ []byte) []byte { return append(dst, 0x8a, 0) }
func (c *crowd) AppendClose(dst []byte, _ wire.CloseCode, _ string) []byte {
	return append(dst, 0x88, 0)
}
func (c *crowd) TryWrite(p []byte) (int, error) {
	if c.left.Add(-1) == 0 {
		c.done <- struct{}{}
	}
	return len(p), nil
}
func (c *crowd) Write([]byte, time.Time) error { return nil }
func (c *crowd) Close()                        {}

// BenchmarkFanOut is one message that another instance has logged, until each of the chat's sockets here has written it.
func BenchmarkFanOut(b *testing.B) {
	const members = 1000
	f, log := quiet(b)
	c := &crowd{done: make(chan struct{})}
	c.expect(members)
	for i := range members {
		if _, err := f.Connect(b.Context(), ConnectRequest{Socket: c, Identity: Identity{
			UserID: fmt.Sprint("user_", i), ChatID: "c1", ExpiresAt: time.Now().Add(time.Hour),
		}}); err != nil {
			b.Fatal(err)
		}
	}
	<-c.done // all are greeted
	elsewhere := log.Handle()
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n++
		c.expect(members)
		id := fmt.Sprint("m", n)
		body := fmt.Appendf(nil, `{"type":"message","data":{"id":%q,"content":"Hello, how can I help?","role":"user","sender":{"id":"user_1","name":"Ann","email":null,"avatar":null}},"chatId":"c1"}`, id)
		elsewhere.Append(b.Context(), []chatlog.Append{{ChatID: "c1", Key: wire.MessageKey(id), Body: body}})
		<-c.done
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n*members), "ns/delivery")
}

// quiet is a router with default settings that logs nothing.
func quiet(b testing.TB) (*Router, *chatlog.Memory) {
	log := chatlog.NewMemory(chatlog.Options{})
	b.Cleanup(func() { log.Close() })
	r := Start(Config{}, Deps{Log: log, Outbox: log, Bus: log, API: newAPI(), Metrics: metrics.New(), Logger: slog.New(slog.DiscardHandler)})
	b.Cleanup(r.Close)
	return r, log
}

// flushing returns a function that gives a socket's connection so many frames and has it write them.
func flushing(t testing.TB, frames int) func() {
	r, _ := quiet(t)
	c := &connection{router: r, socket: &crowd{}, greeted: true}
	f := &wire.Frame{Payload: make([]byte, 200), Class: wire.Sequenced}
	return func() {
		for range frames {
			c.deliver(f)
		}
		c.flush()
	}
}

// BenchmarkFlush is what a connection actor does for the frames of one run of its mailbox; the kernel's part is gateway's BenchmarkTryWrite.
func BenchmarkFlush(b *testing.B) {
	for _, frames := range []int{1, 16} {
		b.Run(fmt.Sprint("frames=", frames), func(b *testing.B) {
			flush := flushing(b, frames)
			b.ReportAllocs()
			for b.Loop() {
				flush()
			}
		})
	}
}

// Gathering and writing frames costs no allocation once the pool has a buffer.
func TestFlushAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector empties pools at random")
	}
	flush := flushing(t, 16)
	flush()
	if n := testing.AllocsPerRun(1000, flush); n > 0 {
		t.Errorf("%v allocations for 16 frames", n)
	}
}
