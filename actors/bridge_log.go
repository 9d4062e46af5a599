package actors

import (
	"context"
	"hash/maphash"
	"time"

	"eclipse/actors/messages"
	"eclipse/internal/chatlog"
	"eclipse/internal/metrics"
	"eclipse/internal/wire"
)

// The bridge's calls of the log and the bus: appends and look-ups in lanes, publishes, reads.

var laneSeed = maphash.MakeSeed()

func (b *bridge) enqueue(op logOp) {
	if b.queued >= b.router.cfg.MaxAppends {
		b.turnAway(op)
		return
	}
	b.queued++
	b.router.logging.Store(int64(b.queued))
	i := int(maphash.String(laneSeed, op.chatID()) % laneCount)
	b.lanes[i].push(op)
	b.runLane(i)
}

// turnAway answers an operation for which there is no room.
func (b *bridge) turnAway(op logOp) {
	if op.append != nil {
		b.router.metrics.Append(metrics.AppendError)
		b.router.send(op.from, &messages.AppendResult{Request: op.append, Refused: true})
		return
	}
	b.router.send(op.from, &lookedUp{save: op.lookUp.save, failed: true})
}

func (b *bridge) runLane(i int) {
	batch := b.lanes[i].take(time.Now())
	if len(batch) == 0 {
		return
	}
	go func() { b.tell(b.runBatch(i, batch)) }()
}

// runBatch runs outside of Receive: runs of appends in one call each, look-ups one by one, in the order of the batch.
func (b *bridge) runBatch(i int, batch []logOp) *laneDone {
	ctx, cancel := b.call()
	defer cancel()
	done := &laneDone{
		lane: i, appended: make([]chatlog.Appended, len(batch)),
		found: make([]*chatlog.Entry, len(batch)), errs: make([]error, len(batch)),
	}
	for at := 0; at < len(batch); {
		if op := batch[at]; op.lookUp != nil {
			entries, err := b.router.deps.Log.Lookup(ctx, op.lookUp.chatID, []string{op.lookUp.save.key})
			if done.errs[at] = err; err == nil {
				done.found[at] = entries[0]
			}
			at++
			continue
		}
		end := at
		for end < len(batch) && batch[end].append != nil {
			end++
		}
		b.appendRun(ctx, batch[at:end], done.appended[at:end], done.errs[at:end])
		at = end
	}
	return done
}

func (b *bridge) appendRun(ctx context.Context, ops []logOp, out []chatlog.Appended, errs []error) {
	items := make([]chatlog.Append, len(ops))
	for i, op := range ops {
		items[i] = chatlog.Append{ChatID: op.append.ChatId, Key: op.append.Key, Aliases: op.append.Aliases, Body: op.append.Body}
	}
	copy(out, b.router.deps.Log.Append(ctx, items))
	for i := range out {
		errs[i] = out[i].Err
	}
}

func (b *bridge) onLaneDone(d *laneDone) {
	l := &b.lanes[d.lane]
	for i, op := range l.inFlight {
		switch {
		case d.errs[i] != nil:
			b.router.metrics.Append(metrics.AppendError)
		case op.lookUp != nil:
			b.answerLookUp(op.lookUp, d.found[i])
		default:
			b.answerAppend(op, &d.appended[i])
		}
	}
	b.router.setLogUp(l.done(d.errs, time.Now()))
	b.queued = 0
	for i := range b.lanes {
		b.queued += len(b.lanes[i].queue) + len(b.lanes[i].inFlight)
	}
	b.router.logging.Store(int64(b.queued))
	if wait := time.Until(l.retryAt); wait > 0 {
		b.router.alarm.after(wait, b.self)
		return
	}
	b.runLane(d.lane)
}

func (b *bridge) answerAppend(op logOp, a *chatlog.Appended) {
	outcome := metrics.AppendNew
	if a.Repeat {
		outcome = metrics.AppendRepeat
	} else if sub := b.subs.chats[op.append.ChatId]; sub != nil {
		sub.appended(wire.Position(a.Position))
	}
	b.router.metrics.Append(outcome)
	b.router.send(op.from, &messages.AppendResult{
		Request: op.append, Epoch: a.Position.Epoch, Offset: a.Position.Offset, Repeat: a.Repeat, Payload: a.Payload,
	})
}

func (b *bridge) answerLookUp(l *lookUp, e *chatlog.Entry) {
	answer := &lookedUp{save: l.save}
	if e != nil {
		answer.found, answer.entry = true, &messages.Entry{Offset: e.Offset, Key: e.Key, Payload: e.Payload}
	}
	b.router.send(l.pid, answer)
}

func (b *bridge) onPublish(p *messages.Publish) {
	if len(b.publications) >= maxPublications {
		b.router.metrics.Drop(metrics.DropPublishFailed)
		return
	}
	b.publications = append(b.publications, chatlog.Publication{ChatID: p.ChatId, Payload: p.Payload})
	b.runPublish()
}

func (b *bridge) runPublish() {
	if b.publishing || len(b.publications) == 0 {
		return
	}
	b.publishing = true
	batch := b.publications
	b.publications = nil
	go func() {
		ctx, cancel := b.call()
		defer cancel()
		b.tell(&publishDone{len(batch), b.router.deps.Bus.Publish(ctx, batch)})
	}()
}

func (b *bridge) onPublishDone(d *publishDone) {
	b.publishing = false
	if d.err != nil {
		b.router.metrics.DropN(metrics.DropPublishFailed, d.sent)
	}
	b.runPublish()
}

func (b *bridge) runReads() {
	for b.reading < maxReads && len(b.reads) > 0 {
		r := b.reads[0]
		b.reads = b.reads[1:]
		b.reading++
		go func() {
			ctx, cancel := b.call()
			defer cancel()
			after := chatlog.Position{Epoch: r.request.Epoch, Offset: r.request.Offset}
			page, err := b.router.deps.Log.Read(ctx, r.request.ChatId, after, int(r.request.Max))
			b.tell(&readDone{r, page, err})
		}()
	}
}

func (b *bridge) onReadDone(d *readDone) {
	b.reading--
	result := &messages.ReadResult{Request: d.read.request, Failed: d.err != nil, Gap: d.page.Gap, Epoch: d.page.Head.Epoch, Head: d.page.Head.Offset}
	for _, e := range d.page.Entries {
		result.Entries = append(result.Entries, &messages.Entry{Offset: e.Offset, Key: e.Key, Payload: e.Payload})
	}
	b.router.send(d.read.from, result)
	b.runReads()
}
