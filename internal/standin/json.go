package standin

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"
)

// timeFormat is what JavaScript's toISOString writes.
const timeFormat = "2006-01-02T15:04:05.000Z"

func formatMillis(ms int64) string { return time.UnixMilli(ms).UTC().Format(timeFormat) }

// sender of a message, as every route shows it.
type sender struct {
	ID     string  `json:"id"`
	Name   *string `json:"name"`
	Email  *string `json:"email"`
	Avatar *string `json:"avatar"`
}

// message as the routes with the secret show it: role in upper case.
type message struct {
	ID        string `json:"id"`
	Content   string `json:"content"`
	Role      string `json:"role"`
	CreatedAt string `json:"createdAt"`
	Sender    sender `json:"sender"`
}

// historic is a message as browsers see it: the data of a message frame. Anybody may read history here, so it tells
// nobody's e-mail address.
type historic struct {
	ID        string `json:"id"`
	Content   string `json:"content"`
	Role      string `json:"role"`
	Timestamp string `json:"timestamp"`
	Sender    sender `json:"sender"`
}

func (r row) message() message {
	return message{ID: r.id, Content: r.content, Role: r.role, CreatedAt: formatMillis(r.createdAt), Sender: r.sender}
}

func (r row) historic() historic {
	from := r.sender
	from.Email = nil
	return historic{ID: r.id, Content: r.content, Role: strings.ToLower(r.role), Timestamp: formatMillis(r.createdAt), Sender: from}
}

type object map[string]any

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(body) // fails only when the client is gone
}

func answerError(w http.ResponseWriter, status int, text string) {
	answer(w, status, object{"error": text})
}

// decode reads one JSON object of at most max bytes; where it cannot, it answers and returns false.
func decode(w http.ResponseWriter, r *http.Request, max int64, into any) bool {
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, max)).Decode(into)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		answerError(w, http.StatusRequestEntityTooLarge, "Request body is too large")
	case err != nil:
		answerError(w, http.StatusBadRequest, "Request body is not valid JSON")
	}
	return err == nil
}
