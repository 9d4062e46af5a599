package actors

import (
	"sync"
	"sync/atomic"
	"time"

	"eclipse/actors/messages"
	"eclipse/internal/wire"
)

// Session is the gateway's handle of one connection: it routes the socket's frames straight to the chats, so that a
// frame on its way in passes no actor of its own. It implements GatewaySession.
type Session struct {
	router     *Router
	socket     Socket
	number     uint64
	connection *mailbox // of the connection actor
	v1         bool
	gone       atomic.Bool

	primary membership // the token's own chat; changed by the reader only

	mu     sync.Mutex // guards others, every expiry, and the reader's changes of primary
	others map[string]*membership
}

// membership is a chat that this session has joined.
type membership struct {
	id     string
	chat   *mailbox
	sender *messages.Sender
	expiry expiry
}

// expiry is a token's end and whether it was announced.
type expiry struct {
	at        time.Time
	announced bool
}

// expiringNotice is how long before a token's end its client is told.
const expiringNotice = time.Minute

// newMembership is who a token says that a connection is in a chat; the chat's actor is not known yet.
func newMembership(id Identity, connection uint64) membership {
	return membership{
		id:     id.ChatID,
		sender: &messages.Sender{UserId: id.UserID, Authenticated: id.Authenticated, Role: string(id.Role), Connection: connection},
		expiry: expiry{at: id.ExpiresAt},
	}
}

// membership finds the chat that a frame is for, nil if it was not joined.
func (s *Session) membership(chatID string) *membership {
	if s.left(chatID) {
		return nil
	}
	if chatID == "" || chatID == s.primary.id {
		return &s.primary
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.others[chatID]
}

// left tells whether the session has unsubscribed from its own chat, which this frame is for.
func (s *Session) left(chatID string) bool {
	return s.primary.chat == nil && (chatID == "" || chatID == s.primary.id)
}

// Handle routes a frame to its chat. The reader's goroutine only.
func (s *Session) Handle(f wire.ClientFrame) {
	if f.Kind == wire.KindPing {
		s.tell(wire.Pong())
		return
	}
	if !s.knows(f) {
		return
	}
	m := s.membership(f.ChatID)
	if m == nil {
		s.Reject(errNotSubscribed(), f)
		return
	}
	switch f.Kind {
	case wire.KindMessage:
		m.chat.post(&messages.ChatMessage{
			Sender: m.sender, ClientMessageId: f.ClientMessageID, Content: f.Content, Role: string(f.Role),
			ReceivedAt: time.Now().UnixNano(),
		}, nil)
	case wire.KindTyping:
		m.chat.post(&messages.Typing{Sender: m.sender, IsTyping: f.IsTyping}, nil)
	case wire.KindAgentJoined:
		m.chat.post(&messages.AgentJoined{Sender: m.sender}, nil)
	case wire.KindRead:
		m.chat.post(&messages.Read{Sender: m.sender, MessageId: f.MessageID}, nil)
	case wire.KindResume:
		m.chat.post(&messages.Resume{Sender: m.sender, Epoch: f.Position.Epoch, Offset: f.Position.Offset}, nil)
	case wire.KindUnsubscribe:
		s.unsubscribe(m)
	}
}

// knows refuses the frames of part 2 to a client that has not asked for it, as the old server did.
func (s *Session) knows(f wire.ClientFrame) bool {
	switch f.Kind {
	case wire.KindResume, wire.KindSubscribe, wire.KindUnsubscribe, wire.KindAuth, wire.KindRead:
		if !s.v1 {
			s.Reject(wire.NewError(wire.UnknownType, ""), f)
			return false
		}
	}
	return true
}

// maxMemberships bounds the chats of one socket.
const maxMemberships = 1000

// Subscribe joins one more chat; the chat answers with `subscribed`.
func (s *Session) Subscribe(f wire.ClientFrame, id Identity) {
	if !s.knows(f) {
		return
	}
	if m := s.membership(id.ChatID); m != nil {
		if s.renew(m, f, id) {
			m.chat.post(&resubscribed{s.number}, nil)
		}
		return
	}
	s.mu.Lock()
	full := len(s.others) >= maxMemberships
	s.mu.Unlock()
	if full {
		s.Reject(wire.NewError(wire.Overloaded, "Too many chats on one socket"), f)
		return
	}
	m := newMembership(id, s.number)
	done := make(chan *chatEntry, 1)
	s.router.sendRoot(&subscribeChat{
		chatID: id.ChatID, done: done,
		join: &join{member: newMember(s.connection, m.sender, s.v1)},
	})
	select {
	case entry := <-done: // the root answers in microseconds
		m.chat = entry.mailbox
	case <-s.router.stopped:
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone.Load() {
		m.chat.post(&leave{s.number}, nil)
		return
	}
	if id.ChatID == s.primary.id {
		s.primary = m
		return
	}
	if s.others == nil {
		s.others = make(map[string]*membership)
	}
	s.others[id.ChatID] = &m
}

func (s *Session) unsubscribe(m *membership) {
	m.chat.post(&leave{s.number}, nil)
	s.mu.Lock()
	if m == &s.primary {
		s.primary.chat = nil
	} else {
		delete(s.others, m.id)
	}
	s.mu.Unlock()
	s.tell(wire.Unsubscribed(m.id, time.Now()))
}

// Authenticate renews a token. Sender and chat must stay the same; all anonymous users of a chat are one sender.
func (s *Session) Authenticate(f wire.ClientFrame, id Identity) {
	if !s.knows(f) {
		return
	}
	m := s.membership(id.ChatID)
	if m == nil {
		s.Reject(errNotSubscribed(), f)
		return
	}
	if s.renew(m, f, id) {
		s.tell(wire.Authenticated(m.id, time.Now()))
	}
}

// renew takes a fresh token for a membership, unless it is another sender's.
func (s *Session) renew(m *membership, f wire.ClientFrame, id Identity) bool {
	same := wire.SenderKey(id.UserID, id.Authenticated) == wire.SenderKey(m.sender.UserId, m.sender.Authenticated)
	if !same || string(id.Role) != m.sender.Role {
		s.Reject(wire.NewError(wire.TokenInvalid, "The token is another sender's"), f)
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m.expiry = expiry{at: id.ExpiresAt}
	return true
}

// Reject answers a frame with an error.
func (s *Session) Reject(e *wire.Error, f wire.ClientFrame) {
	s.router.metrics.Refuse(string(e.Code))
	chatID := f.ChatID
	if chatID == "" {
		chatID = s.primary.id
	}
	s.tell(wire.ErrorFrame(e, s.v1, chatID, f.ClientMessageID))
}

// Expire announces and enforces the end of tokens. Old clients hold their sockets as they always did.
func (s *Session) Expire(now time.Time) (next time.Time) {
	if !s.v1 || s.gone.Load() {
		return time.Time{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	next = s.expire(&s.primary.expiry, s.primary.id, now, func() {
		s.Close(wire.CloseTokenExpired, wire.CloseTokenExpired.Reason())
	})
	for id, m := range s.others {
		at := s.expire(&m.expiry, id, now, func() {
			delete(s.others, id)
			m.chat.post(&leave{s.number}, nil)
			s.tell(wire.ErrorFrame(wire.NewError(wire.TokenInvalid, "The chat's token has expired"), true, id, ""))
			s.tell(wire.Unsubscribed(id, now))
		})
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next
}

// expire does what is due for one token and returns when to look again, zero when it is over.
func (s *Session) expire(e *expiry, chatID string, now time.Time, end func()) time.Time {
	switch left := e.at.Sub(now); {
	case left <= 0:
		end()
		return time.Time{}
	case left > expiringNotice:
		return e.at.Add(-expiringNotice)
	case !e.announced:
		e.announced = true
		s.tell(wire.TokenExpiring(chatID, e.at))
	}
	return e.at
}

// tell sends a control frame to this session's own socket.
func (s *Session) tell(payload []byte) {
	s.connection.post(&wire.Frame{Payload: payload, Class: wire.Control}, nil)
}

// Heartbeat queues a transport ping. Any goroutine.
func (s *Session) Heartbeat() { s.connection.post(theHeartbeat, nil) }

// Pong answers a transport ping.
func (s *Session) Pong(data []byte) { s.connection.post(&pong{data}, nil) }

// Close says goodbye after what is queued. Any goroutine.
func (s *Session) Close(code wire.CloseCode, reason string) {
	s.connection.post(&goodbye{code, reason}, nil)
}

// Gone leaves every chat and ends the connection actor. Any goroutine, any number of times.
func (s *Session) Gone() {
	if s.gone.Swap(true) {
		return
	}
	s.mu.Lock()
	chats := make([]*mailbox, 0, 1+len(s.others))
	if s.primary.chat != nil {
		chats = append(chats, s.primary.chat)
	}
	for _, m := range s.others {
		chats = append(chats, m.chat)
	}
	s.others = nil
	s.mu.Unlock()
	for _, chat := range chats {
		chat.post(&leave{s.number}, nil)
	}
	s.connection.post(isGone, nil)
	s.router.sendRoot(&disconnected{s.number})
	s.router.open.Add(-1)
}

// advise tells a part-2 client that its socket will be closed, and how long after that to come back.
func (s *Session) advise(after time.Duration) {
	if s.v1 {
		s.tell(wire.Reconnect(after))
	}
}

var _ GatewaySession = (*Session)(nil)

// abandon ends a session whose opener did not wait for it.
func (s *Session) abandon(opened <-chan error) {
	select {
	case err := <-opened:
		if err == nil {
			s.router.open.Add(1)
			s.Gone()
		}
	case <-s.router.stopped:
	}
}

func (s *Session) closeForRestart() { s.Close(wire.CloseRestart, wire.CloseRestart.Reason()) }
