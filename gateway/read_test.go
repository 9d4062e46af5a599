package gateway

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"eclipse/internal/token"
	"eclipse/internal/wire"
)

// frame builds a client's frame; the mask is zero, so that the payload is what it looks like.
func frame(head byte, payload string) []byte {
	b := []byte{head}
	switch n := len(payload); {
	case n < length16:
		b = append(b, masked|byte(n))
	case n <= 0xFFFF:
		b = binary.BigEndian.AppendUint16(append(b, masked|length16), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, masked|length64), uint64(n))
	}
	return append(append(b, 0, 0, 0, 0), payload...)
}

func write(t testing.TB, c net.Conn, b []byte) {
	t.Helper()
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
}

func TestFramesThatAreFine(t *testing.T) {
	e := start(t, nil)
	ws := e.open()
	raw := ws.NetConn()

	// Three messages, a ping and a pong in one packet.
	write(t, raw, bytes.Join([][]byte{
		frame(headText, say("one")), frame(headPing, "?"), frame(headText, say("two")), frame(headPong, ""), frame(headText, say("three")),
	}, nil))
	pongs := make(chan string, 1)
	ws.SetPongHandler(func(data string) error { pongs <- data; return nil })
	expect(t, ws, "one")
	expect(t, ws, "two")
	expect(t, ws, "three")
	if got := <-pongs; got != "?" {
		t.Errorf("pong %q", got)
	}

	// A message in fragments, with a ping between them, byte by byte.
	text := say("fragments")
	for _, b := range bytes.Join([][]byte{frame(0x01, text[:5]), frame(0x00, text[5:9]), frame(headPing, "!"), frame(0x80, text[9:])}, nil) {
		write(t, raw, []byte{b})
	}
	expect(t, ws, "fragments")
	if got := <-pongs; got != "!" {
		t.Errorf("pong %q", got)
	}

	// The largest one.
	large := `{"type":"ping","pad":"` + strings.Repeat("x", wire.DefaultMaxFrame-len(`{"type":"ping","pad":""}`)) + `"}`
	send(t, ws, large)
	expect(t, ws, `{"type":"pong"}`)

	send(t, ws, say(strings.Repeat("界", 5000))) // many buffers long
	expect(t, ws, strings.Repeat("界", 5000))
}

func TestFramesThatAreAnsweredWithAnError(t *testing.T) {
	e := start(t, nil)
	ws := e.open()
	for _, c := range []struct {
		kind    int
		payload string
		code    wire.Code
	}{
		{websocket.BinaryMessage, say("binary"), wire.BadFrame},
		{websocket.TextMessage, "nonsense", wire.BadFrame},
		{websocket.TextMessage, "", wire.BadFrame},
		{websocket.TextMessage, "{\"type\":\"message\",\"content\":\"\xff\",\"role\":\"USER\"}", wire.BadFrame},
		{websocket.TextMessage, strings.Repeat("[", 60_000), wire.BadFrame},
		{websocket.TextMessage, `{"type":"dance"}`, wire.UnknownType},
		{websocket.TextMessage, `{"type":"message","content":" ","role":"USER"}`, wire.MissingField},
		{websocket.TextMessage, say(strings.Repeat("x", 16_001)), wire.ContentTooLong},
	} {
		if err := ws.WriteMessage(c.kind, []byte(c.payload)); err != nil {
			t.Fatal(err)
		}
		expect(t, ws, "error "+string(c.code))
	}
	send(t, ws, `{"type":"typing","isTyping":"yes"}`) // ignored in silence
	send(t, ws, say("still here"))
	expect(t, ws, "still here")
	if !e.metric(`eclipse_frames_in_total{outcome="refused",type="invalid"} 8`) || !e.metric(`eclipse_frames_in_total{outcome="accepted",type="ignored"} 1`) {
		t.Error("not counted")
	}
}

func TestFramesThatCloseTheSocket(t *testing.T) {
	for name, c := range map[string]struct {
		bytes []byte
		code  int
	}{
		"too large":              {frame(headText, strings.Repeat("x", wire.DefaultMaxFrame+1)), 1009},
		"too large in fragments": {append(frame(0x01, strings.Repeat("x", 40<<10)), frame(0x80, strings.Repeat("x", 40<<10))...), 1009},
		"endless":                {[]byte{headText, masked | length64, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0}, 1009},
		"binary too large":       {frame(0x82, strings.Repeat("x", wire.DefaultMaxFrame+1)), 1009},
		"unmasked":               {[]byte{headText, 2, '{', '}'}, 1002},
		"unmasked ping":          {[]byte{headPing, 0}, 1002},
		"reserved bit":           {frame(0xC1, "{}"), 1002},
		"unknown opcode":         {frame(0x83, "{}"), 1002},
		"continuation of none":   {frame(0x80, "{}"), 1002},
		"message in a message":   {append(frame(0x01, "{"), frame(headText, "{}")...), 1002},
		"ping in fragments":      {frame(0x09, ""), 1002},
		"ping too long":          {frame(headPing, strings.Repeat("x", 126)), 1002},
		"close with a bad code":  {frame(headClose, "\x00\x01"), 1002},
		"close with bad text":    {frame(headClose, "\x03\xe8\xff"), 1002},
		"close":                  {frame(headClose, "\x03\xe8bye"), 1000},
		"close, going away":      {frame(headClose, "\x03\xe9"), 1001},
		"close without a code":   {frame(headClose, ""), 1000},
	} {
		t.Run(name, func(t *testing.T) {
			e := start(t, nil)
			ws, other := e.open(), e.open()
			eventually(t, "both connected", func() bool { return e.router.count() == 2 })
			write(t, ws.NetConn(), c.bytes)
			_, _ = ws.NetConn().Write(bytes.Repeat(frame(headText, say("more")), 500)) // still sending: must not destroy the goodbye
			expectClose(t, ws, c.code, "")
			send(t, other, say("unharmed"))
			expect(t, other, "unharmed")
			_ = ws.Close()
			eventually(t, "close counted", func() bool {
				return e.metric(fmt.Sprintf(`eclipse_closes_total{code="%d"} 1`, c.code)) && e.metric("eclipse_connections 1")
			})
		})
	}
}

func TestPeerThatVanishes(t *testing.T) {
	e := start(t, nil)
	ws := e.open()
	eventually(t, "connected", func() bool { return e.router.last() != nil })
	f := e.router.last()
	write(t, ws.NetConn(), frame(headText, say("cut off"))[:9])
	_ = ws.NetConn().Close()
	<-f.gone
	eventually(t, "released", func() bool { return e.sockets() == 0 && e.metric(`eclipse_closes_total{code="1006"} 1`) })
	if n := f.goneCalls.Load(); n != 1 || f.handled.Load() != 0 {
		t.Errorf("gone %d times, %d frames handled", n, f.handled.Load())
	}
}

func TestFrameThatNeverEnds(t *testing.T) {
	e := start(t, func(o *Options, _ *fakeRouter) { o.FrameTimeout = 100 * time.Millisecond })
	ws := e.open()
	write(t, ws.NetConn(), frame(headText, say("slow"))[:9])
	expectClose(t, ws, 4008, "Frame took too long")
}

func TestSlowButWhole(t *testing.T) {
	e := start(t, func(o *Options, _ *fakeRouter) { o.FrameTimeout = 200 * time.Millisecond })
	ws := e.open()
	for range 3 { // each in time, all together not
		b := frame(headText, say("slow"))
		write(t, ws.NetConn(), b[:9])
		time.Sleep(100 * time.Millisecond) // the peer's own slowness is what is tested
		write(t, ws.NetConn(), b[9:])
		expect(t, ws, "slow")
	}
}

func TestPanicEndsOneSocket(t *testing.T) {
	e := start(t, nil)
	ws, other := e.open(), e.open()
	send(t, ws, say("panic"))
	expectClose(t, ws, 4000, "Internal error")
	send(t, other, say("unharmed"))
	expect(t, other, "unharmed")
}

func TestFlood(t *testing.T) {
	e := start(t, func(o *Options, _ *fakeRouter) { o.RateLimit = 5 }) // burst 20, flood beyond 100 refusals
	ws := e.open()
	for range 20 {
		send(t, ws, say("fine"))
		expect(t, ws, "fine")
	}
	send(t, ws, `{"type":"typing","isTyping":true}`)
	send(t, ws, say("too fast"))
	expect(t, ws, "error RATE_LIMITED")
	if r := e.router.last().lastRejected(); !r.Retryable || r.RetryAfter <= 0 || r.RetryAfter > 200*time.Millisecond {
		t.Errorf("rejected with %+v", r)
	}
	if !e.metric(`eclipse_drops_total{reason="typing_rate_limited"} 1`) {
		t.Error("typing not counted")
	}
	time.Sleep(e.router.last().lastRejected().RetryAfter) // as advised
	send(t, ws, say("in time"))
	expect(t, ws, "in time")
	for range 110 {
		if ws.WriteMessage(websocket.TextMessage, []byte(say("flood"))) != nil {
			break
		}
	}
	expectClose(t, ws, 4008, "")
	eventually(t, "counted", func() bool { return e.metric(`eclipse_closes_total{code="4008"} 1`) })
}

func TestFloodOfControlFrames(t *testing.T) {
	for name, head := range map[string]byte{"ping": headPing, "pong": headPong} {
		t.Run(name, func(t *testing.T) {
			e := start(t, func(o *Options, _ *fakeRouter) { o.RateLimit = 5 })
			ws := e.open()
			_, _ = ws.NetConn().Write(bytes.Repeat(frame(head, ""), 200))
			expectClose(t, ws, 4008, "")
		})
	}
}

func TestTokensOfFrames(t *testing.T) {
	e := start(t, nil)
	ws := e.open()
	second := mint(t, token.Claims{UserID: "u", ChatID: "chat-2", Authenticated: true, Role: "AGENT"})
	expired := mint(t, token.Claims{UserID: "u", ChatID: "chat-2", ExpiresAt: time.Now().Add(-time.Minute)})
	for _, c := range []struct{ frame, want string }{
		{`{"type":"subscribe","chatId":"chat-2","token":"` + second + `"}`, "subscribed"},
		{`{"type":"subscribe","chatId":"chat-3","token":"` + second + `"}`, "error TOKEN_INVALID"},
		{`{"type":"subscribe","chatId":"chat-2","token":"` + expired + `"}`, "error TOKEN_INVALID"},
		{`{"type":"subscribe","chatId":"chat-2","token":"x.y.z"}`, "error TOKEN_INVALID"},
		{`{"type":"auth","token":"` + visitor(t) + `"}`, "authenticated"},
		{`{"type":"auth","token":"` + second + `"}`, "error TOKEN_INVALID"},
		{`{"type":"auth","chatId":"chat-2","token":"` + second + `"}`, "authenticated"},
	} {
		send(t, ws, c.frame)
		expect(t, ws, c.want)
	}
	f := e.router.last()
	f.mu.Lock()
	defer f.mu.Unlock()
	if id := f.identities[0]; id.UserID != "u" || id.ChatID != "chat-2" || !id.Authenticated || id.Role != wire.RoleAgent || id.ExpiresAt.IsZero() {
		t.Errorf("identity %+v", id)
	}
	if !e.metric(`eclipse_bad_tokens_total{reason="foreign"} 2`) {
		t.Error("not counted")
	}
}

func TestPeerThatNeverReads(t *testing.T) {
	e := start(t, nil)
	stuck := e.open()
	eventually(t, "connected", func() bool { return e.router.count() == 1 })
	other := e.open()
	e.router.mu.Lock()
	s := e.router.sessions[0].socket
	if e.router.requests[0].Socket != s {
		t.Fatal("another socket")
	}
	e.router.mu.Unlock()
	p := s.AppendText(nil, make([]byte, 1<<20))
	for full := false; !full; { // the kernel takes what it has room for, and TryWrite never blocks
		n, err := s.TryWrite(p)
		if err != nil {
			t.Fatal(err)
		}
		full = n < len(p)
	}
	begun := time.Now()
	if err := s.Write(p, time.Now().Add(50*time.Millisecond)); err == nil || time.Since(begun) > 5*time.Second {
		t.Errorf("Write: %v after %v", err, time.Since(begun))
	}
	send(t, other, say("flows"))
	expect(t, other, "flows")
	s.Close()
	eventually(t, "gone", func() bool { return e.sockets() == 1 })
	_ = stuck
}

// FuzzBytes sends anything on a real socket: the server must not panic and another socket must go on.
func FuzzBytes(f *testing.F) {
	e := start(f, nil)
	other := e.open()
	f.Add([]byte{headText, masked, 0, 0, 0, 0})
	f.Add(frame(headText, say("hi")))
	f.Add(append(frame(0x01, `{"type":`), frame(headClose, "\x03\xe8")...))
	f.Add(append(frame(headPing, "abc"), headPong, masked|5, 1))
	f.Fuzz(func(t *testing.T, data []byte) {
		if bytes.Contains(data, []byte("panic")) {
			return // what the fake session is asked to do
		}
		d := websocket.Dialer{}
		ws, _, err := d.Dial("ws://"+e.address+"/?token="+visitor(t), nil)
		if err != nil {
			t.Fatal(err)
		}
		c := ws.NetConn()
		_, _ = c.Write(data)
		_ = c.(*net.TCPConn).CloseWrite()
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.Copy(io.Discard, c); err != nil && strings.Contains(err.Error(), "timeout") {
			t.Error("the server did not close")
		}
		_ = c.Close()
		send(t, other, say("unharmed"))
		expect(t, other, "unharmed")
		if strings.Contains(e.scrape(), `eclipse_panics_total{actor="connection"} 1`) {
			t.Error("panic")
		}
	})
}
