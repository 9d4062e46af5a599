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

// Question is about what was stored in a chat after a message.
type Question struct {
	ChatID string `json:"chatId"`
	After  string `json:"after,omitempty"` // "" = only the latest ones
}

// History answers a Question.
type History struct {
	Rows  []Row
	Known bool // false: the API knows no such chat or message
}

const afterPath = "/api/internal/messages/after"

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
		return nil, a.historyResult()
	}
	rows, err := readRows(a.body)
	if err != nil {
		return nil, Result{Class: Ambiguous, Status: a.status, Err: err}
	}
	return rows, Result{Class: Stored, Status: a.status}
}

// AfterEach asks the optional history route of many chats, in one call. The answers have the questions' order. Class is
// Stored (each answer counts for itself), Missing (there is no such route), or what stood in the way of all.
func (c *Client) AfterEach(ctx context.Context, questions []Question, limit int) ([]History, Result) {
	asked := struct {
		Chats []Question `json:"chats"`
		Limit int        `json:"limit"`
	}{questions, limit}
	body, err := json.Marshal(asked)
	if err != nil {
		return nil, Result{Class: Rejected, Err: err}
	}
	a := c.do(ctx, c.userTimeout, call{
		method: http.MethodPost, path: afterPath, body: body, idempotent: true, maxAnswer: maxBatchAnswer,
	})
	if a.status != http.StatusOK || a.err != nil {
		return nil, a.historyResult()
	}
	found, err := readHistories(a.body, len(questions))
	if err != nil {
		return nil, Result{Class: Ambiguous, Status: a.status, Err: err}
	}
	return found, Result{Class: Stored, Status: a.status}
}

// historyResult is what stood in the way of a history route.
func (a answer) historyResult() Result {
	r := a.result()
	if r.Class == Retry && a.err == nil && isMissing(a.status) {
		r.Class = Missing
	}
	return r
}

// readHistories reads {"chats":[{"messages":[…]},{"error":"…"}]} with n of them.
func readHistories(body []byte, n int) ([]History, error) {
	var answer struct {
		Chats []struct {
			Messages *[]json.RawMessage `json:"messages"`
			Error    *string            `json:"error"`
		} `json:"chats"`
	}
	if json.Unmarshal(body, &answer) != nil || len(answer.Chats) != n {
		return nil, ErrAnswer
	}
	found := make([]History, n)
	for i, chat := range answer.Chats {
		if chat.Messages == nil {
			if chat.Error == nil {
				return nil, ErrAnswer
			}
			continue
		}
		rows, err := rowsOf(*chat.Messages)
		if err != nil {
			return nil, err
		}
		found[i] = History{rows, true}
	}
	return found, nil
}

// readRows reads {"messages":[…]}. One row without an id or a time makes all of it ErrAnswer.
func readRows(body []byte) ([]Row, error) {
	var answer struct {
		Messages *[]json.RawMessage `json:"messages"`
	}
	if json.Unmarshal(body, &answer) != nil || answer.Messages == nil {
		return nil, ErrAnswer
	}
	return rowsOf(*answer.Messages)
}

func rowsOf(messages []json.RawMessage) ([]Row, error) {
	rows := make([]Row, 0, len(messages))
	for _, data := range messages {
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
