package scenario

import (
	"context"
	"time"

	"eclipse/loadtest/internal/plan"
)

// Scenario is one kind of load.
type Scenario struct {
	Name    string
	Summary string
	Plan    plan.Plan                           // defaults
	Play    func(context.Context, *Stage) error // nil: it needs more than one server, see package outage
}

// common is what the defaults share.
func common(p plan.Plan) plan.Plan {
	p.Size = 100
	p.Warmup, p.Duration, p.Patience = 2*time.Second, 10*time.Second, 10*time.Second
	p.Settle = 2 * time.Second
	return p
}

// outages last longer than what a router waits for an API that hangs, and than its patience with a message.
func outages(p plan.Plan) plan.Plan {
	p.Duration, p.Patience = 30*time.Second, time.Minute
	return p
}

// All lists the scenarios in the order in which the help shows them.
func All() []Scenario {
	return []Scenario{
		{"chat", "visitor and agent of each chat take turns; both receive each message, the sender an ack",
			common(plan.Plan{Chats: 100, Sockets: 2, Senders: 2, V1: true, Rate: 500, Window: 1}), traffic},
		{"routing", "typing from one socket to one other, which is routed and not stored",
			common(plan.Plan{Chats: 1000, Sockets: 2, Senders: 1, Typing: true, Rate: 4000, Window: 1}), traffic},
		{"fanout", "one sender and many listeners in a chat",
			common(plan.Plan{Chats: 1, Sockets: 1001, Senders: 1, Rate: 50, Window: 1}), traffic},
		{"idle", "opens sockets step by step; each speaks once, then all hold still: memory per socket",
			common(plan.Plan{Chats: 7500, Sockets: 2, Senders: 2, Rate: 1000, Hold: 20 * time.Second}), idle},
		{"storm", "opens sockets as fast as the server takes them: processor time to accept",
			common(plan.Plan{Chats: 5000, Sockets: 2}), storm},
		{"outage", "two routers lose the API, Redis and one of them while chats talk: what the others notice, and the return",
			outages(common(plan.Plan{Chats: 320, Sockets: 2, Senders: 2, V1: true, Rate: 320, Window: 1})), nil},
	}
}

// ByName finds a scenario.
func ByName(name string) (Scenario, bool) {
	for _, s := range All() {
		if s.Name == name {
			return s, true
		}
	}
	return Scenario{}, false
}

// traffic opens every socket, sends a while to warm up, and measures while it goes on sending.
func traffic(ctx context.Context, s *Stage) error {
	if err := s.Open(ctx, s.Plan.Chats); err != nil {
		return err
	}
	if s.Plan.Warmup > 0 {
		if err := s.Talk(ctx, Stretch{For: s.Plan.Warmup}); err != nil {
			return err
		}
	}
	if err := s.Measure(ctx, s.Plan.Duration); err != nil {
		return err
	}
	return s.Drain(ctx)
}

// idle reads the server's memory with more and more sockets open, then its processor time while nothing happens.
func idle(ctx context.Context, s *Stage) error {
	steps := s.Plan.Steps
	if len(steps) == 0 {
		steps = thirds(s.Plan.Total())
	}
	open := 0
	for _, sockets := range steps {
		chats := sockets/s.Plan.Sockets - open
		if err := s.Open(ctx, chats); err != nil {
			return err
		}
		open += chats
		if err := s.Talk(ctx, Stretch{Once: true}); err != nil {
			return err
		}
		if err := s.Drain(ctx); err != nil {
			return err
		}
		if err := s.Weigh(ctx); err != nil {
			return err
		}
	}
	return s.Hold(ctx)
}

// thirds is three steps of equal height.
func thirds(total int) []int {
	var steps []int
	for i := 1; i <= 3; i++ {
		if n := total * i / 3; n > 0 && (len(steps) == 0 || n > steps[len(steps)-1]) {
			steps = append(steps, n)
		}
	}
	return steps
}

// storm opens every socket at once. That the sockets work is seen by the connected frame of each.
func storm(ctx context.Context, s *Stage) error {
	return s.Open(ctx, s.Plan.Chats)
}
