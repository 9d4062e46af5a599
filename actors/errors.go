package actors

import (
	"time"

	"eclipse/actors/messages"
	"eclipse/internal/wire"
)

// The errors that the actors tell clients. The API's own words stay out of them.

func retryable(code wire.Code, detail string, after time.Duration) *wire.Error {
	e := wire.NewError(code, detail)
	e.RetryAfter = after
	return e
}

func errInternal() *wire.Error {
	return retryable(wire.Internal, "Something went wrong here; try again", time.Second)
}

func errRole(role string) *wire.Error {
	return wire.NewError(wire.RoleForbidden, "This token may not speak as "+role)
}

func errOverloaded() *wire.Error {
	return retryable(wire.Overloaded, "Too many messages are waiting; try again", 2*time.Second)
}

func errLog() *wire.Error {
	return retryable(wire.LogUnavailable, "The message log cannot be reached; try again", 2*time.Second)
}

func errNotSubscribed() *wire.Error {
	return wire.NewError(wire.NotSubscribed, "Subscribe with this chat's own token first")
}

func errUnavailable(after time.Duration) *wire.Error {
	return retryable(wire.APIUnavailable, "The message could not be stored; try again", max(after, time.Second))
}

func errAgentInfo() *wire.Error {
	e := retryable(wire.APIUnavailable, "", time.Second)
	e.Text = wire.TextAgentInfoFailed
	return e
}

// persistError maps an outcome of the API to what the sender is told; nil when the message is stored.
func persistError(r *messages.PersistResult) *wire.Error {
	switch r.Outcome {
	case messages.PersistResult_STORED:
		return nil
	case messages.PersistResult_CHAT_NOT_FOUND:
		return wire.NewError(wire.ChatNotFound, "Chat not found")
	case messages.PersistResult_REJECTED:
		return wire.NewError(wire.APIRejected, "The message was rejected")
	case messages.PersistResult_OVERLOADED:
		return errOverloaded()
	}
	return errUnavailable(time.Duration(r.RetryAfterMs) * time.Millisecond)
}
