package nextapi

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Row is a message that the API has stored.
type Row struct {
	ID        string
	CreatedAt time.Time
	Data      []byte // the API's message object as it came (JSON)
}

// After asks the optional history route for the messages of a chat that were stored after one, oldest first, at most
// limit; after "" for the latest ones. Class is Stored (rows may be empty), Rejected (it knows no such chat or message),
// Missing (there is no such route), or what stood in the way.
func (c *Client) After(ctx context.Context, chatID, after string, limit int) ([]Row, Result) {
	if !validChatID(chatID) {
		return nil, Result{Class: Rejected, Reason: reasonChatID, Err: ErrID}
	}
	query := url.Values{"limit": {strconv.Itoa(limit)}}
	if after != "" {
		query.Set("after", after)
	}
	a := c.do(ctx, c.userTimeout, call{
		method: http.MethodGet, path: "/api/internal/chats/" + chatID + "/messages?" + query.Encode(), idempotent: true, maxAnswer: maxBatchAnswer,
	})
	if a.status != http.StatusOK || a.err != nil {
		r := a.result()
		if r.Class == Retry && a.err == nil && isMissing(a.status) {
			r.Class = Missing
		}
		return nil, r
	}
	rows, err := readRows(a.body)
	if err != nil {
		return nil, Result{Class: Ambiguous, Status: a.status, Err: err}
	}
	return rows, Result{Class: Stored, Status: a.status}
}

// readRows reads {"messages":[…]}. One row without an id or a time makes all of it ErrAnswer.
func readRows(body []byte) ([]Row, error) {
	var answer struct {
		Messages *[]json.RawMessage `json:"messages"`
	}
	if json.Unmarshal(body, &answer) != nil || answer.Messages == nil {
		return nil, ErrAnswer
	}
	rows := make([]Row, 0, len(*answer.Messages))
	for _, data := range *answer.Messages {
		var fields struct {
			ID        string    `json:"id"`
			CreatedAt time.Time `json:"createdAt"`
		}
		if json.Unmarshal(data, &fields) != nil || fields.ID == "" || len(fields.ID) > maxStoredID || fields.CreatedAt.IsZero() {
			return nil, ErrAnswer
		}
		rows = append(rows, Row{ID: fields.ID, CreatedAt: fields.CreatedAt, Data: data})
	}
	return rows, nil
}
