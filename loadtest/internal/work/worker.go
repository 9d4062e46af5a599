package work

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"eclipse/loadtest/internal/pace"
	"eclipse/loadtest/internal/ws"
)

// worker is the state of one process.
type worker struct {
	setup Setup
	urls  []*url.URL
	epoch time.Time // zero of the worker's clock
	meter *meter

	chats   []*chat // opened so far; appended to by open only
	fresh   int     // index of the first chat that the last open opened
	closed  atomic.Pointer[closedLoop]
	pending atomic.Int64 // deliveries and acks that are to come
	opened  atomic.Int64 // sockets
	closing atomic.Bool
	readers sync.WaitGroup

	mu    sync.Mutex
	conns []*ws.Conn // every one that was dialled
}

// closedLoop is on while a closed loop sends.
type closedLoop struct {
	until    time.Time
	measured bool
}

func newWorker(s Setup) (*worker, error) {
	var urls []*url.URL
	for _, text := range s.URLs {
		u, err := url.Parse(text)
		if err != nil || (u.Scheme != "ws" && u.Scheme != "wss") {
			return nil, errors.New("the target is no ws:// or wss:// URL")
		}
		urls = append(urls, u)
	}
	if len(urls) == 0 {
		return nil, errors.New("no target")
	}
	if s.Sockets < 1 || s.Senders < 0 || s.Senders > s.Sockets {
		return nil, errors.New("a chat needs sockets, and at least as many as senders")
	}
	return &worker{setup: s, urls: urls, epoch: time.Now(), meter: newMeter()}, nil
}

func (w *worker) now() time.Duration { return time.Since(w.epoch) }

func (w *worker) protocols() string {
	if w.setup.V1 {
		return "eclipse.v1"
	}
	return ""
}

// overrun is how much longer than planned a stretch may take before its sockets are dropped: a server that has stopped
// reading blocks our writes.
const overrun = 30 * time.Second

// talk sends over all open chats, one after the other, and returns when the stretch is over and every socket that dropped
// is back; messages may still be on their way.
func (w *worker) talk(ctx context.Context, t Talk) (bounced *Bounced, err error) {
	planned := t.For
	if t.Once {
		planned = time.Duration(float64(len(w.chats)*w.setup.Senders) / t.Rate * float64(time.Second))
	}
	if t.Bounce != nil {
		planned = max(planned, t.Bounce.Spread+t.Bounce.Patience)
	}
	guard := time.AfterFunc(planned+overrun, w.drop)
	defer guard.Stop()
	if t.Rate == 0 {
		return nil, w.closedLoop(ctx, t)
	}
	var beside sync.WaitGroup
	if t.Bounce != nil {
		beside.Go(func() { bounced = w.bounce(ctx, *t.Bounce) })
	}
	chats := w.chats
	if t.Once {
		chats = chats[w.fresh:]
	}
	var busy error
	if t.Busy > 0 {
		busyTalk := t
		busyTalk.Rate = t.BusyRate
		beside.Go(func() { busy = w.openLoop(ctx, busyTalk, w.chats[:t.Busy]) })
		chats = chats[t.Busy:]
	}
	err = w.openLoop(ctx, t, chats)
	beside.Wait()
	return bounced, errors.Join(err, busy)
}

func (w *worker) closedLoop(ctx context.Context, t Talk) error {
	loop := &closedLoop{until: time.Now().Add(t.For), measured: t.Measured}
	earlier := w.closed.Swap(loop)
	if earlier == nil { // else the windows are open already
		for range t.Window {
			for _, c := range w.chats {
				c.say(time.Now(), t.Measured)
			}
		}
	}
	select {
	case <-time.After(time.Until(loop.until)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *worker) openLoop(ctx context.Context, t Talk, chats []*chat) error {
	s := pace.Schedule{Rate: t.Rate, Offset: t.Offset, For: t.For}
	if t.Once {
		s.Count = len(chats) * w.setup.Senders
	}
	if len(chats)*w.setup.Senders == 0 {
		return nil // this process has nobody to talk
	}
	sleeper := pace.NewSleeper()
	defer sleeper.Close()
	next := 0
	return s.Run(ctx, sleeper.Sleep, func(due time.Time) {
		chats[next].say(due, t.Measured)
		next = (next + 1) % len(chats)
	})
}

// drain waits until nothing is on its way, then listens a little longer, so that a repeat of the last message is
// heard too. It returns what did not come.
func (w *worker) drain(ctx context.Context, timeout time.Duration) int64 {
	w.closed.Store(nil)
	end := time.Now().Add(timeout)
	for w.pending.Load() > 0 && time.Now().Before(end) && ctx.Err() == nil {
		time.Sleep(5 * time.Millisecond)
	}
	time.Sleep(pace.Echo)
	return w.pending.Load()
}

// close says goodbye on every socket and returns the account. A server that does not answer is left.
func (w *worker) close() *Final {
	w.closing.Store(true)
	guard := time.AfterFunc(goodbyeTime, w.drop)
	for _, c := range w.dialled() {
		_ = c.Goodbye() // one that is gone already has been counted
	}
	w.readers.Wait()
	guard.Stop()
	f := &Final{Errors: w.meter.errors, Refusals: w.meter.named, Closes: w.meter.closes}
	for _, c := range w.chats {
		c.account(f)
	}
	return f
}

// goodbyeTime is how long a server may take to answer our close frames.
const goodbyeTime = 5 * time.Second

// drop closes every socket at once.
func (w *worker) drop() {
	for _, c := range w.dialled() {
		c.CloseNow()
	}
}

func (w *worker) dialled() []*ws.Conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.conns)
}

func (w *worker) keep(c *ws.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns = append(w.conns, c)
}
