package actors

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"eclipse/internal/chatlog"
	"eclipse/internal/metrics"
	"eclipse/internal/nextapi"
)

// unsteadyAPI takes its time, and sometimes fails for a while, before or after it has stored.
type unsteadyAPI struct {
	*fakeAPI
	random func(n int) int
	down   atomic.Bool
}

func (a *unsteadyAPI) StoreBatch(ctx context.Context, ms []nextapi.Message) []nextapi.Result {
	<-time.After(time.Duration(a.random(8)) * time.Millisecond)
	if a.random(30) == 0 {
		defer func() { <-time.After(time.Duration(a.random(600)) * time.Millisecond) }()
	}
	failed := make([]nextapi.Result, len(ms))
	for i := range failed {
		failed[i] = nextapi.Result{Class: nextapi.Ambiguous, Status: 500}
	}
	switch {
	case a.down.Load():
		return failed
	case a.random(10) == 0:
		a.fakeAPI.StoreBatch(ctx, ms)
		return failed
	}
	return a.fakeAPI.StoreBatch(ctx, ms)
}

// unsteadyStore is a way to a store on which steps and claims take their time.
func unsteadyStore(store durable, random func(n int) int) *hookedStore {
	pause := func() {
		<-time.After(time.Duration(random(1500)) * time.Microsecond)
		if random(40) == 0 {
			<-time.After(time.Duration(random(300)) * time.Millisecond)
		}
	}
	return &hookedStore{
		durable:   durable{store.Memory.Handle()},
		appending: func([]chatlog.Append) { pause() },
		claimed:   pause,
	}
}

// instancePair is two instances that come and go.
type instancePair struct {
	t      *testing.T
	store  durable
	api    *unsteadyAPI
	random func(n int) int
	mu     sync.Mutex
	up     [2]*fixture
}

func (c *instancePair) start() *fixture {
	cfg := outboxConfig(func(cfg *Config) { cfg.AcceptPatience, cfg.SavePatience = 5*time.Millisecond, 20*time.Second })
	s := unsteadyStore(c.store, c.random)
	r := Start(cfg, Deps{Log: s, Outbox: s, Bus: s, API: c.api, Metrics: metrics.New(), Logger: slog.New(slog.DiscardHandler)})
	f := &fixture{Router: r, t: c.t, api: c.api.fakeAPI}
	f.routed(routeBatch)
	return f
}

func (c *instancePair) any() *fixture {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.up[c.random(2)]
}

// restart ends one instance, whose clients then go elsewhere, and starts another.
func (c *instancePair) restart() {
	next := c.start()
	c.mu.Lock()
	i := c.random(2)
	old := c.up[i]
	c.up[i] = next
	c.mu.Unlock()
	old.Router.Close()
}

// speaker sends one message after another as a page does: the next when this one is accepted, and after it has come back
// all that it does not know to be stored again, in order.
type speaker struct {
	*instancePair
	name    string
	socket  *client
	pending []int // accepted or not, and not known to be stored
}

func (s *speaker) id(n int) string { return fmt.Sprint(s.name, "-", n) }

// send says one until it is answered; false when the socket has gone.
func (s *speaker) send(n int) bool {
	before := len(s.socket.acks(s.id(n)))
	s.socket.sayID(s.id(n), s.id(n))
	answered := func() bool { return len(s.socket.acks(s.id(n))) > before }
	eventually(s.t, s.id(n)+" is answered", func() bool { return answered() || s.socket.gone() })
	return answered()
}

func (c *client) gone() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed || c.code != 0
}

// settle forgets what is stored by now.
func (s *speaker) settle() {
	s.pending = slices.DeleteFunc(s.pending, func(n int) bool { return slices.Contains(s.socket.acks(s.id(n)), "stored") })
}

// hop connects anew and sends again what is pending.
func (s *speaker) hop() {
	for {
		s.settle()
		s.socket.GatewaySession.Gone()
		s.socket = s.any().connectOnly("c1", s.name, signedIn, part2)
		all := true
		for _, n := range slices.Clone(s.pending) {
			if all = s.send(n); !all {
				break
			}
		}
		if all {
			return
		}
	}
}

func (s *speaker) run(messages int) {
	for n := range messages {
		s.pending = append(s.pending, n)
		if s.random(20) == 0 || !s.send(n) {
			s.hop()
		}
	}
}

// However instances come and go, and steps, claims and calls overtake each other: what was accepted is stored once, and
// each sender's messages in the order sent.
func TestOrderThroughTakeovers(t *testing.T) {
	const speakers, each = 3, 120
	for round := range 2 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			source := rand.New(rand.NewPCG(uint64(round), 1))
			random := func(n int) int {
				mu.Lock()
				defer mu.Unlock()
				return source.IntN(n)
			}
			c := &instancePair{t: t, store: newDurable(t), api: &unsteadyAPI{fakeAPI: newAPI(), random: random}, random: random}
			c.up = [2]*fixture{c.start(), c.start()}
			defer func() { c.up[0].Router.Close(); c.up[1].Router.Close() }()
			var talking sync.WaitGroup
			for i := range speakers {
				s := &speaker{instancePair: c, name: fmt.Sprint("s", i)}
				s.socket = c.any().connectOnly("c1", s.name, signedIn, part2)
				talking.Go(func() { s.run(each) })
			}
			done := make(chan struct{})
			go func() { talking.Wait(); close(done) }()
			trouble := time.NewTicker(150 * time.Millisecond)
			defer trouble.Stop()
			for over := false; !over; {
				select {
				case <-done:
					over = true
				case <-trouble.C:
					if c.api.down.Store(random(2) == 0); random(3) == 0 {
						c.restart()
					}
				}
			}
			c.api.down.Store(false)
			c.store.empty(t, "c1")
			eventually(t, "all are stored", func() bool { return len(c.api.stored()) == speakers*each })
			last := map[string]int{}
			for _, content := range c.api.stored() {
				var name string
				var n int
				if _, err := fmt.Sscanf(content, "%2s-%d", &name, &n); err != nil {
					t.Fatal(err)
				}
				if n < last[name] {
					t.Errorf("%s is stored after number %d", content, last[name])
				}
				last[name] = max(last[name], n)
			}
		})
	}
}
