package web_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"eclipse/web"
)

type object = map[string]any

// mockRouter speaks as much of the protocol as the browser side needs: one log per chat, acks, presence, typing, read
// marks, many chats on a socket. What a test wants to go wrong it sets through the fields under "faults".
type mockRouter struct {
	*httptest.Server
	mu       sync.Mutex
	chats    map[string]*mockChat
	members  map[*member]bool
	received []object // every frame from clients
	dials    int
	reads    int      // of histories
	subproto []string // Sec-WebSocket-Protocol of the last dial
	query    string   // of the last dial

	// faults
	refuseDials  bool
	refuseFrames object        // error frame that answers the next message
	silentAcks   bool          // neither store nor answer messages
	holdStores   bool          // the API is down: accept messages, and store them when release is called
	live         bool          // show what is held
	oldResume    bool          // resume is UNKNOWN_TYPE
	creating     chan struct{} // a chat is made when it is closed
	unknown      string        // body of a 404 that answers every request for a token
}

type mockChat struct {
	id      string
	created time.Time
	log     []object // sealed frames; the offset of log[i] is i+1
	history []object // data of messages
	byCMID  map[string]object
	held    []said // accepted and not stored
}

type member struct {
	conn  *websocket.Conn
	write sync.Mutex
	chats map[string]object // chatId → claims
}

const epoch = "0001700000000000-a"

func newMockRouter(t *testing.T) *mockRouter {
	t.Helper()
	m := &mockRouter{chats: map[string]*mockChat{}, members: map[*member]bool{}}
	mux := http.NewServeMux()
	files := web.Handler(web.Options{Demo: true})
	for _, p := range web.Patterns(web.Options{Demo: true}) {
		mux.Handle(p, files)
	}
	mux.HandleFunc("GET /api/ws/token", m.token)
	mux.HandleFunc("GET /api/chats", m.list)
	mux.HandleFunc("POST /api/chats", m.create)
	mux.HandleFunc("GET /api/chats/{id}/messages", m.messages)
	mux.HandleFunc("GET /ws", m.socket)
	m.Server = httptest.NewServer(cors(mux))
	t.Cleanup(func() { m.dropAll(websocket.CloseGoingAway); m.Close() })
	return m
}

func cors(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		next.ServeHTTP(w, r)
	})
}

func (m *mockRouter) addChat(id string) *mockChat {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := &mockChat{id: id, created: time.Now(), byCMID: map[string]object{}}
	m.chats[id] = c
	return c
}

func claimsOf(token string) object {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil
	}
	body, _ := base64.RawURLEncoding.DecodeString(parts[1])
	var c object
	_ = json.Unmarshal(body, &c)
	return c
}

func (m *mockRouter) socket(w http.ResponseWriter, r *http.Request) {
	offered := websocket.Subprotocols(r)
	m.mu.Lock()
	m.dials++
	m.subproto, m.query = offered, r.URL.RawQuery
	refuse := m.refuseDials
	m.mu.Unlock()
	if refuse {
		http.Error(w, "draining", http.StatusServiceUnavailable)
		return
	}
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }, Subprotocols: []string{"eclipse.v1"}}
	conn, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	mb := &member{conn: conn, chats: map[string]object{}}
	if len(offered) < 2 || claimsOf(strings.TrimPrefix(offered[1], "bearer.")) == nil {
		_ = conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(4001, "Missing authentication token"), time.Now().Add(time.Second))
		conn.Close()
		return
	}
	m.enter(mb, claimsOf(strings.TrimPrefix(offered[1], "bearer.")), "connected")
	m.read(mb)
}

func (m *mockRouter) read(mb *member) {
	defer m.leave(mb)
	for {
		var f object
		if err := mb.conn.ReadJSON(&f); err != nil {
			return
		}
		m.mu.Lock()
		m.received = append(m.received, f)
		m.mu.Unlock()
		m.handle(mb, f)
	}
}

func (m *mockRouter) enter(mb *member, claims object, typ string) {
	id, _ := claims["chatId"].(string)
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.chats[id]
	m.members[mb] = true
	mb.chats[id] = claims
	present := []object{}
	for other := range m.members {
		if cl := other.chats[id]; cl != nil {
			present = append(present, object{"userId": cl["userId"], "role": strings.ToLower(cl["role"].(string)), "status": "online"})
		}
	}
	mb.send(object{"type": typ, "chatId": id, "timestamp": stamp(time.Now()), "epoch": epoch, "offset": len(c.log), "presence": present, "read": []object{}})
	m.toOthers(mb, id, object{"type": "presence", "data": object{"userId": claims["userId"], "role": strings.ToLower(claims["role"].(string)), "status": "online"}})
}

func (m *mockRouter) leave(mb *member) {
	mb.conn.Close()
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.members, mb)
	for id, cl := range mb.chats {
		m.toOthers(mb, id, object{"type": "presence", "data": object{"userId": cl["userId"], "status": "offline"}})
	}
}

func (m *mockRouter) dropAll(code int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for mb := range m.members {
		_ = mb.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""), time.Now().Add(time.Second))
		mb.conn.Close()
	}
}

func (mb *member) send(f object) {
	mb.write.Lock()
	defer mb.write.Unlock()
	_ = mb.conn.WriteJSON(f)
}

// toOthers sends to everyone in a chat but one; the lock is held.
func (m *mockRouter) toOthers(but *member, id string, f object) {
	f["chatId"] = id
	for mb := range m.members {
		if mb != but && mb.chats[id] != nil {
			mb.send(f)
		}
	}
}

func (m *mockRouter) handle(mb *member, f object) {
	if f["type"] == "subscribe" {
		m.enter(mb, claimsOf(f["token"].(string)), "subscribed")
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	id, _ := f["chatId"].(string)
	claims := mb.chats[id]
	switch f["type"] {
	case "ping":
		mb.send(object{"type": "pong"})
	case "message":
		m.message(mb, id, claims, f)
	case "typing":
		m.toOthers(mb, id, object{"type": "typing", "data": object{"userId": claims["userId"], "isTyping": f["isTyping"]}})
	case "read":
		m.toOthers(mb, id, object{"type": "read", "data": object{"userId": claims["userId"], "messageId": f["messageId"]}})
	case "agent_joined":
		m.append(m.chats[id], object{"type": "agent_joined", "data": object{"agentId": claims["userId"], "agentName": "Ada", "timestamp": stamp(time.Now())}})
	case "resume":
		m.resume(mb, m.chats[id], f)
	}
}

func (m *mockRouter) message(mb *member, id string, claims, f object) {
	cmid, _ := f["clientMessageId"].(string)
	if e := m.refuseFrames; e != nil {
		m.refuseFrames = nil
		e["clientMessageId"], e["chatId"] = cmid, id
		mb.send(e)
		return
	}
	if m.silentAcks {
		return
	}
	c := m.chats[id]
	role := strings.ToLower(f["role"].(string))
	h := said{mb, "id-" + cmid, cmid, role, f["content"].(string), map[string]string{"agent": "Ada", "user": "Anonymous"}[role], claims["userId"]}
	if m.holdStores && c.byCMID[cmid] == nil {
		m.hold(c, h)
		return
	}
	sealed := c.byCMID[cmid]
	if sealed == nil {
		sealed = m.store(c, h)
	}
	mb.send(object{"type": "ack", "chatId": id, "clientMessageId": cmid, "id": sealed["data"].(object)["id"], "status": "stored", "offset": sealed["offset"], "epoch": epoch})
}

func (m *mockRouter) store(c *mockChat, h said) object {
	data := h.data()
	c.history = append(c.history, data)
	sealed := m.append(c, object{"type": "message", "data": data})
	c.byCMID[h.cmid] = sealed
	return sealed
}

func (m *mockRouter) append(c *mockChat, f object) object {
	f["offset"], f["epoch"], f["timestamp"] = len(c.log)+1, epoch, stamp(time.Now())
	c.log = append(c.log, f)
	m.toOthers(nil, c.id, f)
	return f
}

// say stores a message as if somebody else had sent it.
func (m *mockRouter) say(id, role, name, content string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.chats[id]
	cmid := fmt.Sprintf("said-%d", len(c.log))
	m.store(c, said{id: "id-" + c.id + cmid, cmid: cmid, role: role, content: content, name: name, userID: "someone"})
}

func (m *mockRouter) resume(mb *member, c *mockChat, f object) {
	if m.oldResume {
		mb.send(object{"type": "error", "error": "Unknown message type", "code": "UNKNOWN_TYPE"})
		return
	}
	from := int(f["offset"].(float64))
	missed := c.log[min(from, len(c.log)):]
	for _, sealed := range missed {
		mb.send(sealed)
	}
	mb.send(object{"type": "resumed", "chatId": c.id, "recovered": true, "epoch": epoch, "offset": len(c.log), "count": len(missed)})
}

// set changes the faults.
func (m *mockRouter) set(change func(m *mockRouter)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(m)
}

// frames counts what clients sent of a type.
func (m *mockRouter) frames(typ string) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range m.received {
		if f["type"] == typ {
			n++
		}
	}
	return n
}

func (m *mockRouter) sockets() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.members)
}

func (m *mockRouter) stored(id string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.chats[id].history)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
