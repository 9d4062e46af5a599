package token

import "errors"

// What can be wrong with a token. Verify returns one of these, and nothing else.
var (
	ErrMissing = errors.New("token: missing")
	ErrExpired = errors.New("token: expired")
	ErrInvalid = errors.New("token: invalid")
	// ErrPayload: the signature is right, but userId or chatId is missing or malformed.
	ErrPayload = errors.New("token: payload lacks a usable userId or chatId")
)

// CloseReason is the WebSocket close code and reason that tell a client what is wrong with its token. Clients show the
// reasons, so they never change. Any other error is 4000.
func CloseReason(err error) (code int, reason string) {
	switch {
	case errors.Is(err, ErrMissing):
		return 4001, "Missing authentication token"
	case errors.Is(err, ErrExpired):
		return 4002, "Token expired"
	case errors.Is(err, ErrPayload):
		return 4002, "Invalid token payload: missing userId or chatId"
	case errors.Is(err, ErrInvalid):
		return 4002, "Invalid token"
	}
	return 4000, "Internal error"
}
