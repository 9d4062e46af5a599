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
	Plan    plan.Plan // defaults
	Kind    Kind
	Play    func(context.Context, *Stage) error // OnServer and Scale only
}

// Kind is what a scenario runs on.
type Kind uint8

const (
	OnServer Kind = iota // one server, which may be one that runs already
	Scale                // several routers on one Redis, once for each number of them
	Outage               // two routers whose surroundings fail, see package outage
	Actors               // no server at all, see package inside
)

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

// days last long enough for the router's memory to show a course, and for it to settle afterwards.
func days(p plan.Plan) plan.Plan {
	p.Duration, p.Hold = time.Minute, 20*time.Second
	return p
}

// bare actors need no long measuring.
func bare(p plan.Plan) plan.Plan {
	p.Warmup, p.Duration = time.Second, 3*time.Second
	return p
}

// All lists the scenarios in the order in which the help shows them.
func All() []Scenario {
	return []Scenario{
		{"chat", "visitor and agent of each chat take turns; both receive each message, the sender an ack",
			common(plan.Plan{Chats: 100, Sockets: 2, Senders: 2, V1: true, Rate: 500, Window: 1}), OnServer, traffic},
		{"routing", "typing from one socket to one other, which is routed and not stored",
			common(plan.Plan{Chats: 1000, Sockets: 2, Senders: 1, Typing: true, Rate: 4000, Window: 1}), OnServer, traffic},
		{"fanout", "one sender and many listeners in a chat",
			common(plan.Plan{Chats: 1, Sockets: 1001, Senders: 1, Rate: 50, Window: 1}), OnServer, traffic},
		{"idle", "opens sockets step by step; each speaks once, then all hold still: memory per socket",
			common(plan.Plan{Chats: 7500, Sockets: 2, Senders: 2, Rate: 1000, Hold: 20 * time.Second}), OnServer, idle},
		{"storm", "opens sockets as fast as the server takes them: processor time to accept",
			common(plan.Plan{Chats: 5000, Sockets: 2}), OnServer, storm},
		{"outage", "two routers lose the API, Redis and one of them while chats talk: what the others notice, and the return",
			outages(common(plan.Plan{Chats: 320, Sockets: 2, Senders: 2, V1: true, Rate: 320, Window: 1})), Outage, nil},
		{"scale", "-instances routers on one Redis, chats and rate for each of them; the sockets of a chat are on different routers",
			common(plan.Plan{Chats: 100, Sockets: 2, Senders: 2, V1: true, Rate: 100, Window: 1, Instances: []int{1, 2, 4, 8}}), Scale, traffic},
		{"reconnect", "in the middle of traffic all sockets drop, at once or over -spread, and come back with resume",
			common(plan.Plan{Chats: 500, Sockets: 2, Senders: 2, V1: true, Rate: 250, Share: 1}), OnServer, reconnect},
		{"day", "many chats with a message a minute, some busy ones, typing (not checked), some reconnects; then memory beside what it was before",
			days(common(plan.Plan{Chats: 2000, Sockets: 2, Senders: 2, V1: true, Rate: 34, Busy: 20, BusyRate: 40, Share: 0.05})), OnServer, day},
		{"actors", "no sockets, no server: what the actors can do in this process, memory of -chats chats of two",
			bare(common(plan.Plan{Chats: 200_000, Sockets: 2, Senders: 1, V1: true, Window: 1024})), Actors, nil},
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
