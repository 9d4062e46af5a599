package nextapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode"
)

// Errors of a Result, beside those of the transport. None holds an id, content or the secret.
var (
	ErrAnswer   = errors.New("nextapi: the answer is not this API's")                    // Ambiguous: no valid JSON of the agreed shape
	ErrTooLarge = errors.New("nextapi: the answer is too large")                         // Ambiguous
	ErrNotSent  = errors.New("nextapi: not sent, the batch is full")                     // Retry: what is beyond MaxBatchBytes goes first in the next call
	ErrID       = errors.New("nextapi: not sent, the id is not allowed in a path")       // Rejected
	ErrStatus   = errors.New("nextapi: the API is down or another server answers there") // Retry, Ambiguous or Missing, by Status
)

const (
	batchPath     = "/api/internal/messages/batch"
	maxUserID     = 256 // bytes
	maxChatID     = 64  // characters of [A-Za-z0-9_-]
	maxReason     = 200 // bytes kept of the API's error text
	maxStoredID   = 128 // bytes of a stored message's id
	reasonChatID  = "invalid chat id"
	reasonUserID  = "invalid user id"
	perMessageEst = 512 // bytes of an encoded message, to begin with
)

// StoreBatch posts to the batch route. Messages that do not fit into MaxBatchBytes are not sent: they, and all after
// them, answer Retry with ErrNotSent, so that order per chat holds. A single message is always sent. The results'
// Data share one buffer: copy what is kept for long.
func (c *Client) StoreBatch(ctx context.Context, messages []Message) []Result {
	results := make([]Result, len(messages))
	if len(messages) == 0 {
		return results
	}
	body, n := appendBatch(make([]byte, 0, perMessageEst*min(len(messages), 256)), messages)
	a := c.do(ctx, c.timeout, call{
		method: http.MethodPost, path: batchPath, body: body, idempotent: true, maxAnswer: maxBatchAnswer,
	})
	judgeBatch(a, messages[:n], results[:n])
	for i := n; i < len(results); i++ {
		results[i] = Result{Class: Retry, Err: ErrNotSent}
	}
	return results
}

// Store posts one message to the single route, which is not idempotent: what is Ambiguous may be stored.
func (c *Client) Store(ctx context.Context, m Message) Result {
	if !validChatID(m.ChatID) {
		return Result{Class: Rejected, Reason: reasonChatID, Err: ErrID}
	}
	a := c.do(ctx, c.timeout, call{
		method: http.MethodPost, path: "/api/chats/" + m.ChatID + "/messages/send",
		body: appendSingle(make([]byte, 0, perMessageEst), m), maxAnswer: maxAnswer,
	})
	return judgeSingle(a)
}

// User looks a user up.
func (c *Client) User(ctx context.Context, userID string) (User, Result) {
	if !validUserID(userID) {
		return User{}, Result{Class: Rejected, Reason: reasonUserID, Err: ErrID}
	}
	a := c.do(ctx, c.userTimeout, call{
		method: http.MethodGet, path: "/api/users/" + url.PathEscape(userID), idempotent: true, maxAnswer: maxAnswer,
	})
	return judgeUser(a)
}

// judgeBatch writes the outcome of each message.
func judgeBatch(a answer, messages []Message, results []Result) {
	whole := a.result()
	if a.status == http.StatusOK && a.err == nil {
		err := readBatch(a.body, messages, results)
		if err == nil {
			return
		}
		whole = Result{Class: Ambiguous, Status: a.status, Err: err}
	} else if whole.Class == Retry && a.err == nil && isMissing(a.status) {
		whole.Class = Missing
	}
	for i := range results {
		results[i] = whole
	}
}

// isMissing: with one of these statuses, and without this API's error, the batch route does not exist.
func isMissing(status int) bool {
	return status == http.StatusNotFound || status == http.StatusMethodNotAllowed || status == http.StatusNotImplemented
}

func judgeSingle(a answer) Result {
	if !isSuccess(a.status) || a.err != nil {
		return a.result()
	}
	data, id, err := readSingle(a.body)
	if err != nil {
		return Result{Class: Ambiguous, Status: a.status, Err: err}
	}
	return Result{Class: Stored, Status: a.status, Data: data, ID: id}
}

func judgeUser(a answer) (User, Result) {
	if a.status != http.StatusOK || a.err != nil {
		return User{}, a.result()
	}
	user, err := readUser(a.body)
	if err != nil {
		return User{}, Result{Class: Ambiguous, Status: a.status, Err: err}
	}
	return user, Result{Class: Stored, Status: a.status, ID: user.ID}
}

func isSuccess(status int) bool { return status == http.StatusOK || status == http.StatusCreated }

// result is the outcome of a call that was not answered with what was asked for.
func (a answer) result() Result {
	r := Result{Status: a.status, RetryAfter: a.retryAfter, Err: a.err}
	switch {
	case a.status == 0 && !a.sent:
		r.Class = Retry
	case a.status == 0:
		r.Class = Ambiguous
	default:
		reason, ours := "", false
		if a.err == nil {
			reason, ours = readError(a.body)
		}
		r.Class = classifyCall(a.status, ours)
		if a.throttled && r.Class == Ambiguous {
			r.Class = Retry
		}
		if r.Class == Rejected {
			r.Reason = reason
		} else if r.Err == nil {
			r.Err = fmt.Errorf("%w: status %d", ErrStatus, a.status)
		}
	}
	return r
}

// classify tells the class of a status that is no success and that this API gave. ours means that its own error came
// with it; only that is final.
func classify(status int, ours bool) Class {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return Denied
	case http.StatusRequestTimeout, http.StatusFailedDependency, http.StatusTooEarly, http.StatusTooManyRequests:
		return Retry
	case http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge,
		http.StatusUnprocessableEntity:
		if ours {
			return Rejected
		}
	}
	return Ambiguous
}

// classifyCall is classify for a whole call, where somebody in between may have spoken: a redirect or a refusal that
// this API does not give says that its code was not reached, and so that nothing was stored.
func classifyCall(status int, ours bool) Class {
	class := classify(status, ours)
	if class == Ambiguous && (status >= 300 && status < 500 || status == http.StatusNotImplemented) {
		return Retry
	}
	return class
}

func validChatID(s string) bool {
	if s == "" || len(s) > maxChatID {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-'
	})
}

// validUserID refuses what a path could be walked with, even where a proxy decodes it.
func validUserID(s string) bool {
	if s == "" || s == "." || s == ".." || len(s) > maxUserID {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r == '/' || r == '\\' || r == unicode.ReplacementChar || unicode.IsControl(r)
	})
}
