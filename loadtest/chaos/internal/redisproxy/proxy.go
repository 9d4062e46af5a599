package redisproxy

import (
	"errors"
	"fmt"
	"log"
	"net"
	"sync"
	"time"
)

// Proxy listens for one instance.
type Proxy struct {
	listener net.Listener
	upstream string
	pumps    sync.WaitGroup

	mu      sync.Mutex // guards what follows, and the flags of conns
	conns   map[*conn]struct{}
	changed chan struct{} // closed and replaced whenever a fault begins or ends
	closed  bool
	silent  bool          // no connection carries anything
	refused bool          // new connections are refused
	delay   time.Duration // before each transfer
	lose    int           // replies of scripts still to lose
	upset   map[Upset]int // messages of the feed still to disturb
	record  Record
}

// Upset is what happens to a message on the pub/sub connection.
type Upset uint8

const (
	Lost    Upset = iota // it does not come
	Doubled              // it comes twice
	Swapped              // it comes after the next one
)

// Record is what the proxy noted.
type Record struct {
	Opened []time.Time // connections
	Feeds  []time.Time // connections on which the instance subscribed for the first time
	Lost   []Loss
	Upset  [3]int // messages disturbed, by Upset
	Swept  int    // replies lost
}

// Loss is a published entry that this instance was not told of.
type Loss struct {
	Place
	At    time.Time
	Shown time.Time // when a later entry of the chat passed and so showed the hole; zero if none has yet
}

// Listen starts a proxy for a Redis at host:port.
func Listen(upstream string) (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("redisproxy: %w", err)
	}
	p := &Proxy{
		listener: listener, upstream: upstream, conns: map[*conn]struct{}{}, changed: make(chan struct{}), upset: map[Upset]int{},
	}
	p.pumps.Go(p.accept)
	return p, nil
}

// URL is where the instance finds its Redis.
func (p *Proxy) URL() string { return "redis://" + p.listener.Addr().String() }

func (p *Proxy) accept() {
	for {
		near, err := p.listener.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				log.Printf("redisproxy: %v", err)
			}
			return
		}
		p.pumps.Go(func() { p.open(near) })
	}
}

func (p *Proxy) open(near net.Conn) {
	p.mu.Lock()
	refused := p.refused
	p.mu.Unlock()
	if refused {
		_ = near.Close()
		return
	}
	far, err := net.DialTimeout("tcp", p.upstream, 5*time.Second)
	if err != nil {
		_ = near.Close()
		return
	}
	c := &conn{proxy: p, near: near, far: far, ended: make(chan struct{})}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		c.cutLocked()
		return
	}
	p.conns[c] = struct{}{}
	p.record.Opened = append(p.record.Opened, time.Now())
	p.pumps.Go(c.pumpUp)
	p.pumps.Go(c.pumpDown)
}

// change alters the state of the faults and wakes the pumps that wait for it.
func (p *Proxy) change(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
	close(p.changed)
	p.changed = make(chan struct{})
}

// Cut drops every connection.
func (p *Proxy) Cut() {
	p.change(func() {
		for c := range p.conns {
			c.cutLocked()
		}
	})
}

// CutFeed drops the pub/sub connections.
func (p *Proxy) CutFeed() {
	p.change(func() {
		for c := range p.conns {
			if c.feed {
				c.cutLocked()
			}
		}
	})
}

// SilenceFeed lets nothing more come through the pub/sub connections that are open now; they stay up.
func (p *Proxy) SilenceFeed() {
	p.change(func() {
		for c := range p.conns {
			c.mute = c.mute || c.feed
		}
	})
}

// Silence holds everything back in both directions, on new connections too, until it is taken back.
func (p *Proxy) Silence(on bool) { p.change(func() { p.silent = on }) }

// Refuse turns new connections away until it is taken back.
func (p *Proxy) Refuse(on bool) { p.change(func() { p.refused = on }) }

// Delay holds each transfer back; 0 = not.
func (p *Proxy) Delay(d time.Duration) { p.change(func() { p.delay = d }) }

// LoseReplies lets the next n scripts run and drops the connection instead of passing the reply on.
func (p *Proxy) LoseReplies(n int) { p.change(func() { p.lose += n }) }

// Disturb loses, doubles or swaps the next n entries on the pub/sub connection.
func (p *Proxy) Disturb(u Upset, n int) { p.change(func() { p.upset[u] += n }) }

// Heal ends every fault. A feed that was made silent stays so until the instance gives it up.
func (p *Proxy) Heal() {
	p.change(func() {
		p.silent, p.refused, p.delay, p.lose = false, false, 0, 0
		clear(p.upset)
	})
}

// Record returns a copy of what was noted so far.
func (p *Proxy) Record() Record {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.record
	r.Opened = append([]time.Time(nil), r.Opened...)
	r.Feeds = append([]time.Time(nil), r.Feeds...)
	r.Lost = append([]Loss(nil), r.Lost...)
	return r
}

// Close drops every connection and waits until nothing moves any more.
func (p *Proxy) Close() {
	_ = p.listener.Close()
	p.change(func() {
		p.closed = true
		for c := range p.conns {
			c.cutLocked()
		}
	})
	p.pumps.Wait()
}
