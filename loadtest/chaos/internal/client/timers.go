package client

import (
	"math/rand/v2"
	"time"
)

// Timers of a client. Those of the browser client are Browser().
type Timers struct {
	Handshake   time.Duration // from dialling to `connected`
	Quiet       time.Duration // nothing heard for so long: ping
	Pong        time.Duration // and nothing for so long after it: the connection is dead
	Ack         time.Duration // no answer to a message for so long: send it again
	Stored      time.Duration // accepted and not heard of for so long: ask after it
	Resume      time.Duration // no answer to a resume for so long: load the history
	Stable      time.Duration // open for so long: the backoff begins anew
	Backoff     time.Duration // first step of coming back
	BackoffMost time.Duration
	Resend      time.Duration // first step of sending again after a refusal that may pass
	ResendMost  time.Duration
}

// Browser are the timers of the browser client.
func Browser() Timers {
	return Timers{
		Handshake: 10 * time.Second, Quiet: 25 * time.Second, Pong: 8 * time.Second, Ack: 15 * time.Second,
		Stored: time.Minute, Resume: 5 * time.Second, Stable: 5 * time.Second, Backoff: time.Second, BackoffMost: 30 * time.Second,
		Resend: 500 * time.Millisecond, ResendMost: 30 * time.Second,
	}
}

// Scaled are timers that are factor times shorter.
func (t Timers) Scaled(factor float64) Timers {
	for _, d := range []*time.Duration{
		&t.Handshake, &t.Quiet, &t.Pong, &t.Ack, &t.Stored, &t.Resume, &t.Stable, &t.Backoff, &t.BackoffMost, &t.Resend, &t.ResendMost,
	} {
		*d = time.Duration(float64(*d) / factor)
	}
	return t
}

// backoff waits anything from nothing to the cap of this attempt, so that clients do not come back together.
func backoff(random *rand.Rand, attempt int, base, most time.Duration) time.Duration {
	ceiling := min(most, base<<min(attempt, 16))
	return time.Duration(random.Float64() * float64(ceiling))
}
