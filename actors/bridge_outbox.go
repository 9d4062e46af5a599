package actors

import (
	"context"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"eclipse/actors/messages"
	"eclipse/internal/chatlog"
	"eclipse/internal/wire"
)

// The bridge's calls of the outbox: leases are claimed and renewed, queues without a holder are found.

const (
	maxClaims  = 16 // under way at once
	maxOrphans = 64 // taken over in one go
)

// Messages to the bridge about the outbox.
type (
	claimOf struct {
		chatID string
		all    bool
		from   *actor.PID
		since  time.Time
	}
	claimDone struct {
		of     claimOf
		result *claimed
	}
	renewed struct {
		leases []chatlog.Lease
		kept   []bool
		since  time.Time
		err    error
	}
	orphansFound struct {
		chatIDs []string
		err     error
	}
)

// step is what the log is asked to do.
func step(r *messages.AppendRequest) chatlog.Append {
	a := chatlog.Append{ChatID: r.ChatId, Key: r.Key, Aliases: r.Aliases, Body: r.Body, Notice: r.Notice, Epoch: r.Epoch}
	if r.Queue != nil {
		data, _ := proto.Marshal(r.Queue) // fails for invalid UTF-8 only, which no decoder lets in
		a.Queue = &chatlog.Item{Name: r.Queue.Key, Data: data, Sent: r.Queue.SentAt}
	}
	if r.Done != nil {
		a.Done = &chatlog.Done{Name: r.Done.Key, Fence: r.Done.Fence, Reason: r.Done.Reason}
	}
	return a
}

// noteLease keeps the leases that this instance holds, for chats that are here. since is when the store was asked.
func (b *bridge) noteLease(chatID string, fence uint64, left int, since time.Time) {
	if left == 0 || b.subs.chats[chatID] == nil {
		b.dropLease(chatID)
		return
	}
	if fence == 0 || fence < b.leases[chatID] { // such as of a step that is older than the lease
		return
	}
	if b.leases == nil {
		b.leases = make(map[string]uint64)
	}
	if len(b.leases) == 0 {
		b.renewNext(since)
		b.leasedSince(since)
	}
	b.leases[chatID] = fence
	b.router.metrics.OutboxLeases.Set(float64(len(b.leases)))
}

// dropLease forgets a lease; whoever finds the chat's queue may take it.
func (b *bridge) dropLease(chatID string) {
	delete(b.leases, chatID)
	b.router.metrics.OutboxLeases.Set(float64(len(b.leases)))
}

// leasedSince: all leases that are held now were ours at a time. Until they may have run out persistence posts for them.
func (b *bridge) leasedSince(at time.Time) {
	until := at.Add(b.router.cfg.Lease).UnixNano()
	b.router.leasedUntil.Store(max(until, b.router.leasedUntil.Load()))
}

// lapsed tells whether leases may have run out that were not renewed, such as after a pause of this process: nothing is
// posted for any of them until the store has said which are still ours.
func (b *bridge) lapsed(now time.Time) bool { return now.UnixNano() > b.router.leasedUntil.Load() }

func (b *bridge) runClaims() {
	for of, ok := b.claims.next(maxClaims); ok; of, ok = b.claims.next(maxClaims) {
		of.since = time.Now()
		b.router.outside(b.self, func() any {
			ctx, cancel := b.call()
			defer cancel()
			return &claimDone{of, b.claim(ctx, of.chatID, of.all)}
		}, func(error) any { return &claimDone{of, &claimed{failed: true}} })
	}
}

// claim runs outside of Receive. What was entered again goes by the time at which it was sent, so all is listed then.
func (b *bridge) claim(ctx context.Context, chatID string, all bool) *claimed {
	c, err := b.router.deps.Outbox.Claim(ctx, chatID, 0, claimMax)
	if err != nil {
		return &claimed{failed: true}
	}
	result := &claimed{fence: c.Fence, left: c.Left}
	b.addItems(result, chatID, c.Items)
	all = all || slices.ContainsFunc(result.items, isEnteredAgain)
	for all && len(c.Items) == claimMax {
		if c, err = b.router.deps.Outbox.Claim(ctx, chatID, c.Items[claimMax-1].Seq, claimMax); err != nil || c.Fence != result.fence {
			return &claimed{failed: true}
		}
		b.addItems(result, chatID, c.Items)
	}
	return result
}

func (b *bridge) addItems(result *claimed, chatID string, items []chatlog.Queued) {
	for _, item := range items {
		r := &messages.PersistRequest{}
		if err := proto.Unmarshal(item.Data, r); err != nil || r.ChatId != chatID || r.Key != item.Name {
			b.router.metrics.OutboxUnreadable.Inc()
			b.router.log.Error("a queued message cannot be read; it stays where it is", "chat", shortChat(chatID))
			continue
		}
		if 0 < item.Sent && item.Sent < r.SentAt { // an instance where it was sent earlier has let it in again
			r.SentAt, r.Reentered = item.Sent, true
		}
		result.items = append(result.items, claimedItem{request: r, logged: wire.Position(item.Logged)})
	}
}

func (b *bridge) onClaimDone(d *claimDone) {
	b.claims.ended()
	if d.result.fence > b.leases[d.of.chatID] { // one that found nothing may be older than a lease that a step took
		b.noteLease(d.of.chatID, d.result.fence, d.result.left, d.of.since)
	}
	b.router.send(d.of.from, d.result)
	b.runClaims()
}

// renewNext sets when leases are renewed, early enough for two more tries.
func (b *bridge) renewNext(since time.Time) {
	wait := b.router.cfg.Lease / 3
	b.renewAt = since.Add(wait)
	b.router.alarm.after(wait, b.self)
}

// keepLeases renews what is held.
func (b *bridge) keepLeases(now time.Time) {
	if b.renewing || len(b.leases) == 0 || now.Before(b.renewAt) && !b.lapsed(now) {
		return
	}
	b.renewNext(now)
	leases := make([]chatlog.Lease, 0, len(b.leases))
	for chatID, fence := range b.leases {
		leases = append(leases, chatlog.Lease{ChatID: chatID, Fence: fence})
	}
	b.renewing = true
	b.router.outside(b.self, func() any {
		var kept []bool
		for rest := leases; len(rest) > 0; rest = leases[len(kept):] {
			ctx, cancel := b.call()
			some, err := b.router.deps.Outbox.Renew(ctx, rest[:min(len(rest), chatlog.MaxChats)])
			cancel()
			if err != nil {
				return &renewed{leases: leases, kept: kept, err: err}
			}
			kept = append(kept, some...)
		}
		return &renewed{leases: leases, kept: kept, since: now}
	}, func(err error) any { return &renewed{err: err} })
}

func (b *bridge) onRenewed(r *renewed) {
	b.renewing = false
	if r.err == nil {
		b.leasedSince(r.since)
	} else {
		b.router.log.Warn("leases of outboxes cannot be renewed; nothing is posted for them once they have run out", "chats", len(r.leases), "error", r.err)
	}
	for i, kept := range r.kept {
		if l := r.leases[i]; !kept && b.leases[l.ChatID] == l.Fence {
			b.dropLease(l.ChatID)
			if sub := b.subs.chats[l.ChatID]; sub != nil {
				b.router.send(sub.pid, &leaseLost{l.Fence})
			}
		}
	}
}

// findOrphans looks for queues whose holder has gone.
func (b *bridge) findOrphans(now time.Time) {
	if !b.router.durable || b.searching || now.Before(b.orphansAt) {
		return
	}
	b.orphansAt = now.Add(b.router.cfg.OrphanCheck)
	b.searching = true
	b.router.outside(b.self, func() any {
		ctx, cancel := b.call()
		defer cancel()
		chatIDs, err := b.router.deps.Outbox.Orphans(ctx, maxOrphans)
		return &orphansFound{chatIDs, err}
	}, func(err error) any { return &orphansFound{err: err} })
}

func (b *bridge) onOrphans(o *orphansFound) {
	b.searching = false
	if len(o.chatIDs) == 0 {
		return
	}
	b.router.metrics.OutboxTakeovers.Add(float64(len(o.chatIDs)))
	b.router.log.Info("queued messages without a holder are taken over", "chats", len(o.chatIDs))
	b.router.sendRoot(&orphaned{o.chatIDs})
}
