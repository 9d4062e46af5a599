package actors

import (
	"bytes"
	"context"
	"errors"
	"time"

	"eclipse/actors/messages"
	"eclipse/internal/chatlog"
	"eclipse/internal/metrics"
	"eclipse/internal/wire"
)

// The bridge's pub/sub connection: dial, subscribe, hear, probe, give up and dial again.

func (b *bridge) dial() {
	if b.dialing || b.feed != nil || time.Now().Before(b.dialAt) || b.ctx.Err() != nil {
		return
	}
	b.dialing = true
	b.router.outside(b.self, func() any {
		ctx, cancel := b.call()
		defer cancel()
		feed, err := b.openFeed(ctx)
		return &feedUp{feed, err}
	}, func(err error) any { return &feedUp{err: err} })
}

// openFeed runs outside of Receive. The feed closes with the bridge, even when nobody is left to hear of it.
func (b *bridge) openFeed(ctx context.Context) (chatlog.Feed, error) {
	feed, err := b.router.deps.Bus.Dial(ctx, b.hear)
	if err != nil {
		return nil, err
	}
	cancel := context.AfterFunc(b.ctx, func() { _ = feed.Close() })
	go func() {
		<-feed.Done()
		cancel()
		b.tell(&feedDown{feed})
	}()
	if err := feed.Subscribe(ctx, []string{instanceChannel}); err != nil {
		return nil, errors.Join(err, feed.Close())
	}
	return feed, nil
}

// hear is called by the feed's goroutine. It never blocks; at the bound the log fills the hole later.
func (b *bridge) hear(chatID string, payload []byte) {
	size := int64(len(payload))
	if count, bytes := b.pending.Add(1), b.pendingSize.Add(size); count > maxPending || bytes > maxPendingBytes {
		b.pending.Add(-1)
		b.pendingSize.Add(-size)
		b.router.metrics.Drop(metrics.DropBusOverflow)
		return
	}
	b.tell(&heard{chatID, bytes.Clone(payload)})
}

func (b *bridge) onHeard(h *heard) {
	b.pending.Add(-1)
	b.pendingSize.Add(-int64(len(h.payload)))
	b.heardAt = time.Now()
	if h.chatID == instanceChannel {
		b.onAlive(h.payload)
		return
	}
	sub := b.subs.chats[h.chatID]
	if sub == nil {
		b.router.metrics.Drop(metrics.DropNotMember)
		return
	}
	l := b.laneOf(h.chatID)
	at, sealed := wire.SealedPosition(h.payload)
	switch {
	case sealed && l.echoed(h): // its answer comes, and tells the chat the same
		return
	case sealed && sub.own(at), !sealed && wire.OriginIs(h.payload, b.router.cfg.Instance):
		b.router.metrics.Drop(metrics.DropOwnEcho)
		return
	}
	sub.foreign(b.heardAt)
	sub.told(max(at.Epoch, wire.NoticeEpoch(h.payload)))
	b.passEchoes(l, h.chatID) // without them this would come past a hole
	b.router.send(sub.pid, &messages.Payload{Payload: h.payload})
}

func (b *bridge) onFeedUp(u *feedUp) {
	b.dialing = false
	if u.err != nil {
		b.dialFails++
		b.router.setBusUp(false)
		b.redial()
		return
	}
	if b.dialed {
		b.router.metrics.RedisReconnects.Inc()
	}
	b.dialed, b.feed = true, u.feed
	b.heardAt = time.Now()
	b.upSince = b.heardAt
	b.instances.hearAll(b.heardAt)
	b.router.setBusUp(true)
	select {
	case <-u.feed.Done(): // its end may have been reported before it was known here
		b.onFeedDown(u.feed)
		return
	default:
	}
	b.subs.lost()
	b.runSubscribe()
	b.sayAlive()
}

func (b *bridge) onFeedDown(feed chatlog.Feed) {
	if feed != b.feed {
		return
	}
	b.feed = nil
	b.router.setBusUp(false)
	b.router.metrics.RedisSubscriptions.Set(0)
	if b.ctx.Err() != nil {
		return
	}
	b.router.log.Warn("the pub/sub connection is gone; dialing again", "error", feed.Err())
	b.dialFails++
	if time.Since(b.upSince) > stableAfter {
		b.dialFails = 0
	}
	b.redial()
}

// stableAfter is how long a connection must have lived for its end to be answered without a pause.
const stableAfter = 10 * time.Second

// redial dials at once the first time, and after a growing pause when connections keep failing.
func (b *bridge) redial() {
	if b.dialFails > 0 {
		b.dialAt = time.Now().Add(backoff(b.dialFails, 100*time.Millisecond, 3*time.Second))
		b.router.alarm.after(time.Until(b.dialAt), b.self)
	}
	b.dial()
}

// giveUp closes a feed that does not answer; its end is reported by feedDown.
func (b *bridge) giveUp(feed chatlog.Feed) {
	if feed == b.feed {
		go feed.Close()
	}
}

func (b *bridge) runSubscribe() {
	if b.feed == nil || b.subscribing || time.Now().Before(b.subscribeAt) {
		return
	}
	add, remove := b.subs.next()
	if len(add)+len(remove) == 0 {
		return
	}
	b.subscribing = true
	feed := b.feed
	b.router.outside(b.self, func() any {
		ctx, cancel := b.call()
		defer cancel()
		heads, err := b.subscribeAndCompare(ctx, feed, add, remove)
		return &subscribedDone{feed, add, remove, heads, err}
	}, func(err error) any { return &subscribedDone{feed, add, remove, nil, err} })
}

// subscribeAndCompare first hears the channels and then asks for the heads: what is appended in between is heard or read.
func (b *bridge) subscribeAndCompare(ctx context.Context, feed chatlog.Feed, add, remove []string) ([]chatlog.Head, error) {
	if len(remove) > 0 {
		if err := feed.Unsubscribe(ctx, remove); err != nil {
			return nil, err
		}
	}
	if len(add) == 0 {
		return nil, nil
	}
	if err := feed.Subscribe(ctx, add); err != nil {
		return nil, err
	}
	return b.router.deps.Log.Heads(ctx, add)
}

func (b *bridge) onSubscribed(d *subscribedDone) {
	b.subscribing = false
	switch {
	case d.feed != b.feed: // everything is subscribed again on the new one
	case d.err != nil:
		b.subs.again(d.add, d.remove)
		b.subscribeAt = time.Now().Add(200 * time.Millisecond)
		b.router.alarm.after(200*time.Millisecond, b.self)
		b.probe()
		return
	default:
		for i, chatID := range d.add {
			if sub := b.subs.confirm(chatID); sub != nil {
				sub.told(d.heads[i].Epoch)
				b.router.send(sub.pid, &head{position: wire.Position(d.heads[i].Position), queued: d.heads[i].Queued, subscribed: true})
			}
		}
		b.router.metrics.RedisSubscriptions.Set(float64(b.subs.heard))
	}
	b.runSubscribe()
}

// onTick does what is due each second, and what a backoff has put off.
func (b *bridge) onTick(now time.Time) {
	if !now.Before(b.tickAt) {
		b.tickAt = now.Add(bridgeTick)
		b.router.alarm.after(bridgeTick, b.self)
	}
	b.dial()
	b.runSubscribe()
	for i := range b.lanes {
		b.runLane(i)
	}
	if now.After(b.checkAt) {
		b.checkAt = now.Add(b.router.cfg.HeadCheck)
		b.checkHeads()
	}
	if b.feed != nil && now.Sub(b.heardAt) >= b.router.cfg.ProbeAfter {
		b.probe()
	}
	if now.Sub(b.aliveAt) >= b.router.cfg.AliveEvery {
		b.sayAlive()
	}
	b.keepLeases(now)
	b.findOrphans(now)
	if b.feed != nil {
		b.giveUpInstances(now)
	}
}

// checkHeads finds a publish that was lost and after which nothing came.
func (b *bridge) checkHeads() {
	chatIDs := b.subs.confirmed()
	if b.checking || len(chatIDs) == 0 {
		return
	}
	b.checking = true
	b.router.metrics.LogHeadChecks.Inc()
	b.router.outside(b.self, func() any { b.compareHeads(chatIDs); return &headsDone{} }, func(error) any { return &headsDone{} })
}

// compareHeads runs outside of Receive and reports chunk by chunk.
func (b *bridge) compareHeads(chatIDs []string) {
	for len(chatIDs) > 0 {
		n := min(len(chatIDs), subscribeBatch)
		ctx, cancel := b.call()
		heads, err := b.router.deps.Log.Heads(ctx, chatIDs[:n])
		cancel()
		b.tell(&headsDone{chatIDs[:n], heads, err})
		if err != nil {
			return
		}
		chatIDs = chatIDs[n:]
	}
}

func (b *bridge) onHeads(d *headsDone) {
	if d.chatIDs == nil {
		b.checking = false
		return
	}
	b.router.setLogUp(d.err == nil)
	if d.err != nil {
		return
	}
	for i, chatID := range d.chatIDs {
		if sub := b.subs.chats[chatID]; sub != nil { // the chat knows best whether it is behind
			sub.told(d.heads[i].Epoch)
			b.router.send(sub.pid, &head{position: wire.Position(d.heads[i].Position), queued: d.heads[i].Queued})
		}
	}
}

// probe asks whether the connection still delivers.
func (b *bridge) probe() {
	if b.probing || b.feed == nil {
		return
	}
	b.probing = true
	feed := b.feed
	b.router.outside(b.self, func() any {
		ctx, cancel := context.WithTimeout(b.ctx, probeTimeout)
		defer cancel()
		return &probeDone{feed, feed.Probe(ctx)}
	}, func(err error) any { return &probeDone{feed, err} })
}

func (b *bridge) onProbe(p *probeDone) {
	b.probing = false
	if p.err == nil {
		b.heardAt = time.Now()
		return
	}
	if p.feed == b.feed && b.ctx.Err() == nil {
		b.router.metrics.RedisProbesFailed.Inc()
		b.router.log.Warn("the pub/sub connection is silent; dialing again", "error", p.err)
		b.giveUp(p.feed)
	}
}

// sayAlive tells the other instances that this one lives.
func (b *bridge) sayAlive() {
	b.aliveAt = time.Now()
	b.publications = append(b.publications, chatlog.Publication{ChatID: instanceChannel, Payload: []byte(b.router.cfg.Instance)})
	b.runPublish()
}

func (b *bridge) onAlive(payload []byte) {
	origin := string(payload)
	if origin == b.router.cfg.Instance || !wire.ValidClientMessageID(origin) {
		return
	}
	b.instances.heard(origin, time.Now())
	if b.silent[origin] { // it was only paused: its users were taken for offline
		delete(b.silent, origin)
		for _, sub := range b.subs.chats {
			b.router.send(sub.pid, &instanceBack{})
		}
	}
}

// maxSilent bounds how many instances are remembered that fell silent.
const maxSilent = 1000

func (b *bridge) giveUpInstances(now time.Time) {
	for _, origin := range b.instances.dead(now, b.router.cfg.AliveWithin) {
		b.router.log.Info("another instance fell silent; its users are offline", "instance", origin)
		if b.silent == nil || len(b.silent) >= maxSilent {
			b.silent = make(map[string]bool)
		}
		b.silent[origin] = true
		for _, sub := range b.subs.chats {
			b.router.send(sub.pid, &instanceGone{origin})
		}
	}
}
