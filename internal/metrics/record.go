package metrics

import "time"

// FrameIn counts one frame from a client. kind is the wire format's number, or KindInvalid.
func (m *Metrics) FrameIn(kind uint8, refused bool) {
	var outcome uint8
	if refused {
		outcome = 1
	}
	m.framesIn.inc(kind, outcome)
}

// FrameOut counts n frames queued for sockets. class is the wire format's number.
func (m *Metrics) FrameOut(class uint8, n int) { m.framesOut.add(class, n) }

// Drop counts one thing that was discarded in silence.
func (m *Metrics) Drop(reason DropReason) { m.drops.add(reason, 1) }

// DropN counts n things that were discarded in silence.
func (m *Metrics) DropN(reason DropReason, n int) { m.drops.add(reason, n) }

// Refuse counts one error frame. code is one of the documented error codes.
func (m *Metrics) Refuse(code string) {
	c, known := m.refusals[code]
	if !known {
		c = m.refusals[other]
	}
	c.Inc()
}

// Close counts one socket that was closed with this code.
func (m *Metrics) Close(code int) {
	c, known := m.closes[code]
	if !known {
		c = m.closes[0]
	}
	c.Inc()
}

// Upgrade counts one request to open a socket.
func (m *Metrics) Upgrade(outcome UpgradeOutcome) { m.upgrades.add(outcome, 1) }

// BadToken counts one refused token.
func (m *Metrics) BadToken(fault TokenFault) { m.badTokens.add(fault, 1) }

// Panic counts one panic that supervision caught.
func (m *Metrics) Panic(actor Actor) { m.panics.add(actor, 1) }

// APICall counts one call of the API and how long it took. outcome is the API client's number; for a batch, that of
// the call as a whole.
func (m *Metrics) APICall(route Route, outcome uint8, took time.Duration) {
	m.apiCalls.inc(uint8(route), outcome)
	i := min(int(route), len(m.apiLatency)-1)
	m.apiLatency[i].Observe(took.Seconds())
}

// APIRetry counts n messages that are tried again. outcome is the API client's number for what came back before.
func (m *Metrics) APIRetry(outcome uint8, n int) { m.apiRetries.add(outcome, n) }

// Append counts one append to the log.
func (m *Metrics) Append(outcome AppendOutcome) { m.appends.add(outcome, 1) }

// RedisUp tells whether a link to Redis works.
func (m *Metrics) RedisUp(link Link, up bool) {
	if int(link) >= len(m.redisUp) {
		return
	}
	var value float64
	if up {
		value = 1
	}
	m.redisUp[link].Set(value)
}

// Version tells the version that runs.
func (m *Metrics) Version(version string) {
	m.build.Reset()
	m.build.WithLabelValues(version).Set(1)
}
