package wire

import "errors"

// Texts that clients show. The first five are older than this server and never change.
const (
	TextUnknownType     = "Unknown message type"
	TextMissingField    = "Missing content or role"
	TextSendFailed      = "Failed to send message"
	TextBadFrame        = "Failed to process message"
	TextAgentInfoFailed = "Failed to fetch agent info"

	TextMissingOther   = "Missing field"
	TextContentTooLong = "Message is too long"
	TextRoleForbidden  = "Role is not allowed"
	TextRateLimited    = "Too many frames"
	TextNotSubscribed  = "Not subscribed to this chat"
	TextTokenInvalid   = "Invalid token"
)

// ErrNotOurs says that a payload is none that this server can use: no strict JSON object with a string type, or
// a known type without what that type must have.
var ErrNotOurs = errors.New("wire: payload is not ours")

// ErrTooLarge says that a payload is larger than MaxPayload.
var ErrTooLarge = errors.New("wire: payload is too large")

// errNoID says that the API's message has no id that can name it.
var errNoID = errors.New("wire: stored message has no usable id")

// errSyntax stands for every fault of syntax. The parser's own error quotes its input, which is somebody's content.
var errSyntax = errors.New("wire: malformed JSON")

// answers holds what each code tells a client by default.
var answers = map[Code]struct {
	text      string
	retryable bool
}{
	BadFrame:       {TextBadFrame, false},
	UnknownType:    {TextUnknownType, false},
	MissingField:   {TextMissingField, false},
	ContentTooLong: {TextContentTooLong, false},
	RoleForbidden:  {TextRoleForbidden, false},
	RateLimited:    {TextRateLimited, true},
	ChatNotFound:   {TextSendFailed, false},
	NotSubscribed:  {TextNotSubscribed, false},
	TokenInvalid:   {TextTokenInvalid, false},
	APIRejected:    {TextSendFailed, false},
	APIUnavailable: {TextSendFailed, true},
	LogUnavailable: {TextSendFailed, true},
	Overloaded:     {TextSendFailed, true},
	Internal:       {TextBadFrame, true},
}

// NewError makes the error for a code with its usual text and whether a retry makes sense; the caller may change
// both. detail may be "", and never holds content, tokens or what another service answered.
func NewError(code Code, detail string) *Error {
	a, ok := answers[code]
	if !ok {
		a = answers[Internal]
	}
	return &Error{Code: code, Text: a.text, Detail: detail, Retryable: a.retryable}
}

// Reason is the text beside the code in a close frame. 4002 has finer ones, which the token decides.
func (c CloseCode) Reason() string {
	switch c {
	case CloseDone:
		return "Done"
	case CloseGoingAway:
		return "Going away"
	case CloseTooLarge:
		return "Frame too large"
	case CloseRestart:
		return "Server restarts"
	case CloseInternal:
		return "Internal error"
	case CloseMissingToken:
		return "Missing authentication token"
	case CloseInvalidToken:
		return "Invalid token"
	case CloseTokenExpired:
		return "Token expired"
	case CloseLimits:
		return "Limits exceeded"
	case CloseTooSlow:
		return "Too slow"
	}
	return ""
}
