package chatlog

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/redis/rueidis"
)

// What one run of the append script takes: other clients wait for it, and hosted servers limit a request to 10 MB.
const (
	maxEvents     = 128
	maxEventBytes = 1 << 20
)

// errAnswer is a reply of another shape than the scripts give.
var errAnswer = errors.New("unexpected answer")

// Append implements Log. The events of one chat travel as one command, those of different chats as one pipeline. After
// a failure the later events of that chat are not tried and fail with it, so that no event overtakes another.
func (r *Redis) Append(ctx context.Context, items []Append) []Appended {
	results := make([]Appended, len(items))
	queues := queuesOf(items, results)
	for len(queues) > 0 {
		calls := make([]call, len(queues))
		for i, q := range queues {
			calls[i] = r.appendCall(items, q)
		}
		left := queues[:0]
		for i, reply := range r.run(ctx, appendScript, calls) {
			if err := queues[i].answer(reply, items, results); err != nil {
				queues[i].fail(err, results)
			} else if len(queues[i].waiting) > 0 {
				left = append(left, queues[i])
			}
		}
		queues = left
	}
	return results
}

// queue is what is left to append for one chat: indices of items.
type queue struct {
	chatID  string
	waiting []int
	batch   int // how many of waiting are in flight
}

// queuesOf sorts the items by chat and answers those that no log could keep.
func queuesOf(items []Append, results []Appended) []*queue {
	byChat := make(map[string]*queue)
	var queues []*queue
	for i := range items {
		if results[i].Err = items[i].check(); results[i].Err != nil {
			continue
		}
		q := byChat[items[i].ChatID]
		if q == nil {
			q = &queue{chatID: items[i].ChatID}
			byChat[q.chatID] = q
			queues = append(queues, q)
		}
		q.waiting = append(q.waiting, i)
	}
	return queues
}

// appendCall takes the queue's next batch.
func (r *Redis) appendCall(items []Append, q *queue) call {
	args := r.args(channelPrefix+q.chatID, r.further[0], r.further[1])
	size := 0
	q.batch = 0
	for _, i := range q.waiting {
		item := &items[i]
		size += len(item.Body)
		if q.batch == maxEvents || (q.batch > 0 && size > maxEventBytes) {
			break
		}
		args = append(args, stem(item.Body), strconv.Itoa(1+len(item.Aliases)), item.Key)
		args = append(args, item.Aliases...)
		q.batch++
	}
	return call{keys: keysOf(q.chatID), args: args}
}

// answer reads epoch, then for each event its offset and what became of it.
func (q *queue) answer(reply rueidis.RedisResult, items []Append, results []Appended) error {
	values, err := reply.ToArray()
	if err != nil {
		return err
	}
	if len(values) != 1+2*q.batch {
		return errAnswer
	}
	epoch, err := values[0].ToString()
	if err != nil {
		return errAnswer
	}
	for j, i := range q.waiting[:q.batch] {
		offset, err := values[1+2*j].AsUint64()
		if err != nil {
			return errAnswer
		}
		results[i] = appended(Position{epoch, offset}, &items[i], &values[2+2*j])
	}
	q.waiting = q.waiting[q.batch:]
	return nil
}

func appended(at Position, item *Append, outcome *rueidis.RedisMessage) Appended {
	if outcome.IsInt64() {
		return Appended{Position: at, Payload: Seal(item.Body, at)}
	}
	known := Appended{Position: at, Repeat: true}
	if payload, err := outcome.ToString(); err == nil {
		known.Payload = []byte(payload)
	}
	return known
}

func (q *queue) fail(err error, results []Appended) {
	err = named("append", err)
	for _, i := range q.waiting {
		results[i] = Appended{Err: err}
	}
}

// Read implements Log.
func (r *Redis) Read(ctx context.Context, chatID string, after Position, limit int) (Page, error) {
	args := r.args(after.Epoch, strconv.FormatUint(after.Offset, 10), strconv.Itoa(max(limit, 1)))
	values, err := r.run(ctx, readScript, []call{{keysOf(chatID), args}})[0].ToArray()
	if err != nil {
		return Page{}, named("read", err)
	}
	page, err := readPage(values)
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
func (r *Redis) Heads(ctx context.Context, chatIDs []string) ([]Position, error) {
	if len(chatIDs) == 0 {
		return nil, nil
	}
	var calls []call
	for start := 0; start < len(chatIDs); start += maxHeads {
		var keys []string
		for _, chatID := range chatIDs[start:min(start+maxHeads, len(chatIDs))] {
			keys = append(keys, keysOf(chatID)...)
		}
		calls = append(calls, call{keys, r.args()})
	}
	heads := make([]Position, 0, len(chatIDs))
	for _, reply := range r.run(ctx, headsScript, calls) {
		values, err := reply.ToArray()
		if err != nil {
			return nil, named("heads", err)
		}
		for i := 0; i+1 < len(values); i += 2 {
			head, err := position(values[i], values[i+1])
			if err != nil {
				return nil, named("heads", err)
			}
			heads = append(heads, head)
		}
	}
	if len(heads) != len(chatIDs) {
		return nil, named("heads", errAnswer)
	}
	return heads, nil
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
