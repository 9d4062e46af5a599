package work

import "time"

func (w *worker) received(c *chat, a arrival) {
	if a.counts {
		w.meter.delivered(a.latency, a.metered)
	}
	if a.landed {
		w.again(c)
	}
}

func (w *worker) acknowledged(c *chat, stored bool, a arrival) {
	if a.counts {
		w.meter.acked(stored, a.latency, a.metered)
	}
	if a.landed {
		w.again(c)
	}
}

// again fills the window of a chat after a message has landed.
func (w *worker) again(c *chat) {
	loop := w.closed.Load()
	if now := time.Now(); loop != nil && now.Before(loop.until.Add(handover)) {
		c.say(now, loop.measured)
	}
}

// handover is how long windows stay open after a stretch, so that the next one finds them so; a drain closes them.
const handover = time.Second

// refusedPause keeps a closed loop from spinning against a server that refuses.
const refusedPause = 100 * time.Millisecond

// later fills the window of a chat after a message was refused.
func (w *worker) later(c *chat) {
	if w.closed.Load() != nil {
		time.AfterFunc(refusedPause, func() { w.again(c) })
	}
}
