// Package wire is the one place that knows how frames look: what clients send, what they receive, and what
// travels on Redis. It is pure: bytes in, values out; it holds no state, does no I/O and imports nothing of ours.
// Decoders never panic and never keep a reference to the bytes that they were given. Any goroutine may call it,
// nothing blocks, and what is refused is an error that quotes nobody's content.
//
// A frame of the log goes through it three times: MessageBody (or AgentJoinedBody, MessageFailedBody, or ParsePayload
// of raw input) makes the body, Seal gives it its position, and ParsePayload reads the sealed form on other instances.
package wire

import "time"

// Limits on what a client may send. Zero means the default.
const (
	DefaultMaxFrame   = 64 << 10 // bytes of one frame
	DefaultMaxContent = 16_000   // characters (code points) of a message's content, after trimming
	MaxChatID         = 64       // characters of [A-Za-z0-9_-]
	MaxClientID       = 64       // characters of [A-Za-z0-9_-] in a clientMessageId
)

// Code names an error to a client. The full table is in docs/protocol.md.
type Code string

const (
	BadFrame       Code = "BAD_FRAME"
	UnknownType    Code = "UNKNOWN_TYPE"
	MissingField   Code = "MISSING_FIELD"
	ContentTooLong Code = "CONTENT_TOO_LONG"
	RoleForbidden  Code = "ROLE_FORBIDDEN"
	RateLimited    Code = "RATE_LIMITED"
	ChatNotFound   Code = "CHAT_NOT_FOUND"
	NotSubscribed  Code = "NOT_SUBSCRIBED"
	TokenInvalid   Code = "TOKEN_INVALID"
	APIRejected    Code = "API_REJECTED"
	APIUnavailable Code = "API_UNAVAILABLE"
	LogUnavailable Code = "LOG_UNAVAILABLE"
	Overloaded     Code = "OVERLOADED"
	Internal       Code = "INTERNAL"
)

// Error is what a client is told when a frame could not be carried out. It is the error type of this package's
// decoders and of the actors; Text is one of the texts that old clients know (part 1) or a new one, Detail is optional.
type Error struct {
	Code       Code
	Text       string        // "error" on the wire
	Detail     string        // "message" on the wire, optional
	Retryable  bool          // the same frame may succeed later
	RetryAfter time.Duration // advice, 0 = none
}

func (e *Error) Error() string { return string(e.Code) + ": " + e.Text }

// CloseCode is a WebSocket close code; each says what the client does next.
type CloseCode int

const (
	CloseDone         CloseCode = 1000 // nothing more to say
	CloseGoingAway    CloseCode = 1001 // reconnect
	CloseTooLarge     CloseCode = 1009 // frame too large: do not reconnect
	CloseRestart      CloseCode = 1012 // restart: reconnect after the advice
	CloseInternal     CloseCode = 4000 // reconnect
	CloseMissingToken CloseCode = 4001 // get a token first
	CloseInvalidToken CloseCode = 4002 // get a new token first
	CloseTokenExpired CloseCode = 4003 // expired while open: get a new token and reconnect
	CloseLimits       CloseCode = 4008 // limits broken: back off
	CloseTooSlow      CloseCode = 4009 // reconnect and resume
)

// Role of a message's author, as clients send it.
type Role string

const (
	RoleUser      Role = "USER"
	RoleAssistant Role = "ASSISTANT"
	RoleAgent     Role = "AGENT"
)

// Kind of a client frame.
type Kind uint8

const (
	KindIgnored     Kind = iota // understood and ignored in silence (typing whose isTyping is no boolean)
	KindMessage                 // Content, Role, ClientMessageID
	KindTyping                  // IsTyping
	KindAgentJoined             // identity is the token's; the frame's id and name are not trusted and not kept
	KindPing                    //
	KindResume                  // Epoch, Offset
	KindSubscribe               // Token
	KindUnsubscribe             //
	KindAuth                    // Token
	KindRead                    // MessageID
)

// ClientFrame is one decoded and validated frame from a client.
type ClientFrame struct {
	Kind            Kind
	ChatID          string // "" = the token's chat; otherwise valid by ValidChatID
	ClientMessageID string // "" = none given
	Content         string // trimmed as JavaScript's String.prototype.trim does, 1..MaxContent characters
	Role            Role
	IsTyping        bool
	Token           string
	MessageID       string // 1–128 characters
	Position        Position
}

// Position is a place in a chat's log: "this is the last entry that I have". The zero Position is before everything.
// The JSON form is two fields, "epoch" (string) and "offset" (number).
type Position struct {
	Epoch  string
	Offset uint64
}

// Class tells a connection what it may drop when its reader is slow.
type Class uint8

const (
	Sequenced Class = iota // never dropped: the socket is closed with 4009 instead
	Control                // acks, errors, connected, pong …: never dropped
	Ephemeral              // typing, presence, read: dropped first
)

// Frame is one outbound frame: immutable after it was made, shared by every connection that it goes to.
type Frame struct {
	Payload  []byte // JSON text
	Class    Class
	Greeting bool // `connected`: the first frame of a socket, whatever was queued before it
}
