package redisproxy

import (
	"bytes"
	"net"
	"time"
)

// conn is one connection of the instance, and ours to Redis. Its flags are guarded by the proxy's lock.
type conn struct {
	proxy     *Proxy
	near, far net.Conn
	ended     chan struct{}
	cut       bool

	feed   bool   // the instance subscribed on it
	mute   bool   // what Redis sends is thrown away
	doomed bool   // the next reply is lost, and the connection with it
	held   []byte // owned by pumpDown: a message that comes after the next one
}

// cutLocked drops both sides with a reset, as a host that dies does.
func (c *conn) cutLocked() {
	if c.cut {
		return
	}
	c.cut = true
	delete(c.proxy.conns, c)
	close(c.ended)
	for _, side := range []net.Conn{c.near, c.far} {
		if tcp, ok := side.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // fails only on a closed connection
		}
		_ = side.Close()
	}
}

func (c *conn) end() {
	c.proxy.mu.Lock()
	defer c.proxy.mu.Unlock()
	c.cutLocked()
}

// pass waits for as long as a fault holds transfers back. It is false when the connection has gone meanwhile.
func (c *conn) pass() bool {
	delayed := false
	for {
		c.proxy.mu.Lock()
		silent, delay, changed := c.proxy.silent, c.proxy.delay, c.proxy.changed
		c.proxy.mu.Unlock()
		var timer <-chan time.Time
		switch {
		case silent:
		case delay > 0 && !delayed:
			timer = time.After(delay)
		default:
			return true
		}
		select {
		case <-timer:
			delayed = true
		case <-changed:
		case <-c.ended:
			return false
		}
	}
}

const chunk = 64 << 10 // bytes of one transfer

// pumpUp carries what the instance sends.
func (c *conn) pumpUp() {
	defer c.end()
	buf := make([]byte, chunk)
	for {
		n, err := c.near.Read(buf)
		if n > 0 {
			c.look(buf[:n])
			if !c.pass() {
				return
			}
			if _, err := c.far.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

var (
	subscribe = []byte("SUBSCRIBE\r\n")
	script    = []byte("EVALSHA\r\n")
)

// look finds out what kind of connection this is, and whether a script runs whose reply is to be lost.
func (c *conn) look(sent []byte) {
	subscribes, runs := bytes.Contains(sent, subscribe), bytes.Contains(sent, script)
	if !subscribes && !runs {
		return
	}
	p := c.proxy
	p.mu.Lock()
	defer p.mu.Unlock()
	if subscribes && !c.feed {
		c.feed = true
		p.record.Feeds = append(p.record.Feeds, time.Now())
	}
	if runs && p.lose > 0 && !c.doomed {
		p.lose--
		p.record.Swept++
		c.doomed = true
	}
}

// pumpDown carries what Redis sends.
func (c *conn) pumpDown() {
	defer c.end()
	var rest []byte
	buf := make([]byte, chunk)
	for {
		n, err := c.far.Read(buf)
		if n > 0 {
			rest = append(rest, buf[:n]...)
			whole, ok := c.sift(rest)
			if !ok || !c.pass() {
				return
			}
			if len(whole.out) > 0 {
				if _, err := c.near.Write(whole.out); err != nil {
					return
				}
			}
			rest = append(rest[:0], rest[whole.taken:]...)
		}
		if err != nil {
			return
		}
	}
}

type sifted struct {
	out   []byte // to be passed on
	taken int    // bytes of what Redis sent that are dealt with
}

// sift takes the complete replies and does to them what the faults say. ok is false when the connection is to end.
func (c *conn) sift(p []byte) (s sifted, ok bool) {
	c.proxy.mu.Lock()
	feed, mute, doomed := c.feed, c.mute, c.doomed
	c.proxy.mu.Unlock()
	if doomed {
		return s, false
	}
	for {
		n := replyLen(p[s.taken:])
		if n == 0 {
			break
		}
		reply := p[s.taken : s.taken+n]
		s.taken += n
		switch {
		case mute:
		case feed:
			s.out = c.deliver(s.out, reply)
		default:
			s.out = append(s.out, reply...)
		}
	}
	return s, true
}

// deliver passes one reply of a feed on, or does not.
func (c *conn) deliver(out, reply []byte) []byte {
	at, isEntry := published(reply)
	if !isEntry {
		return append(out, reply...)
	}
	p := c.proxy
	p.mu.Lock()
	defer p.mu.Unlock()
	upset := func(u Upset) bool {
		if p.upset[u] == 0 {
			return false
		}
		p.upset[u]--
		p.record.Upset[u]++
		return true
	}
	switch {
	case c.held != nil:
		p.showsLocked(at)
		out = append(append(out, reply...), c.held...)
		c.held = nil
		return out
	case at.Offset > 0 && upset(Lost):
		p.record.Lost = append(p.record.Lost, Loss{Place: at, At: time.Now()})
		return out
	case upset(Swapped):
		c.held = bytes.Clone(reply)
		return out
	case upset(Doubled):
		out = append(out, reply...)
	}
	p.showsLocked(at)
	return append(out, reply...)
}

// recentLosses bounds how many losses are looked at for each entry that passes.
const recentLosses = 200

// showsLocked notes the first entry that passes behind a lost one.
func (p *Proxy) showsLocked(at Place) {
	lost := p.record.Lost
	for i := max(0, len(lost)-recentLosses); i < len(lost); i++ {
		if l := &lost[i]; l.Shown.IsZero() && l.Chat == at.Chat && l.Epoch == at.Epoch && l.Offset < at.Offset {
			l.Shown = time.Now()
		}
	}
}
