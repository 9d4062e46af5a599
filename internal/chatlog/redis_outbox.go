package chatlog

import (
	"context"
	"slices"
	"strconv"

	"github.com/redis/rueidis"
)

var _ Outbox = (*Redis)(nil)

const (
	dueKey  = "outbox:due"
	deadKey = "outbox:dead"

	// maxLeases is how many leases one run of the renew script takes.
	maxLeases = 512
)

var maxQueuedArg = strconv.Itoa(MaxQueued)

func queueKey(chatID string) string { return "queue:{" + chatID + "}" }
func leaseKey(chatID string) string { return "lease:{" + chatID + "}" }

// Durable implements Outbox. It is the server's persistence that this promises: a server that keeps nothing on disk
// loses its queues when it restarts.
func (r *Redis) Durable() bool { return true }

func outboxKeys(chatID string) []string { return append(keysOf(chatID), dueKey, deadKey) }

// ask runs a script once and reads an array.
func (r *Redis) ask(ctx context.Context, s *script, keys []string, args ...string) ([]rueidis.RedisMessage, error) {
	return r.run(ctx, s, []call{{keys, r.args(args...)}})[0].ToArray()
}

func atLeastOne(limit int) string { return strconv.Itoa(max(limit, 1)) }

// Claim implements Outbox.
func (r *Redis) Claim(ctx context.Context, chatID string, after uint64, limit int) (Claim, error) {
	values, err := r.ask(ctx, claimScript, outboxKeys(chatID),
		chatID, r.options.Holder, millis(r.options.Lease), strconv.FormatUint(after, 10), atLeastOne(limit))
	if err != nil {
		return Claim{}, named("claim", err)
	}
	claim, err := readClaim(values)
	return claim, named("claim", err)
}

// readClaim reads fence, how many are left, epoch, messages.
func readClaim(values []rueidis.RedisMessage) (claim Claim, err error) {
	if len(values) != 4 {
		return Claim{}, errAnswer
	}
	if claim.Fence, err = values[0].AsUint64(); err != nil {
		return Claim{}, errAnswer
	}
	if claim.Left, err = count(&values[1]); err != nil {
		return Claim{}, err
	}
	claim.Items, err = messages(&values[2], &values[3])
	return claim, err
}

func count(value *rueidis.RedisMessage) (int, error) {
	n, err := value.AsInt64()
	if err != nil {
		return 0, errAnswer
	}
	return int(n), nil
}

// messages reads seq, name, data, the offset of the entry that the name finds, and the time, of each.
func messages(epoch, rows *rueidis.RedisMessage) ([]Queued, error) {
	at, err := epoch.ToString()
	if err != nil {
		return nil, errAnswer
	}
	all, err := rows.ToArray()
	if err != nil {
		return nil, errAnswer
	}
	found := make([]Queued, len(all))
	for i := range all {
		parts, err := all[i].ToArray()
		if err != nil || len(parts) != 5 {
			return nil, errAnswer
		}
		if found[i], err = message(at, parts); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func message(epoch string, parts []rueidis.RedisMessage) (q Queued, err error) {
	if q.Seq, err = parts[0].AsUint64(); err != nil {
		return q, errAnswer
	}
	if q.Name, err = parts[1].ToString(); err != nil {
		return q, errAnswer
	}
	data, err := parts[2].ToString()
	if err != nil {
		return q, errAnswer
	}
	q.Data = []byte(data)
	offset, err := parts[3].AsUint64()
	if err != nil {
		return q, errAnswer
	}
	if offset > 0 {
		q.Logged = Position{Epoch: epoch, Offset: offset}
	}
	if q.Sent, err = parts[4].AsInt64(); err != nil {
		return q, errAnswer
	}
	return q, nil
}

// Renew implements Outbox. It takes one command for every 512 leases; after an error the outcome of all is unknown.
func (r *Redis) Renew(ctx context.Context, leases []Lease) ([]bool, error) {
	var calls []call
	for part := range slices.Chunk(leases, maxLeases) {
		keys, args := []string{dueKey}, r.args(r.options.Holder, millis(r.options.Lease))
		for _, lease := range part {
			keys = append(keys, leaseKey(lease.ChatID))
			args = append(args, lease.ChatID, strconv.FormatUint(lease.Fence, 10))
		}
		calls = append(calls, call{keys, args})
	}
	if len(calls) == 0 {
		return nil, nil
	}
	kept := make([]bool, 0, len(leases))
	for _, reply := range r.run(ctx, renewScript, calls) {
		ours, err := reply.AsIntSlice()
		if err != nil {
			return nil, named("renew", err)
		}
		for _, one := range ours {
			kept = append(kept, one == 1)
		}
	}
	if len(kept) != len(leases) {
		return nil, named("renew", errAnswer)
	}
	return kept, nil
}

// Orphans implements Outbox.
func (r *Redis) Orphans(ctx context.Context, limit int) ([]string, error) {
	chatIDs, err := r.run(ctx, orphansScript, []call{{[]string{dueKey}, r.args(atLeastOne(limit))}})[0].AsStrSlice()
	return chatIDs, named("orphans", err)
}

// Unnamed implements Outbox.
func (r *Redis) Unnamed(ctx context.Context, chatID string, after Position, limit int) ([]Entry, error) {
	rows, err := r.ask(ctx, unnamedScript, keysOf(chatID), after.Epoch, strconv.FormatUint(after.Offset, 10), atLeastOne(limit))
	if err != nil {
		return nil, named("unnamed", err)
	}
	var entries []Entry
	for i := range rows {
		entry, err := streamEntry(&rows[i])
		if err != nil {
			return nil, named("unnamed", err)
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

// Queues implements Outbox. The index is in another order, so all of it is looked at, in pieces that hold nobody up: what
// enters or leaves meanwhile may be missing.
func (r *Redis) Queues(ctx context.Context, after string, limit int) ([]QueueInfo, error) {
	chatIDs, err := r.queuedChats(ctx, after, max(limit, 1))
	if err != nil || len(chatIDs) == 0 {
		return nil, named("queues", err)
	}
	calls := make([]call, len(chatIDs))
	for i, chatID := range chatIDs {
		calls[i] = call{outboxKeys(chatID), r.args(chatID, strconv.Itoa(queueShown), "0")}
	}
	var infos []QueueInfo
	for i, reply := range r.run(ctx, queueScript, calls) {
		values, err := reply.ToArray()
		if err != nil {
			return nil, named("queues", err)
		}
		info, err := readQueue(chatIDs[i], values)
		if err != nil {
			return nil, named("queues", err)
		}
		if info.Left > 0 {
			infos = append(infos, info)
		}
	}
	return infos, nil
}

// Queued implements Outbox.
func (r *Redis) Queued(ctx context.Context, chatID string, after uint64, limit int) ([]Queued, error) {
	values, err := r.ask(ctx, queueScript, outboxKeys(chatID), chatID, atLeastOne(limit), strconv.FormatUint(after, 10))
	if err != nil {
		return nil, named("queued", err)
	}
	info, err := readQueue(chatID, values)
	if err != nil {
		return nil, named("queued", err)
	}
	return info.Items, nil
}

// queuedChats returns the ids after one, in order.
func (r *Redis) queuedChats(ctx context.Context, after string, limit int) ([]string, error) {
	var found []string
	for cursor := uint64(0); ; {
		scan := r.client.B().Zscan().Key(dueKey).Cursor(cursor).Count(1000).Build()
		page, err := r.do(ctx, []rueidis.Completed{scan})[0].AsScanEntry()
		if err != nil {
			return nil, err
		}
		for i := 0; i < len(page.Elements); i += 2 { // member, score
			if chatID := page.Elements[i]; chatID > after {
				found = append(found, chatID)
			}
		}
		slices.Sort(found)
		found = slices.Compact(found) // a scan may show one twice
		found = found[:min(len(found), limit)]
		if cursor = page.Cursor; cursor == 0 {
			return found, nil
		}
	}
}

// readQueue reads how many are left, holder, epoch, messages.
func readQueue(chatID string, values []rueidis.RedisMessage) (info QueueInfo, err error) {
	if len(values) != 4 {
		return info, errAnswer
	}
	info.ChatID = chatID
	if info.Left, err = count(&values[0]); err != nil {
		return info, err
	}
	if info.Holder, err = values[1].ToString(); err != nil {
		return info, errAnswer
	}
	info.Items, err = messages(&values[2], &values[3])
	return info, err
}
