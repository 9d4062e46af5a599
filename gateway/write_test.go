package gateway

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"eclipse/internal/wire"
)

func TestAppend(t *testing.T) {
	s := new(socket)
	for _, c := range []struct {
		name string
		got  []byte
		want string
	}{
		{"text", s.AppendText([]byte("before"), []byte("hi")), "before\x81\x02hi"},
		{"empty", s.AppendText(nil, nil), "\x81\x00"},
		{"125", s.AppendText(nil, make([]byte, 125))[:2], "\x81\x7d"},
		{"126", s.AppendText(nil, make([]byte, 126))[:4], "\x81\x7e\x00\x7e"},
		{"65535", s.AppendText(nil, make([]byte, 65535))[:4], "\x81\x7e\xff\xff"},
		{"65536", s.AppendText(nil, make([]byte, 65536))[:10], "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"},
		{"ping", s.AppendPing(nil), "\x89\x00"},
		{"pong", s.AppendPong(nil, []byte("abc")), "\x8a\x03abc"},
		{"close", s.AppendClose(nil, wire.CloseTooSlow, "slow"), "\x88\x06\x0f\xa9slow"},
	} {
		if string(c.got) != c.want {
			t.Errorf("%s: %q, want %q", c.name, c.got, c.want)
		}
	}
	if p := s.AppendPong(nil, make([]byte, 300)); len(p) != 127 {
		t.Errorf("pong of %d bytes", len(p))
	}
	if p := s.AppendClose(nil, wire.CloseDone, strings.Repeat("é", 100)); len(p) != 2+2+122 || !bytes.HasSuffix(p, []byte("é")) {
		t.Errorf("close of %d bytes: %q", len(p), p)
	}
}

func TestAppendTextAllocatesNothing(t *testing.T) {
	s, dst, payload := new(socket), make([]byte, 0, 4096), make([]byte, 1000)
	if n := testing.AllocsPerRun(100, func() { dst = s.AppendText(dst[:0], payload) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// pair is a connected pair of loopback sockets; the first one is under a server's socket.
func pair(t testing.TB) (*socket, net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	peer, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	own, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	s := new(socket)
	s.transport.take(own)
	t.Cleanup(func() { _ = peer.Close(); s.drop() })
	return s, peer
}

func TestTryWriteAllocatesNothing(t *testing.T) {
	s, peer := pair(t)
	go func() { _, _ = peer.(*net.TCPConn).WriteTo(discard{}) }()
	p := s.AppendText(nil, []byte("hi"))
	if n := testing.AllocsPerRun(100, func() { _, _ = s.TryWrite(p) }); n > 0.5 { // the pool may be emptied meanwhile
		t.Errorf("%v allocations", n)
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func TestTryWriteAfterClose(t *testing.T) {
	s, _ := pair(t)
	s.Close()
	s.Close()
	if n, err := s.TryWrite([]byte("x")); err == nil || n != 0 {
		t.Errorf("%d, %v", n, err)
	}
	if err := s.Write([]byte("x"), time.Now().Add(time.Second)); err == nil {
		t.Error("Write after Close")
	}
}

// Where the descriptor is out of reach (TLS) nothing is taken without blocking, and Write does the work.
func TestWriteWithoutDescriptor(t *testing.T) {
	own, peer := net.Pipe()
	s := new(socket)
	s.transport.take(tls.Client(own, &tls.Config{InsecureSkipVerify: true}))
	if s.transport.raw != nil {
		t.Fatal("TLS has no descriptor of its own")
	}
	if n, err := s.TryWrite([]byte("x")); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	_ = own.Close()
	_ = peer.Close()
}

func BenchmarkTryWrite(b *testing.B) {
	s, peer := pair(b)
	go func() { _, _ = peer.(*net.TCPConn).WriteTo(discard{}) }()
	p := s.AppendText(nil, make([]byte, 200))
	b.ReportAllocs()
	for b.Loop() {
		if n, err := s.TryWrite(p); err != nil {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkAppendText(b *testing.B) {
	s, dst, payload := new(socket), make([]byte, 0, 4096), make([]byte, 200)
	b.ReportAllocs()
	for b.Loop() {
		dst = s.AppendText(dst[:0], payload)
	}
}

// BenchmarkRead is one frame that arrives alone, and its echo: waking, decoding, writing, parking again, and the peer's two calls.
func BenchmarkRead(b *testing.B) {
	e := start(b, func(_ *Options, r *fakeRouter) { r.forgetful = true })
	c := e.rawSocket()
	p := frame(headText, say("hello there, is anybody in?"))
	echo := make([]byte, 2+len("hello there, is anybody in?"))
	b.ReportAllocs()
	for b.Loop() {
		write(b, c, p)
		if _, err := io.ReadFull(c, echo); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReadBusy is the same for frames that arrive in bulk.
func BenchmarkReadBusy(b *testing.B) {
	e := start(b, func(_ *Options, r *fakeRouter) { r.quiet = true })
	c := e.rawSocket()
	eventually(b, "connected", func() bool { return e.router.count() == 1 })
	f := e.router.last()
	f.forgetful = true
	bulk := bytes.Repeat(frame(headText, say("hello there, is anybody in?")), 40)
	b.ReportAllocs()
	sent := 0
	for b.Loop() {
		if sent%40 == 0 {
			write(b, c, bulk)
		}
		sent++
	}
	sent = (sent + 39) / 40 * 40
	for f.handled.Load() < int64(sent) {
		runtime.Gosched()
	}
}
