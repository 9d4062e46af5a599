package gateway

import (
	"math"
	"time"

	"golang.org/x/time/rate"
)

const (
	burstSeconds = 4 // the burst, in seconds of the rate
	floodBursts  = 5 // refusals, in bursts, that end a socket
)

// verdict on one frame.
type verdict uint8

const (
	inTime  verdict = iota
	tooFast         // refuse this frame
	flood           // refuse this peer
)

// throttle holds one peer to its rate, over data and control frames alike. A refusal adds one to what is held against the peer and
// an accepted frame takes one off, so a peer that keeps sending at more than twice its rate ends as a flood, and a
// burst is forgiven. Used by the reader only.
type throttle struct {
	limiter *rate.Limiter // nil = no limit
	against int
}

func newThrottle(perSecond float64) throttle {
	if perSecond <= 0 {
		return throttle{}
	}
	burst := max(1, int(math.Ceil(perSecond*burstSeconds)))
	return throttle{limiter: rate.NewLimiter(rate.Limit(perSecond), burst)}
}

// take counts one frame. When it came too fast the duration says when the next will be in time.
func (t *throttle) take() (time.Duration, verdict) {
	if t.limiter == nil {
		return 0, inTime
	}
	now := time.Now()
	if t.limiter.AllowN(now, 1) {
		t.against = max(0, t.against-1)
		return 0, inTime
	}
	if t.against++; t.against > floodBursts*t.limiter.Burst() {
		return 0, flood
	}
	missing := 1 - t.limiter.TokensAt(now)
	return time.Duration(missing / float64(t.limiter.Limit()) * float64(time.Second)), tooFast
}
