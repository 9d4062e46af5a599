package chatlog

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/redis/rueidis"
)

// errAnswer is a reply of another shape than the scripts give.
var errAnswer = errors.New("unexpected answer")

// Read implements Log.
func (r *Redis) Read(ctx context.Context, chatID string, after Position, limit int) (Page, error) {
	args := r.args(after.Epoch, strconv.FormatUint(after.Offset, 10), strconv.Itoa(max(limit, 1)))
	values, err := r.run(ctx, readScript, []call{{keysOf(chatID), args}})[0].ToArray()
	if err != nil {
		return Page{}, named("read", err)
	}
	page, err := readPage(values)
	r.saw(page.Head.Epoch)
	return page, named("read", err)
}

func readPage(values []rueidis.RedisMessage) (Page, error) {
	if len(values) != 4 {
		return Page{}, errAnswer
	}
	head, err := position(values[0], values[1])
	if err != nil {
		return Page{}, err
	}
	gap, err := values[2].AsInt64()
	if err != nil {
		return Page{}, errAnswer
	}
	rows, err := values[3].ToArray()
	if err != nil {
		return Page{}, errAnswer
	}
	page := Page{Head: head, Gap: gap == 1}
	for i := range rows {
		entry, err := streamEntry(&rows[i])
		if err != nil {
			return Page{}, err
		}
		page.Entries = append(page.Entries, entry)
	}
	return page, nil
}

// streamEntry reads {"<offset>-0", {"k", key, "p", payload}}.
func streamEntry(row *rueidis.RedisMessage) (Entry, error) {
	parts, err := row.ToArray()
	if err != nil || len(parts) != 2 {
		return Entry{}, errAnswer
	}
	id, err := parts[0].ToString()
	if err != nil {
		return Entry{}, errAnswer
	}
	offset, err := strconv.ParseUint(strings.TrimSuffix(id, "-0"), 10, 64)
	if err != nil {
		return Entry{}, errAnswer
	}
	fields, err := parts[1].AsStrSlice()
	if err != nil || len(fields) != 4 {
		return Entry{}, errAnswer
	}
	return Entry{Offset: offset, Key: fields[1], Payload: []byte(fields[3])}, nil
}

func position(epoch, offset rueidis.RedisMessage) (Position, error) {
	e, err := epoch.ToString()
	if err != nil {
		return Position{}, errAnswer
	}
	o, err := offset.AsUint64()
	if err != nil {
		return Position{}, errAnswer
	}
	return Position{Epoch: e, Offset: o}, nil
}

// maxHeads is how many chats one run of the heads script takes.
const maxHeads = 512

// Heads implements Log. It takes one command for every 512 chats.
func (r *Redis) Heads(ctx context.Context, chatIDs []string) ([]Head, error) {
	if len(chatIDs) == 0 {
		return nil, nil
	}
	var calls []call
	for start := 0; start < len(chatIDs); start += maxHeads {
		var keys []string
		for _, chatID := range chatIDs[start:min(start+maxHeads, len(chatIDs))] {
			keys = append(keys, keysOf(chatID)...)
			keys = append(keys, queueKey(chatID))
		}
		calls = append(calls, call{keys, r.args()})
	}
	heads := make([]Head, 0, len(chatIDs))
	for _, reply := range r.run(ctx, headsScript, calls) {
		values, err := reply.ToArray()
		if err != nil {
			return nil, named("heads", err)
		}
		for i := 0; i+2 < len(values); i += 3 {
			head, err := readHead(values[i : i+3])
			if err != nil {
				return nil, named("heads", err)
			}
			r.saw(head.Epoch)
			heads = append(heads, head)
		}
	}
	if len(heads) != len(chatIDs) {
		return nil, named("heads", errAnswer)
	}
	return heads, nil
}

func readHead(values []rueidis.RedisMessage) (Head, error) {
	at, err := position(values[0], values[1])
	if err != nil {
		return Head{}, err
	}
	queued, err := values[2].AsInt64()
	if err != nil {
		return Head{}, errAnswer
	}
	return Head{Position: at, Queued: queued == 1}, nil
}

// Lookup implements Log.
func (r *Redis) Lookup(ctx context.Context, chatID string, keys []string) ([]*Entry, error) {
	values, err := r.run(ctx, lookupScript, []call{{keysOf(chatID), r.args(keys...)}})[0].ToArray()
	if err != nil {
		return nil, named("lookup", err)
	}
	if len(values) != len(keys) {
		return nil, named("lookup", errAnswer)
	}
	found := make([]*Entry, len(keys))
	for i := range values {
		if found[i], err = lookedUp(&values[i]); err != nil {
			return nil, named("lookup", err)
		}
	}
	return found, nil
}

func lookedUp(value *rueidis.RedisMessage) (*Entry, error) {
	if value.IsNil() {
		return nil, nil
	}
	parts, err := value.ToArray()
	if err != nil || len(parts) < 2 || len(parts) > 3 {
		return nil, errAnswer
	}
	offset, err := parts[0].AsUint64()
	if err != nil {
		return nil, errAnswer
	}
	key, err := parts[1].ToString()
	if err != nil {
		return nil, errAnswer
	}
	entry := &Entry{Offset: offset, Key: key}
	if len(parts) == 3 {
		payload, err := parts[2].ToString()
		if err != nil {
			return nil, errAnswer
		}
		entry.Payload = []byte(payload)
	}
	return entry, nil
}
