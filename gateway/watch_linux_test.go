package gateway

import (
	"bytes"
	"math"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/sys/unix"

	"eclipse/internal/wire"
)

// resting opens a socket and waits until nobody owns it.
func (e *edge) resting() (*websocket.Conn, *fakeSession, *socket) {
	e.t.Helper()
	before := e.router.count()
	ws := e.open()
	eventually(e.t, "connected", func() bool { return e.router.count() > before })
	f := e.router.last()
	s := f.socket.(*socket)
	eventually(e.t, "at rest", func() bool { return s.turn.Load() == turnResting })
	return ws, f, s
}

// goneOnce waits until a socket has ended and left nothing behind.
func (e *edge) goneOnce(f *fakeSession) {
	e.t.Helper()
	<-f.gone
	eventually(e.t, "released", func() bool { return e.sockets() == 0 })
	if n := f.goneCalls.Load(); n != 1 {
		e.t.Errorf("ended %d times", n)
	}
}

func TestEndsWhileResting(t *testing.T) {
	for name, end := range map[string]func(ws *websocket.Conn, f *fakeSession, s *socket){
		"goodbye":    func(_ *websocket.Conn, f *fakeSession, _ *socket) { f.Close(wire.CloseRestart, "") },
		"no goodbye": func(_ *websocket.Conn, _ *fakeSession, s *socket) { s.Close() },
		"dropped":    func(_ *websocket.Conn, _ *fakeSession, s *socket) { s.drop() },
		"peer goes":  func(ws *websocket.Conn, _ *fakeSession, _ *socket) { _ = ws.Close() },
		"peer resets": func(ws *websocket.Conn, _ *fakeSession, _ *socket) {
			_ = ws.NetConn().(*net.TCPConn).SetLinger(0)
			_ = ws.Close()
		},
		"everybody at once": func(ws *websocket.Conn, f *fakeSession, s *socket) {
			var all sync.WaitGroup
			for range 4 {
				all.Go(s.drop)
				all.Go(s.Close)
				all.Go(func() { _ = ws.Close() })
			}
			all.Go(func() { f.Close(wire.CloseRestart, "") })
			all.Wait()
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := start(t, nil)
			ws, f, s := e.resting()
			end(ws, f, s)
			e.goneOnce(f)
			if s.turn.Load() == turnResting || e.watcher.sockets[s.descriptor].sock != nil {
				t.Error("still watched")
			}
		})
	}
}

// TestClosedWhileReading lets frames and the end race.
func TestClosedWhileReading(t *testing.T) {
	e := start(t, nil)
	burst := bytes.Repeat(frame(headText, `{"type":"ping"}`), 20)
	for range 100 {
		ws, f, s := e.resting()
		var both sync.WaitGroup
		both.Go(func() { _, _ = ws.NetConn().Write(burst) })
		both.Go(s.drop)
		both.Wait()
		e.goneOnce(f)
		_ = ws.Close()
	}
}

// TestLastWords: a frame and the peer's end may arrive as one event, of which a short read takes only the frame.
func TestLastWords(t *testing.T) {
	for name, c := range map[string]struct {
		words   []byte
		handled int64
	}{
		"message":            {frame(headText, say("bye")), 1},
		"answer to our ping": {frame(headPong, ""), 0},
	} {
		t.Run(name, func(t *testing.T) {
			e := start(t, nil)
			for range 50 {
				ws, f, s := e.resting()
				s.pinged.Store(math.MaxUint32) // every answer is welcome
				raw := ws.NetConn().(*net.TCPConn)
				write(t, raw, c.words)
				_ = raw.CloseWrite()
				e.goneOnce(f)
				if n := f.handled.Load(); n != c.handled {
					t.Fatalf("%d frames handled", n)
				}
				_ = ws.Close()
			}
		})
	}
}

// TestLastWordsWhileTaken: the same, while the owner believes that all has been read.
func TestLastWordsWhileTaken(t *testing.T) {
	e := start(t, nil)
	ws, f, s := e.resting()
	if !s.take() {
		t.Fatal("not at rest")
	}
	s.transport.emptied = true
	raw := ws.NetConn().(*net.TCPConn)
	write(t, raw, frame(headText, say("bye")))
	_ = raw.CloseWrite()
	eventually(t, "noticed", s.transport.last.Load)
	eventually(t, "noticed", func() bool { return s.turn.Load() == turnAgain })
	s.server.workers.Run(s)
	e.goneOnce(f)
	if n := f.handled.Load(); n != 1 {
		t.Errorf("%d frames handled", n)
	}
}

// TestMessageInsteadOfAnAnswer: the watcher reads what may be the answer to a ping; what is not goes to a worker.
func TestMessageInsteadOfAnAnswer(t *testing.T) {
	e := start(t, nil)
	ws, f, s := e.resting()
	for range 100 {
		s.pinged.Store(math.MaxUint32)
		s.seen.Store(0)
		send(t, ws, say("no answer"))
		expect(t, ws, "no answer")
	}
	eventually(t, "at rest", func() bool { return s.turn.Load() == turnResting })
	s.seen.Store(0)
	write(t, ws.NetConn(), frame(headPong, ""))
	eventually(t, "answered", func() bool { return s.seen.Load() == math.MaxUint32 })
	if n := f.handled.Load(); n != 100 {
		t.Errorf("%d frames handled", n)
	}
}

// TestDescriptorOfAnother: an event of a closed socket does not reach the one that has its descriptor now.
func TestDescriptorOfAnother(t *testing.T) {
	e := start(t, nil)
	peer, f, old := e.resting()
	stale := unix.EpollEvent{Events: unix.EPOLLIN, Fd: old.descriptor, Pad: e.watcher.sockets[old.descriptor].serial}
	if e.watcher.find(stale) != old {
		t.Fatal("not found")
	}
	old.drop()
	e.goneOnce(f)
	_ = peer.Close()
	if e.watcher.find(stale) != nil {
		t.Error("a closed socket is found")
	}
	for range 100 { // the lowest free descriptor is taken, so soon it is the same
		ws, f, s := e.resting()
		if s.descriptor != old.descriptor {
			s.drop()
			e.goneOnce(f)
			_ = ws.Close()
			continue
		}
		if e.watcher.find(stale) != nil {
			t.Error("an old event finds the new socket")
		}
		e.watcher.remove(old)
		send(t, ws, say("mine"))
		expect(t, ws, "mine")
		return
	}
	t.Error("the descriptor was never used again")
}

// TestManyRest without a goroutine each, wake all together, and end with the server.
func TestManyRest(t *testing.T) {
	const many = 1000
	e := start(t, func(o *Options, _ *fakeRouter) { o.PingInterval = 24 * time.Hour }) // nobody would answer
	before := runtime.NumGoroutine()
	peers := make([]*websocket.Conn, many)
	for i := range peers {
		peers[i] = e.open()
	}
	for round := range 2 {
		for _, ws := range peers {
			send(t, ws, say("all at once"))
		}
		for _, ws := range peers {
			expect(t, ws, "all at once")
		}
		eventually(t, "few goroutines", func() bool { return runtime.NumGoroutine() < before+100 })
		if n := e.sockets(); n != many {
			t.Fatalf("%d sockets in round %d", n, round)
		}
	}
}

// TestWithoutWatcher: sockets that cannot be watched have a goroutine that parks for them.
func TestWithoutWatcher(t *testing.T) {
	e := start(t, nil)
	e.watcher.close()
	ws := e.open()
	for range 3 {
		send(t, ws, say("parked"))
		expect(t, ws, "parked")
	}
	f := e.router.last()
	s := f.socket.(*socket)
	s.pinged.Store(math.MaxUint32)
	write(t, ws.NetConn(), frame(headPong, ""))
	eventually(t, "answered", func() bool { return s.seen.Load() == math.MaxUint32 })
	f.Close(wire.CloseRestart, "")
	expectClose(t, ws, 1012, "")
	_ = ws.Close()
	e.goneOnce(f)
	if s.watched {
		t.Error("watched")
	}
}
