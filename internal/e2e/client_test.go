package e2e

import (
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// ending is how a socket ended: 1006 when nobody said anything.
type ending struct {
	code   int
	reason string
}

// Client is one socket, with what a page does with it: it keeps every frame, and shows each message once, by its id.
type Client struct {
	t    testing.TB
	how  opening
	conn *websocket.Conn

	mu      sync.Mutex
	frames  []frame
	ended   *ending
	changed chan struct{} // closed at the next change
	paused  chan struct{} // while it is set and open, nothing is read
	cursor  int           // where next goes on
}

func (c *Client) read() {
	for {
		if paused := c.pausing(); paused != nil {
			<-paused
		}
		kind, data, err := c.conn.ReadMessage()
		if err != nil {
			c.end(err)
			return
		}
		var f frame
		if json.Unmarshal(data, &f) != nil || kind != websocket.TextMessage {
			f = frame{"type": "no JSON object: " + string(data)}
		}
		c.change(func() { c.frames = append(c.frames, f) })
	}
}

// pause stops reading after the next frame; resume goes on. A paused client must be resumed before the test ends.
func (c *Client) pause() (resume func()) {
	paused := make(chan struct{})
	c.change(func() { c.paused = paused })
	return func() { c.change(func() { c.paused = nil }); close(paused) }
}

func (c *Client) pausing() chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.paused
}

func (c *Client) end(err error) {
	e := &ending{code: websocket.CloseAbnormalClosure}
	var said *websocket.CloseError
	if errors.As(err, &said) {
		e.code, e.reason = said.Code, said.Text
	}
	c.change(func() { c.ended = e })
}

func (c *Client) change(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
	close(c.changed)
	c.changed = make(chan struct{})
}

// part1 are the frame types that old clients know.
var part1 = []string{"connected", "message", "message_updated", "typing", "agent_joined", "error", "pong"}

// check holds for every client in every test: an old one is sent nothing but part 1, nobody is sent an event twice, and
// offsets rise.
func (c *Client) check() {
	seen, last, epoch := map[string]bool{}, map[string]float64{}, map[string]string{}
	for _, f := range c.all() {
		if !c.how.v1 && c.how.epoch == "" && c.how.query == "" && !slices.Contains(part1, f.typ()) {
			c.t.Errorf("an old client was sent %v", f)
		}
		if id := f.str("data", "id"); f.typ() == "message" && id != "" {
			if seen[id] {
				c.t.Errorf("%s in %s was sent message %s twice", c.how.user, c.how.chat, id)
			}
			seen[id] = true
		}
		if at, chat := f.num("offset"), f.str("chatId"); at > 0 && f.at("data") != nil {
			if f.str("epoch") == epoch[chat] && at <= last[chat] {
				c.t.Errorf("%s was sent offset %v after %v", c.how.user, at, last[chat])
			}
			epoch[chat], last[chat] = f.str("epoch"), at
		}
	}
}

// wait blocks until a condition over what has arrived holds, or fails the test.
func (c *Client) wait(what string, holds func() bool) {
	c.t.Helper()
	for deadline := time.After(patience); ; {
		c.mu.Lock()
		ok, changed, end := holds(), c.changed, c.ended
		frames := len(c.frames)
		c.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			c.t.Fatalf("%s in %s waited in vain for %s (%d frames, end %v)", c.how.user, c.how.chat, what, frames, end)
		}
	}
}

// next returns the next frame of a type ("" = any), skipping others.
func (c *Client) next(typ string) (f frame) {
	c.t.Helper()
	c.wait("a frame "+typ, func() bool {
		for c.cursor < len(c.frames) {
			f = c.frames[c.cursor]
			c.cursor++
			if typ == "" || f.typ() == typ {
				return true
			}
		}
		return false
	})
	return f
}

// closed waits until the socket has ended.
func (c *Client) closed() ending {
	c.t.Helper()
	c.wait("the end", func() bool { return c.ended != nil })
	return *c.ended
}

// all returns every frame so far.
func (c *Client) all() []frame {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.frames)
}

// of returns every frame of a type so far.
func (c *Client) of(typ string) []frame {
	return slices.DeleteFunc(c.all(), func(f frame) bool { return f.typ() != typ })
}

// contents lists the messages that the page shows, in order of arrival.
func (c *Client) contents() (list []string) {
	for _, f := range c.of("message") {
		list = append(list, f.str("data", "content"))
	}
	return list
}

// has waits until a message of this content has arrived.
func (c *Client) has(content string) {
	c.t.Helper()
	c.wait("message "+content, func() bool {
		return slices.ContainsFunc(c.frames, func(f frame) bool { return f.typ() == "message" && f.str("data", "content") == content })
	})
}

// sendRaw sends one frame of any kind and content.
func (c *Client) sendRaw(kind int, data []byte) {
	c.t.Helper()
	_ = c.conn.SetWriteDeadline(time.Now().Add(patience))
	if err := c.conn.WriteMessage(kind, data); err != nil {
		c.t.Errorf("%s sends: %v", c.how.user, err) // not Fatal: pace sends from a goroutine
	}
}

func (c *Client) send(text string) { c.t.Helper(); c.sendRaw(websocket.TextMessage, []byte(text)) }

// say sends a message as the role of a visitor.
func (c *Client) say(content string) { c.t.Helper(); c.sayAs("USER", content, "") }

// sayAs sends a message; id is its clientMessageId, "" = none.
func (c *Client) sayAs(role, content, id string) {
	c.t.Helper()
	m := frame{"type": "message", "content": content, "role": role}
	if id != "" {
		m["clientMessageId"] = id
	}
	c.sendJSON(m)
}

func (c *Client) sendJSON(f frame) {
	c.t.Helper()
	text, err := json.Marshal(f)
	if err != nil {
		c.t.Fatal(err)
	}
	c.sendRaw(websocket.TextMessage, text)
}

// settle waits until everything that was sent before on this socket was read: the router answers a ping in order.
func (c *Client) settle() {
	c.t.Helper()
	c.mu.Lock()
	before := count(c.frames, "pong")
	c.mu.Unlock()
	c.send(`{"type":"ping"}`)
	c.wait("pong", func() bool { return count(c.frames, "pong") > before })
}

// position is the place in the log that a part-2 client has reached.
func (c *Client) position() (epoch string, offset uint64) {
	for _, f := range c.all() {
		if e := f.str("epoch"); e != "" && f.at("offset") != nil && f.typ() != "ack" {
			epoch, offset = e, uint64(f.num("offset"))
		}
	}
	return epoch, offset
}
