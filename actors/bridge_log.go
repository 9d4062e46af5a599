package actors

import (
	"context"
	"errors"
	"hash/maphash"
	"time"

	"eclipse/actors/messages"
	"eclipse/internal/chatlog"
	"eclipse/internal/metrics"
	"eclipse/internal/wire"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"
)

// The bridge's calls of the log and the bus: appends and look-ups in lanes, publishes, reads.

var laneSeed = maphash.MakeSeed()

func (b *bridge) enqueue(op logOp) {
	b.router.logging.Add(1)
	b.router.loggingBytes.Add(op.size())
	i := laneIndex(op.chatID())
	b.lanes[i].push(op)
	b.runLane(i)
}

// release takes an operation from what the bridge holds.
func (b *bridge) release(op logOp) {
	b.router.logging.Add(-1)
	b.router.loggingBytes.Add(-op.size())
}

func (b *bridge) onCancel(m *cancel) {
	for _, op := range b.laneOf(m.chatID).cancel(m.chatID, m.key) {
		b.release(op)
		b.tellCancelled(op)
	}
}

func (b *bridge) tellCancelled(op logOp) {
	op.from.post(&messages.AppendResult{Request: op.append, Cancelled: true}, b.mailbox.runner)
}

func laneIndex(chatID string) int { return int(maphash.String(laneSeed, chatID) % laneCount) }

func (b *bridge) laneOf(chatID string) *lane { return &b.lanes[laneIndex(chatID)] }

func (b *bridge) runLane(i int) {
	batch := b.lanes[i].take(time.Now())
	if len(batch) == 0 {
		return
	}
	b.router.outside(b.self, func() any { return b.runBatch(i, batch) }, func(err error) any {
		done := &laneDone{lane: i, answers: make([]logAnswer, len(batch))}
		for i := range done.answers {
			done.answers[i].err = err
		}
		return done
	})
}

// runBatch runs outside of Receive: all appends in one call, look-ups beside each other, one call per chat.
func (b *bridge) runBatch(lane int, batch []logOp) *laneDone {
	ctx, cancel := b.call()
	defer cancel()
	done := &laneDone{lane: lane, answers: make([]logAnswer, len(batch))}
	appends := make([]int, 0, len(batch))
	var lookUps map[string][]int // by chat
	for i := range batch {
		if op := &batch[i]; op.append != nil { // not a copy: meanwhile the bridge may cancel it
			appends = append(appends, i)
		} else {
			if lookUps == nil {
				lookUps = make(map[string][]int)
			}
			lookUps[op.lookUp.chatID] = append(lookUps[op.lookUp.chatID], i)
		}
	}
	if len(lookUps) == 0 {
		b.appendAll(ctx, batch, appends, done.answers)
		return done
	}
	var g errgroup.Group
	g.SetLimit(maxLookUps)
	g.Go(func() error { b.appendAll(ctx, batch, appends, done.answers); return nil })
	for chatID, indexes := range lookUps {
		g.Go(func() error {
			defer b.recovered(indexes, done.answers)
			b.lookUpAll(ctx, chatID, batch, indexes, done.answers)
			return nil
		})
	}
	_ = g.Wait()
	return done
}

// recovered is deferred where the log is called: a panic there fails the operations concerned and nothing else.
func (b *bridge) recovered(indexes []int, answers []logAnswer) {
	reason := recover()
	if reason == nil {
		return
	}
	err := b.router.panicked("the message log panicked", reason)
	for _, at := range indexes {
		answers[at] = logAnswer{err: err}
	}
}

func (b *bridge) appendAll(ctx context.Context, batch []logOp, indexes []int, answers []logAnswer) {
	if len(indexes) == 0 {
		return
	}
	defer b.recovered(indexes, answers)
	items := make([]chatlog.Append, len(indexes))
	for i, at := range indexes {
		r := batch[at].append
		items[i] = step(r)
	}
	for i, a := range b.router.deps.Log.Append(ctx, items) {
		answers[indexes[i]] = logAnswer{appended: a, err: a.Err}
		if errors.Is(a.Err, chatlog.ErrFenced) || errors.Is(a.Err, chatlog.ErrFull) || errors.Is(a.Err, chatlog.ErrEpoch) { // answers, not failures
			answers[indexes[i]].err = nil
		}
	}
}

func (b *bridge) lookUpAll(ctx context.Context, chatID string, batch []logOp, indexes []int, answers []logAnswer) {
	keys := make([]string, len(indexes))
	ask := false
	for i, at := range indexes {
		keys[i] = batch[at].lookUp.key
		ask = ask || batch[at].lookUp.known
	}
	if !ask {
		return
	}
	entries, err := b.router.deps.Log.Lookup(ctx, chatID, keys)
	for i, at := range indexes {
		if answers[at].err = err; err == nil {
			answers[at].found = entries[i]
		}
	}
}

func (b *bridge) onLaneDone(d *laneDone) {
	l := &b.lanes[d.lane]
	batch := l.inFlight
	errs := make([]error, len(batch))
	for i := range batch {
		if errs[i] = d.answers[i].err; errs[i] == nil && b.logAgain(&batch[i], &d.answers[i].appended) {
			errs[i] = errAgain
		}
	}
	b.router.setLogUp(l.done(errs, time.Now()))
	for i, op := range batch {
		switch a := &d.answers[i]; {
		case errs[i] != nil:
			if a.err != nil {
				b.router.metrics.Append(metrics.AppendError)
			}
			b.passEchoes(l, op.chatID())
			if !op.cancelled {
				continue
			}
			b.tellCancelled(op)
		case op.lookUp != nil:
			b.answerLookUp(op.lookUp, a.found)
		default:
			b.answerAppend(op, &a.appended, l.since)
		}
		b.release(op)
	}
	l.reuse(batch)
	b.router.metrics.DropN(metrics.DropOwnEcho, len(l.echoes))
	clear(l.echoes)
	l.echoes = l.echoes[:0]
	if wait := time.Until(l.nextTry()); wait > 0 {
		b.router.alarm.after(wait, b.self)
	}
	b.runLane(d.lane)
}

// logAgain tells whether a step is to be carried out again, before the batches that come: what was done stands in a log
// that has ended, or nothing was done, since it takes a message out whose lease has gone. Then the event is logged by
// itself. Once is enough: a log that is of an ended epoch again has gone back to it, as from a backup.
func (b *bridge) logAgain(op *logOp, a *chatlog.Appended) bool {
	r, sub := op.append, b.subs.chats[op.chatID()]
	if r == nil || sub == nil || op.again || op.cancelled || len(r.Body) == 0 && r.Queue == nil || errors.Is(a.Err, chatlog.ErrFull) {
		return false
	}
	fenced, ended := errors.Is(a.Err, chatlog.ErrFenced), a.Position.Epoch < sub.epoch
	switch {
	case fenced && r.Done.Reason != "": // another instance says what becomes of it
		return false
	case !fenced && ended && r.Epoch != "":
		if r.Epoch < sub.epoch { // its chat enters it again, behind what comes before it
			a.Err, a.Position.Epoch = chatlog.ErrEpoch, sub.epoch
		}
		return false
	case !fenced && !ended:
		return false
	}
	b.router.metrics.Append(metrics.AppendAgain)
	if r.Done != nil {
		op.from.post(&messages.AppendResult{Request: r, Epoch: a.Position.Epoch, Fenced: fenced, Again: true}, b.mailbox.runner)
		op.append = &messages.AppendRequest{ChatId: r.ChatId, Key: r.Key, Aliases: r.Aliases, Body: r.Body}
	} else if sent := a.Outbox.Sent; r.Queue != nil && 0 < sent && sent < r.Queue.SentAt { // the lost queue had it from before
		op.append = proto.CloneOf(r)
		op.append.Queue.SentAt = sent
	}
	op.again = true
	return true
}

// passEchoes gives a chat the entries of its own that were heard and not answered.
func (b *bridge) passEchoes(l *lane, chatID string) {
	for _, h := range l.takeEchoes(chatID) {
		if sub := b.subs.chats[chatID]; sub != nil {
			b.router.send(sub.pid, &messages.Payload{Payload: h.payload})
		}
	}
}

func (b *bridge) answerAppend(op logOp, a *chatlog.Appended, since time.Time) {
	outcome, sub, anew := metrics.AppendNew, b.subs.chats[op.append.ChatId], errors.Is(a.Err, chatlog.ErrEpoch)
	switch {
	case a.Repeat:
		outcome = metrics.AppendRepeat
	case anew:
		outcome = metrics.AppendAgain
		if sub != nil {
			sub.told(a.Position.Epoch)
		}
	case sub != nil && a.Position.Offset > 0:
		sub.appended(wire.Position(a.Position))
	}
	if len(op.append.Body) > 0 {
		b.router.metrics.Append(outcome)
	}
	if op.append.Queue != nil || op.append.Done != nil {
		b.noteLease(op.append.ChatId, a.Outbox.Fence, a.Outbox.Left, since)
	}
	op.from.post(&messages.AppendResult{
		Request: op.append, Epoch: a.Position.Epoch, Offset: a.Position.Offset, Repeat: a.Repeat, Payload: a.Payload,
		Queued: a.Outbox.Queued, Fence: a.Outbox.Fence, Left: uint32(a.Outbox.Left),
		Fenced: errors.Is(a.Err, chatlog.ErrFenced), Full: errors.Is(a.Err, chatlog.ErrFull), Anew: anew, SentAt: a.Outbox.Sent,
	}, b.mailbox.runner)
}

func (b *bridge) answerLookUp(l *lookUp, e *chatlog.Entry) {
	answer := &lookedUp{save: l.save, refusal: l.refusal}
	if e != nil {
		answer.entry = &messages.Entry{Offset: e.Offset, Key: e.Key, Payload: e.Payload}
		if at, sealed := wire.SealedPosition(e.Payload); sealed {
			answer.epoch = at.Epoch
		}
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
	began := time.Now()
	b.router.outside(b.self, func() any {
		ctx, cancel := b.call()
		defer cancel()
		return &publishDone{batch, began, b.router.deps.Bus.Publish(ctx, batch)}
	}, func(err error) any { return &publishDone{batch, began, err} })
}

func (b *bridge) onPublishDone(d *publishDone) {
	b.publishing = false
	if d.err != nil {
		b.router.metrics.DropN(metrics.DropPublishFailed, len(d.sent))
	} else {
		for i := range d.sent {
			if sub := b.subs.chats[d.sent[i].ChatID]; sub != nil {
				sub.published(d.sent[i].Heard, d.began)
			}
		}
	}
	b.runPublish()
}

func (b *bridge) runReads() {
	for r, ok := b.reads.next(maxReads); ok; r, ok = b.reads.next(maxReads) {
		b.router.outside(b.self, func() any {
			ctx, cancel := b.call()
			defer cancel()
			return b.read(ctx, r)
		}, func(err error) any { return &readDone{read: r, err: err} })
	}
}

// read runs outside of Receive.
func (b *bridge) read(ctx context.Context, r read) *readDone {
	after := chatlog.Position{Epoch: r.request.Epoch, Offset: r.request.Offset}
	if r.request.UnnamedFor == "" {
		page, err := b.router.deps.Log.Read(ctx, r.request.ChatId, after, int(r.request.Max))
		return &readDone{r, page, err}
	}
	entries, err := b.router.deps.Outbox.Unnamed(ctx, r.request.ChatId, after, int(r.request.Max))
	return &readDone{r, chatlog.Page{Head: chatlog.Position{Epoch: after.Epoch}, Entries: entries}, err}
}

func (b *bridge) onReadDone(d *readDone) {
	b.reads.ended()
	r := d.read.request
	if sub := b.subs.chats[r.ChatId]; sub != nil && r.UnnamedFor == "" && !r.Reconcile && r.Connection == 0 { // else the chat takes no notice of it
		sub.told(d.page.Head.Epoch)
	}
	result := &messages.ReadResult{Request: r, Failed: d.err != nil, Gap: d.page.Gap, Epoch: d.page.Head.Epoch, Head: d.page.Head.Offset}
	for _, e := range d.page.Entries {
		result.Entries = append(result.Entries, &messages.Entry{Offset: e.Offset, Key: e.Key, Payload: e.Payload})
	}
	b.router.send(d.read.from, result)
	b.runReads()
}
