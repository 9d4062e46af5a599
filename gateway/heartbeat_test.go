package gateway

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
)

func TestDeadPeerIsDropped(t *testing.T) {
	e := start(t, func(o *Options, _ *fakeRouter) {
		o.PingInterval, o.PongTimeout = 600*time.Millisecond, 500*time.Millisecond
	})
	dead := e.open()
	eventually(t, "the one is connected", func() bool { return e.router.count() == 1 })
	alive := e.open()
	eventually(t, "the other is connected", func() bool { return e.router.count() == 2 })
	f, g := e.router.sessions[0], e.router.sessions[1]
	go func() { // reads, and so answers pings
		for {
			if _, _, err := alive.ReadMessage(); err != nil {
				return
			}
		}
	}()
	<-f.gone // the other side of dead is half open: it takes the pings and says nothing
	eventually(t, "more pings", func() bool { return g.beats.Load() >= 3 })
	select {
	case <-g.gone:
		t.Error("a living peer was dropped")
	default:
	}
	if err := alive.WriteMessage(websocket.TextMessage, []byte(say("alive"))); err != nil {
		t.Error(err)
	}
	eventually(t, "heard", func() bool { return g.handled.Load() == 1 })
	_ = dead
}

// still is a socket in a pulse without a connection.
func still(s *Server, f *fakeSession) *socket {
	sock := &socket{server: s, session: f}
	s.pulse.add(sock)
	return sock
}

func TestPulseInVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Server{pulse: newPulse(25*time.Second, 10*time.Second)}
		var sockets []*socket
		for range 500 {
			sockets = append(sockets, still(s, &fakeSession{quiet: true}))
		}
		fed := sockets[0] // shows a sign of life in each beat, the others never do
		go s.pulse.run()
		dropped := map[*socket]time.Duration{}
		begun := time.Now()
		for time.Since(begun) < 80*time.Second {
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
			fed.seen.Store(s.pulse.now())
			for _, sock := range sockets {
				if _, known := dropped[sock]; !known && sock.transport.closing.Load() {
					dropped[sock] = time.Since(begun)
				}
			}
		}
		if _, ok := dropped[fed]; ok || len(dropped) != len(sockets)-1 {
			t.Fatalf("%d of %d dropped", len(dropped), len(sockets))
		}
		spread := map[time.Duration]bool{}
		for _, d := range dropped {
			if d < 10*time.Second || d > 35*time.Second+600*time.Millisecond {
				t.Errorf("dropped after %v", d)
			}
			spread[d] = true
		}
		if len(spread) < beats/2 {
			t.Errorf("pings in only %d beats", len(spread))
		}
		if n := fed.session.(*fakeSession).beats.Load(); n < 3 || n > 4 {
			t.Errorf("%d pings in 80 s", n)
		}
		for _, sock := range sockets {
			s.pulse.remove(sock)
			s.pulse.remove(sock)
		}
		if left := s.pulse.close(); len(left) != 0 {
			t.Errorf("%d left", len(left))
		}
		if s.pulse.add(&socket{}) {
			t.Error("added after close")
		}
	})
}

func TestExpiryIsPrecise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Server{pulse: newPulse(25*time.Second, 10*time.Second)}
		end := time.Now().Add(2 * time.Hour)
		var mu sync.Mutex
		warn := end.Add(-time.Minute)
		var warned, ended time.Time // the first look at or after each
		f := &fakeSession{quiet: true, expireAt: func(now time.Time) time.Time {
			mu.Lock()
			defer mu.Unlock()
			switch {
			case now.Before(warn):
				return warn
			case now.Before(end):
				if warned.IsZero() {
					warned = now
				}
				return end
			}
			if ended.IsZero() {
				ended = now
			}
			return time.Time{}
		}}
		sock := still(s, f)
		go s.pulse.run()
		for time.Now().Before(end.Add(time.Second)) {
			time.Sleep(time.Second / 2)
			sock.seen.Store(s.pulse.now())
		}
		synctest.Wait()
		if !warned.Equal(warn) || !ended.Equal(end) {
			t.Errorf("looked at %v and %v; token ends %v", warned, ended, end)
		}
		if n := f.expired.Load(); n > 2*3600/25+20 {
			t.Errorf("%d looks", n)
		}
		s.pulse.remove(sock)
		s.pulse.close()
		time.Sleep(time.Minute) // timers that are left
	})
}

// A session that asks to be called in the past is not called in a loop.
func TestExpiryDoesNotSpin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Server{pulse: newPulse(25*time.Second, 10*time.Second)}
		f := &fakeSession{expireAt: func(now time.Time) time.Time { return now.Add(-time.Hour) }}
		sock := &socket{server: s, session: f}
		sock.expire()
		time.Sleep(time.Second)
		synctest.Wait()
		if n := f.expired.Load(); n > 101 {
			t.Errorf("%d looks in a second", n)
		}
		sock.drop()
		time.Sleep(time.Second)
	})
}
