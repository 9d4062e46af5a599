package gateway

import (
	"context"
	"io"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"eclipse/internal/token"
	"eclipse/internal/wire"
)

// piped opens a socket over a pipe, whose deadlines are virtual time in a bubble, and returns the peer's end. The server pings once
// in ten years: a peer in the middle of a frame cannot answer a ping, and is otherwise cut for that as soon as its turn comes.
func piped(t *testing.T) (net.Conn, *fakeSession) {
	t.Helper()
	s, err := New(Options{Router: &fakeRouter{}, Verifier: token.NewVerifier([]string{secret}, -1), PingInterval: 10 * 365 * 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	ours, theirs := net.Pipe()
	t.Cleanup(func() { _ = theirs.Close() })
	sock := newSocket(s, netip.MustParseAddr("192.0.2.1"))
	f := &fakeSession{socket: sock, gone: make(chan struct{})}
	sock.session = f
	sock.transport.take(ours)
	s.limits.admit(sock)
	s.pulse.add(sock)
	go sock.park()
	return theirs, f
}

// TestAFrameMayTakeThirtySeconds from its first byte to its last; each frame has its own.
func TestAFrameMayTakeThirtySeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer, f := piped(t)
		whole := frame(headText, say("slow"))
		receive := func(want []byte) {
			t.Helper()
			got := make([]byte, len(want))
			if _, err := io.ReadFull(peer, got); err != nil || string(got) != string(want) {
				t.Fatalf("got %q, %v; want %q", got, err, want)
			}
		}
		for _, pause := range []time.Duration{29 * time.Second, time.Hour, 29 * time.Second} { // between frames it may wait for long
			if pause > time.Minute {
				time.Sleep(pause)
				continue
			}
			write(t, peer, whole[:9])
			time.Sleep(pause)
			write(t, peer, whole[9:])
			receive(f.socket.AppendText(nil, []byte("slow")))
		}
		begun := time.Now()
		write(t, peer, whole[:9])
		receive(new(socket).AppendClose(nil, wire.CloseLimits, "Frame took too long"))
		if took := time.Since(begun); took != 30*time.Second {
			t.Errorf("half a frame was waited for %v", took)
		}
		<-f.gone
		if n := f.handled.Load(); n != 2 {
			t.Errorf("%d frames handled", n)
		}
	})
}
