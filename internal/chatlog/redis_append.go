package chatlog

import (
	"context"
	"strconv"

	"github.com/redis/rueidis"
)

// What one run of the append script takes: other clients wait for it, and hosted servers limit a request to 10 MB.
const (
	maxEvents     = 128
	maxEventBytes = 1 << 20
)

// Append implements Log. The steps of one chat travel as one command, those of different chats as one pipeline. After
// a failure the later steps of that chat are not tried and fail with it, so that no event overtakes another.
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
			epoch, err := queues[i].answer(reply, items, results)
			if err != nil {
				queues[i].fail(err, results)
				continue
			}
			r.saw(epoch)
			if len(queues[i].waiting) > 0 {
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

// take makes the next batch and tells whether a step of it knows the outbox.
func (q *queue) take(items []Append) (outbox bool) {
	q.batch = 0
	size := 0
	for _, i := range q.waiting {
		size += items[i].size()
		if q.batch == maxEvents || (q.batch > 0 && size > maxEventBytes) {
			break
		}
		outbox = outbox || items[i].outbox()
		q.batch++
	}
	return outbox
}

func (a *Append) size() int {
	n := len(a.Body) + len(a.Notice)
	if a.Queue != nil {
		n += len(a.Queue.Data)
	}
	return n
}

func (a *Append) outbox() bool { return a.Queue != nil || a.Done != nil }

// appendCall takes the queue's next batch. What belongs to the outbox is left out when no step needs it.
func (r *Redis) appendCall(items []Append, q *queue) call {
	outbox := q.take(items)
	keys, args := keysOf(q.chatID), r.args(channelPrefix+q.chatID, r.further[0], r.further[1])
	if outbox {
		keys = append(keys, dueKey, deadKey)
		args = append(args, q.chatID, r.options.Holder, millis(r.options.Lease), maxQueuedArg)
	}
	for _, i := range q.waiting[:q.batch] {
		args = appendStep(args, &items[i])
	}
	return call{keys: keys, args: args}
}

// appendStep writes a step as the script's header says: a plain event in the short form.
func appendStep(args []string, item *Append) []string {
	body := stem(item.Body)
	if item.outbox() || len(item.Notice) > 0 {
		var fence, done, reason, name, data string
		sent := "0"
		if item.Done != nil {
			fence, done, reason = strconv.FormatUint(item.Done.Fence, 10), item.Done.Name, item.Done.Reason
		}
		if item.Queue != nil {
			name, data, sent = item.Queue.Name, string(item.Queue.Data), strconv.FormatInt(item.Queue.Sent, 10)
		}
		args = append(args, "", body, fence, done, reason, name, data, sent, string(item.Notice), item.Epoch)
	} else {
		args = append(args, body)
	}
	names := len(item.Aliases)
	if item.Key == "" {
		return append(append(args, strconv.Itoa(names)), item.Aliases...)
	}
	return append(append(args, strconv.Itoa(names+1), item.Key), item.Aliases...)
}

// answer reads epoch, then for each step its offset and what became of it.
func (q *queue) answer(reply rueidis.RedisResult, items []Append, results []Appended) (epoch string, err error) {
	values, err := reply.ToArray()
	if err != nil {
		return "", err
	}
	if len(values) != 1+2*q.batch {
		return "", errAnswer
	}
	epoch, err = values[0].ToString()
	if err != nil {
		return "", errAnswer
	}
	for j, i := range q.waiting[:q.batch] {
		offset, err := values[1+2*j].AsUint64()
		if err != nil {
			return "", errAnswer
		}
		outcome := &values[2+2*j]
		if !outcome.IsArray() {
			results[i] = appended(Position{epoch, offset}, &items[i], outcome)
		} else if results[i], err = carriedOut(Position{epoch, offset}, &items[i], outcome); err != nil {
			return "", err
		}
	}
	q.waiting = q.waiting[q.batch:]
	return epoch, nil
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

// How a step of several parts went.
const (
	stepAnew   = -3
	stepFull   = -2
	stepFenced = -1
	stepRepeat = 0
)

// carriedOut reads how it went, a repeat's payload, and the state of the outbox.
func carriedOut(at Position, item *Append, outcome *rueidis.RedisMessage) (Appended, error) {
	parts, err := outcome.ToArray()
	if err != nil || len(parts) != 6 {
		return Appended{}, errAnswer
	}
	var numbers [5]int64
	for i, j := range [...]int{0, 2, 3, 4, 5} {
		if numbers[i], err = parts[j].AsInt64(); err != nil {
			return Appended{}, errAnswer
		}
	}
	result := Appended{Position: Position{Epoch: at.Epoch}}
	switch numbers[0] {
	case stepFenced:
		result = Appended{Err: ErrFenced}
	case stepFull:
		result = Appended{Err: ErrFull}
	case stepAnew:
		result.Err = ErrEpoch
	case stepRepeat:
		result = appended(at, item, &parts[1])
	default:
		if item.Body != nil {
			result = appended(at, item, &parts[0])
		}
	}
	if item.outbox() {
		result.Outbox = OutboxState{Queued: numbers[1] == 1, Fence: uint64(numbers[2]), Left: int(numbers[3]), Sent: numbers[4]}
	}
	return result, nil
}

func (q *queue) fail(err error, results []Appended) {
	err = named("append", err)
	for _, i := range q.waiting {
		results[i] = Appended{Err: err}
	}
}
