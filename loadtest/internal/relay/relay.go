// Package relay is the yardstick: the least that a chat server in Go can be. A goroutine per socket reads with
// gorilla/websocket and writes each frame as it is to the sockets of the same room (?room=…): typing to the others,
// anything else to all. No token, no actors, no store, no heartbeat; a socket that does not read blocks its room.
package relay

import (
	"bytes"
	"net/http"
	"sync"

	"github.com/gorilla/websocket"
)

// Relay is an http.Handler that upgrades every request.
type Relay struct {
	mu    sync.Mutex
	rooms map[string]*room
}

// New makes a relay without rooms.
func New() *Relay { return &Relay{rooms: map[string]*room{}} }

type room struct {
	mu      sync.Mutex
	members map[*member]struct{}
}

type member struct {
	mu   sync.Mutex // gorilla allows one writer
	conn *websocket.Conn
}

var upgrader = websocket.Upgrader{
	ReadBufferSize: 1024, WriteBufferSize: 1024, WriteBufferPool: &sync.Pool{},
	CheckOrigin: func(*http.Request) bool { return true },
}

var connected = []byte(`{"type":"connected"}`)

// ServeHTTP returns after the upgrade, so that net/http's buffers do not stay with the socket.
func (h *Relay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("room")
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // the upgrader has answered
	}
	go h.serve(name, &member{conn: conn})
}

func (h *Relay) serve(name string, m *member) {
	in := h.join(name, m)
	defer h.leave(name, in, m)
	m.send(connected)
	for {
		_, frame, err := m.conn.ReadMessage()
		if err != nil {
			return
		}
		in.relay(m, frame)
	}
}

func (h *Relay) join(name string, m *member) *room {
	h.mu.Lock()
	defer h.mu.Unlock()
	in := h.rooms[name]
	if in == nil {
		in = &room{members: map[*member]struct{}{}}
		h.rooms[name] = in
	}
	in.mu.Lock()
	in.members[m] = struct{}{}
	in.mu.Unlock()
	return in
}

func (h *Relay) leave(name string, in *room, m *member) {
	_ = m.conn.Close()
	h.mu.Lock()
	defer h.mu.Unlock()
	in.mu.Lock()
	defer in.mu.Unlock()
	if delete(in.members, m); len(in.members) == 0 {
		delete(h.rooms, name)
	}
}

var typing = []byte(`{"type":"typing"`)

// relay holds the room for the whole round, which is what gives the room one order.
func (in *room) relay(from *member, frame []byte) {
	if bytes.HasPrefix(frame, typing) {
		in.each(func(m *member) {
			if m != from {
				m.send(frame)
			}
		})
		return
	}
	in.each(func(m *member) { m.send(frame) })
}

func (in *room) each(do func(*member)) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for m := range in.members {
		do(m)
	}
}

// send ignores errors: a socket that cannot be written ends in its own reader.
func (m *member) send(frame []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_ = m.conn.WriteMessage(websocket.TextMessage, frame)
}
