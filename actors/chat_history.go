package actors

import (
	"time"

	"eclipse/actors/messages"
	"eclipse/internal/chatlog"
	"eclipse/internal/wire"
)

// A publish of the API that Redis lost leaves no trace there. So the API, where it offers that, is asked what it has
// stored after the last message known here: when the chat begins to listen, and with each comparison of heads.

// history is what a chat knows of the API's own.
type history struct {
	last   string // id of the last message that the API told, or that the log had
	lost   bool   // the API does not have what the log had last, such as one that was shown and then refused
	asking bool
	idle   int           // rounds in a row that brought nothing and in which nothing was delivered
	at     wire.Position // of the chat in the last round
}

const (
	// historySettles is how old a message must be to be missed: a younger one may be on its way into the log.
	historySettles = 5 * time.Second
	// historyReach is how old one may be: of an older one the log may have forgotten that it had it, and it would come again.
	historyReach = chatlog.KeyAge - time.Hour
	// After historyIdle rounds without anything new a chat takes part in one round of historyRest only: the first after
	// an event may come before what was lost behind it has settled. Ten thousand quiet chats are no load for the API so.
	historyIdle = 2
	historyRest = 10
	// historyTail is among how many of the log's last entries its last message is looked for; while these are all younger
	// than historyBusy, among readMax.
	historyTail = 20
	historyBusy = time.Minute
)

// reconcile asks the API what it has stored that the log may lack.
func (c *chat) reconcile() {
	if !c.ready || len(c.members) == 0 || c.router.noHistory.Load() > time.Now().Unix() {
		return
	}
	if c.history == nil {
		c.history = &history{}
	}
	if h := c.history; h.asking || !h.due(c.sequence.position()) {
		return
	}
	c.history.asking = true
	if c.history.last == "" && c.sequence.last > 0 && !c.history.lost { // what the log has is where the question begins
		c.readTail(historyTail)
		return
	}
	c.askHistory()
}

func (c *chat) readTail(entries uint64) {
	c.router.bridge.request(&messages.ReadRequest{
		ChatId: c.id, Epoch: c.sequence.epoch, Offset: c.sequence.last - min(c.sequence.last, entries), Max: uint32(entries), Reconcile: true,
	}, c.self)
}

// due tells whether this round is one of the chat's.
func (h *history) due(at wire.Position) bool {
	if at != h.at {
		h.at, h.idle = at, 0
	}
	h.idle++
	return h.idle <= historyIdle || h.idle%historyRest == 0
}

func (c *chat) askHistory() {
	c.router.persistence.request(&reconcile{c.id, c.history.last}, c.self)
}

// onTail takes the log's last entries. The question begins after the first message among them, so that one is found
// as well which was lost before the last; in a busy chat after the last one that is older than a minute.
func (c *chat) onTail(r *messages.ReadResult) {
	if r.Failed {
		c.history.asking = false
		return
	}
	further, young := r.Request.Max > historyTail, time.Now().Add(-historyBusy)
	old := func(e *messages.Entry) bool {
		made, known := wire.MadeAt(e.Payload)
		return !known || made.Before(young)
	}
	for i, e := range r.Entries {
		p, err := wire.ParsePayload(e.Payload, c.id)
		if err != nil || p.Type != wire.TypeMessage || p.MessageID == "" {
			continue
		}
		if i == 0 && !further && r.Request.Offset > 0 && !old(e) {
			c.readTail(readMax)
			return
		}
		if c.history.last == "" || further && old(e) {
			c.history.last = p.MessageID
		}
		if r.Epoch == c.sequence.epoch && e.Offset <= c.sequence.last {
			c.recent.put(p.Key, e.Offset)
		}
	}
	c.askHistory()
}

// onReconciled logs what the log lacks, in the API's order. Without a message to begin after, the latest one is where
// the next round begins.
func (c *chat) onReconciled(r *reconciled) {
	h := c.history
	if h.asking = false; r.after != h.last || r.failed { // then the next round asks for the same
		return
	}
	if !r.known {
		h.last, h.lost = "", true // the next round begins after the API's latest
		return
	}
	for _, row := range r.rows {
		age := time.Since(row.CreatedAt)
		if age < historySettles {
			break
		}
		if h.last = row.ID; r.after != "" && age < historyReach {
			c.regain(row.Data)
		}
	}
	if len(r.rows) == historyPage && h.last == r.rows[len(r.rows)-1].ID {
		h.asking = true
		c.askHistory()
	}
}

// regain logs a message of the API, unless it is known.
func (c *chat) regain(data []byte) {
	stored, err := wire.MessageBody(c.id, data, "", time.Now())
	if err != nil {
		return
	}
	if _, known := c.recent.get(stored.Key); known || c.appends.find(stored.Key) != nil || c.router.logFull() {
		return
	}
	c.append(&pendingAppend{key: stored.Key, body: stored.Body, regained: true})
}
