// Package nextapi is the HTTP client of the Next.js API that owns the database. Calls block up to their context's
// deadline; the persistence actor runs them outside Receive. It never retries and never logs: it says exactly what
// came back (Outcome), and the caller decides. It follows no redirects and imports nothing of ours.
package nextapi

import (
	"context"
	"time"
)

// Message is one message to store.
type Message struct {
	ID              string // primary and idempotency key on the batch route; ignored by the single route
	ChatID          string // already checked: [A-Za-z0-9_-]{1,64}
	Content         string
	Role            string // USER | ASSISTANT | AGENT
	UserID          string
	ClientMessageID string
	SentAt          time.Time
}

// Class of an outcome: what the caller may do about it.
type Class uint8

const (
	Stored    Class = iota // 200/201 with the stored message
	Rejected               // final for this item: 4xx with this API's own JSON error body
	Retry                  // not stored for certain: 429, 408, 425, 424, 503 before the handler …, connection refused
	Ambiguous              // may have been stored: time-out, connection lost after the request was written, 5xx, no valid body
	Denied                 // 401/403: our own secret is wrong; keep and raise an alarm
	Missing                // the batch route does not exist (404 without this API's JSON error, 405, 501)
)

// Result is the outcome for one message.
type Result struct {
	Class      Class
	Status     int           // HTTP status of the item, 0 = no answer
	Data       []byte        // Stored: the API's message object as it came (JSON)
	ID         string        // Stored: its id
	Reason     string        // Rejected: the API's own error text; kept out of frames and logs of others' content
	RetryAfter time.Duration // from Retry-After, 0 = none
	Err        error         // transport error, never carries secrets or content
}

// User is what GET /api/users/{id} tells. Unknown fields are dropped.
type User struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Email string `json:"email"`
	Image string `json:"image"`
}

// API is what the persistence actor needs; *Client implements it.
type API interface {
	// StoreBatch posts to the batch route. The result has the same length and order; when the whole call failed each
	// item carries that outcome.
	StoreBatch(ctx context.Context, messages []Message) []Result
	// Probe asks whether the batch route exists, storing nothing: Class is Stored (it does), Missing, or what stood in the way.
	Probe(ctx context.Context) Result
	// Store posts one message to the old single route.
	Store(ctx context.Context, m Message) Result
	// User looks a user up. Class is Stored (found), Rejected (404: no such user), Retry, Ambiguous (treat as Retry) or Denied.
	User(ctx context.Context, userID string) (User, Result)
	// After asks what was stored in a chat after a message, by the optional history route.
	After(ctx context.Context, chatID, after string, limit int) ([]Row, Result)
	// AfterEach asks the same of many chats in one call, where the API offers that too.
	AfterEach(ctx context.Context, questions []Question, limit int) ([]History, Result)
}
