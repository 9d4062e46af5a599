package ws

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve starts a server that does serve to every socket, in plain TCP or in TLS.
func serve(t *testing.T, handler func(*websocket.Conn)) *url.URL {
	t.Helper()
	up := websocket.Upgrader{Subprotocols: []string{"p"}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/no" {
			http.Error(w, "no", http.StatusServiceUnavailable)
			return
		}
		conn, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		handler(conn)
	}))
	t.Cleanup(s.Close)
	u, err := url.Parse("ws" + strings.TrimPrefix(s.URL, "http"))
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func dial(t *testing.T, u *url.URL) *Conn {
	t.Helper()
	c, err := Dial(t.Context(), u, Options{Protocols: "p"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseNow)
	return c
}

// echo sends back what comes.
func echo(c *websocket.Conn) {
	for {
		kind, p, err := c.ReadMessage()
		if err != nil || c.WriteMessage(kind, p) != nil {
			return
		}
	}
}

func TestMessagesOfAllSizesComeBack(t *testing.T) {
	for _, way := range []string{"raw", "conn"} {
		t.Run(way, func(t *testing.T) {
			c := dial(t, serve(t, echo))
			if way == "conn" {
				c.raw = nil
			}
			sizes := []int{0, 1, 125, 126, 127, 65_535, 65_536, 300_000}
			got := make(chan []byte, len(sizes))
			ended := make(chan error, 1)
			go func() { ended <- c.Read(func(p []byte) { got <- bytes.Clone(p) }) }()
			for _, n := range sizes {
				want := bytes.Repeat([]byte("0123456789abc"), n/13+1)[:n]
				if err := c.WriteText(want); err != nil {
					t.Fatal(err)
				}
				if p := <-got; !bytes.Equal(p, want) {
					t.Fatalf("%d bytes came back as %d others", n, len(p))
				}
			}
			if err := c.Goodbye(); err != nil {
				t.Fatal(err)
			}
			var why *Closed
			if err := <-ended; !errors.As(err, &why) || why.Code != 1000 {
				t.Errorf("Read ended with %v", err)
			}
		})
	}
}

func TestFragmentsPingsAndAClose(t *testing.T) {
	pong := make(chan string, 1)
	c := dial(t, serve(t, func(c *websocket.Conn) {
		c.SetPongHandler(func(data string) error { pong <- data; return nil })
		raw := c.NetConn()
		_, _ = raw.Write([]byte("\x01\x03abc\x89\x02hi\x80\x03def"))
		_, _, _ = c.ReadMessage() // the answering pong, then our close
		_ = c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(4009, "too slow"), time.Now().Add(time.Second))
	}))
	var got []string
	ended := make(chan error, 1)
	go func() { ended <- c.Read(func(p []byte) { got = append(got, string(p)) }) }()
	if data := <-pong; data != "hi" {
		t.Errorf("pong carries %q", data)
	}
	if err := c.WriteText([]byte("go on")); err != nil {
		t.Fatal(err)
	}
	var why *Closed
	if err := <-ended; !errors.As(err, &why) || why.Code != 4009 || why.Reason != "too slow" {
		t.Errorf("Read ended with %v", err)
	}
	if len(got) != 1 || got[0] != "abcdef" {
		t.Errorf("messages %q", got)
	}
}

func TestWhatTheServerSaysRightBehindItsAnswerIsHeard(t *testing.T) {
	c := dial(t, serve(t, func(c *websocket.Conn) { _ = c.WriteMessage(websocket.TextMessage, []byte("hello")); echo(c) }))
	got := make(chan string, 1)
	go func() { _ = c.Read(func(p []byte) { got <- string(p) }) }()
	if p := <-got; p != "hello" {
		t.Errorf("got %q", p)
	}
}

func TestRefusals(t *testing.T) {
	u := serve(t, echo)
	u.Path = "/no"
	u.RawQuery = "token=secret"
	var refused *Refused
	if _, err := Dial(t.Context(), u, Options{}); !errors.As(err, &refused) || refused.Status != 503 || strings.Contains(err.Error(), "secret") {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Dial(ctx, u, Options{}); err == nil {
		t.Error("a cancelled dial must fail")
	}
	if err := checkAnswer([]byte("HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: bogus"), "key"); err == nil {
		t.Error("a wrong Sec-WebSocket-Accept must be refused")
	}
}

func TestBrokenFramesEndTheSocket(t *testing.T) {
	for name, p := range map[string]string{
		"masked": "\x81\x81abcd!", "reserved bit": "\xC1\x00", "reserved opcode": "\x83\x00", "fragmented ping": "\x09\x00",
		"long ping": "\x89\x7e\x00\x80", "continuation of nothing": "\x80\x00", "new message in fragments": "\x01\x00\x81\x00",
		"short length long": "\x81\x7e\x00\x05", "too large": "\x81\x7f\x00\x00\x00\x00\x7f\x00\x00\x00",
		"middle length long": "\x81\x7f\x00\x00\x00\x00\x00\x00\xff\xff",
	} {
		var d decoder
		stream := append([]byte(p), make([]byte, 200)...)
		if err := d.feed(stream, func(byte, []byte) error { return nil }); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestAnIdleDecoderHoldsNothing(t *testing.T) {
	var d decoder
	ignore := func(byte, []byte) error { return nil }
	for _, piece := range []string{"\x81\x05he", "llo", "\x81"} {
		if err := d.feed([]byte(piece), ignore); err != nil {
			t.Fatal(err)
		}
	}
	if len(d.rest) != 1 {
		t.Fatalf("rest %q", d.rest)
	}
	if err := d.feed([]byte("\x00"), ignore); err != nil || d.rest != nil {
		t.Errorf("rest %q, error %v", d.rest, err)
	}
}

func TestMaskingIsUndoneByItsKey(t *testing.T) {
	for n := range 40 {
		want := bytes.Repeat([]byte{0xA5}, n)
		frame := appendFrame(nil, opText, want)
		key, body := frame[2:6], frame[6:]
		for i := range body {
			body[i] ^= key[i%4]
		}
		if !bytes.Equal(body, want) {
			t.Fatalf("%d bytes: %x", n, body)
		}
	}
	if frame := appendFrame(nil, opText, make([]byte, 70_000)); binary.BigEndian.Uint64(frame[2:]) != 70_000 {
		t.Error("wrong long length")
	}
}

// However a stream is cut, the same messages come out of it.
func FuzzDecoder(f *testing.F) {
	f.Add([]byte("\x81\x05hello\x01\x01a\x89\x00\x80\x01b"), 3)
	f.Add([]byte("\x88\x02\x03\xe8"), 1)
	f.Fuzz(func(t *testing.T, stream []byte, cut int) {
		read := func(step int) (out []byte, failed error) {
			var d decoder
			for rest := stream; len(rest) > 0 && failed == nil; {
				n := min(step, len(rest))
				failed = d.feed(rest[:n], func(op byte, p []byte) error {
					out = append(append(out, op), p...)
					return nil
				})
				rest = rest[n:]
			}
			return out, failed
		}
		whole, err := read(len(stream) + 1)
		pieces, err2 := read(max(1, cut%8))
		if (err == nil) != (err2 == nil) || !bytes.HasPrefix(whole, pieces) && !bytes.HasPrefix(pieces, whole) || (err == nil && !bytes.Equal(whole, pieces)) {
			t.Fatalf("whole %q %v, in pieces %q %v", whole, err, pieces, err2)
		}
	})
}
