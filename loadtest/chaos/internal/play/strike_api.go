package play

import (
	"context"
	"time"

	"eclipse/internal/fakeapi"
	"eclipse/loadtest/chaos/internal/schedule"
)

var apiDeeds = map[schedule.Kind]deed{
	schedule.API500:         inject(fakeapi.Fault{Kind: fakeapi.Status, Status: 500}),
	schedule.API503:         inject(fakeapi.Fault{Kind: fakeapi.Status, Status: 503, RetryAfter: "1"}),
	schedule.API429:         inject(fakeapi.Fault{Kind: fakeapi.Status, Status: 429, RetryAfter: "1"}),
	schedule.API401:         inject(fakeapi.Fault{Kind: fakeapi.Status, Status: 401}),
	schedule.APIHang:        inject(fakeapi.Fault{Kind: fakeapi.Hang}),
	schedule.APISlow:        slow,
	schedule.APIDown:        measured,
	schedule.CommitHang:     inject(fakeapi.Fault{Kind: fakeapi.CommitThenHang, Every: 2}),
	schedule.CommitFail:     inject(fakeapi.Fault{Kind: fakeapi.CommitThenStatus, Status: 500, Every: 2}),
	schedule.HalfAnswer:     inject(fakeapi.Fault{Kind: fakeapi.HalfAnswer, Every: 2}),
	schedule.Reject:         reject,
	schedule.PublishLost:    inject(fakeapi.Fault{Kind: fakeapi.LosePublish, Every: 2}),
	schedule.PublishDoubled: inject(fakeapi.Fault{Kind: fakeapi.DoublePublish, Every: 2}),
	schedule.PublishSwapped: inject(fakeapi.Fault{Kind: fakeapi.LatePublish, Every: 3}),
}

func inject(fault fakeapi.Fault) deed {
	return func(p *play, ctx context.Context, f schedule.Fault) bool {
		defer p.world.API.Inject(fault)()
		pause(ctx, f.For)
		return false
	}
}

func slow(p *play, ctx context.Context, f schedule.Fault) bool {
	return inject(fakeapi.Fault{Kind: fakeapi.Slow, Delay: f.For / 3})(p, ctx, f)
}

func apiDown(p *play, ctx context.Context, f schedule.Fault) bool {
	err := p.world.APIDown(true)
	pause(ctx, f.For)
	if err == nil {
		err = p.world.APIDown(false)
	}
	if err != nil {
		p.wrong("%v", err)
	}
	return false
}

// outage is a longer apiDown, and how fast what had gathered was stored afterwards.
type outage struct {
	Arrival float64       `json:"arrival"` // messages per second, while the API was away
	Drain   float64       `json:"drain"`   // the same, stored from its return until nothing waited
	Backlog int           `json:"backlog"` // messages
	Took    time.Duration `json:"took"`
}

// Only an outage of some length tells something; what does not drain within a time does not drain.
const (
	leastOutage = 10 * time.Second
	mostDrain   = time.Minute
)

// measured is apiDown with a look at what it left.
func measured(p *play, ctx context.Context, f schedule.Fault) bool {
	stored, sent, began := p.world.API.Count(), p.sent(), time.Now()
	missed := apiDown(p, ctx, f)
	if f.For < leastOutage || missed {
		return missed
	}
	o := outage{Arrival: float64(p.sent()-sent) / time.Since(began).Seconds(), Backlog: p.sent() - stored}
	back := time.Now()
	p.wait(ctx, mostDrain, func() bool { return p.world.API.Count()-stored >= o.Backlog })
	o.Took = time.Since(back)
	o.Drain = float64(p.world.API.Count()-stored) / o.Took.Seconds()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.outages = append(p.outages, o)
	return false
}

// sent is how many messages the clients have sent so far.
func (p *play) sent() (n int) {
	for _, c := range p.clients {
		n += c.Status().Sent
	}
	return n
}

// reject has some clients say what the API refuses. It always refuses that, so a repeat hears the same.
func reject(p *play, ctx context.Context, f schedule.Fault) bool {
	p.door.Spoil(f.Share / 5)
	defer p.door.Spoil(0)
	pause(ctx, f.For)
	return false
}
