package plan

import (
	"math"
	"strings"
	"testing"
	"time"
)

func good() Plan {
	return Plan{Scenario: "chat", Chats: 10, Sockets: 2, Senders: 2, Size: 100, Rate: 100, Duration: time.Second, Patience: time.Second}
}

func TestValidateReportsEveryFault(t *testing.T) {
	p := good()
	p.Chats, p.Senders, p.Size, p.Rate, p.Steps, p.Hold = 0, 3, 5, -1, []int{4, 4}, -1
	err := p.Validate()
	if err == nil {
		t.Fatal("no error")
	}
	if n := strings.Count(err.Error(), "\n") + 1; n != 6 {
		t.Errorf("%d faults told:\n%v", n, err)
	}
}

// A plan that would never end, send nothing, or fail whatever the server does is refused with what to do instead.
func TestWhatIsNoPlan(t *testing.T) {
	returns := func(p *Plan) { p.Scenario, p.Share, p.V1 = "reconnect", 1, true }
	day := func(p *Plan) { p.Scenario, p.Busy, p.BusyRate = "day", 2, 40 }
	tests := []struct {
		name  string
		spoil func(p *Plan)
		want  string // part of the error, "" = it is one
	}{
		{"good", func(*Plan) {}, ""},
		{"no sockets", func(p *Plan) { p.Sockets, p.Senders, p.Steps = 0, 0, []int{4} }, "at least one socket"},
		{"nobody sends", func(p *Plan) { p.Senders = 0 }, "at least one sender"},
		{"nobody sends in a closed loop", func(p *Plan) { p.Senders, p.Rate = 0, 0 }, "at least one sender"},
		{"idle without senders", func(p *Plan) { p.Scenario, p.Senders, p.Patience, p.Duration = "idle", 0, 0, 0 }, ""},
		{"storm", func(p *Plan) { p.Scenario, p.Senders, p.Rate, p.Patience, p.Duration = "storm", 0, 0, 0, 0 }, ""},
		{"idle without a rate", func(p *Plan) { p.Scenario, p.Rate, p.Window = "idle", 0, 1 }, "needs a rate"},
		{"no duration", func(p *Plan) { p.Duration = 0 }, "duration above 0"},
		{"no duration in a closed loop", func(p *Plan) { p.Duration, p.Rate, p.Window = 0, 0, 1 }, "duration above 0"},
		{"no patience", func(p *Plan) { p.Patience = 0 }, "patience above 0"},
		{"no warm-up", func(p *Plan) { p.Warmup = 0 }, ""},
		{"negative warm-up", func(p *Plan) { p.Warmup = -1 }, "negative"},
		{"negative spread", func(p *Plan) { p.Spread = -1 }, "negative"},
		{"endless rate", func(p *Plan) { p.Rate = math.Inf(1) }, "the rate"},
		{"no number", func(p *Plan) { p.Rate = math.NaN() }, "the rate"},
		{"a message a day", func(p *Plan) { p.Rate = 1.0 / 86400 }, "the rate"},
		{"no window", func(p *Plan) { p.Rate = 0 }, "window"},
		{"busy at no rate", func(p *Plan) { day(p); p.BusyRate = 0 }, "have no busy chats"},
		{"busy at no number", func(p *Plan) { day(p); p.BusyRate = math.NaN() }, "rate of the busy chats"},
		{"nobody busy", func(p *Plan) { day(p); p.Busy, p.BusyRate = 0, 0 }, ""},
		{"all busy", func(p *Plan) { day(p); p.Busy = 10 }, "more chats"},
		{"fewer than none busy", func(p *Plan) { day(p); p.Busy = -1 }, "busy chats"},
		{"busy in a closed loop", func(p *Plan) { day(p); p.Rate, p.Window = 0, 1 }, "give a rate"},
		{"typing to nobody", func(p *Plan) { p.Typing, p.Sockets, p.Senders = true, 1, 1 }, "see it"},
		{"a typist's pause below the server's", func(p *Plan) { p.Typing, p.Senders, p.Chats = true, 1, 400 }, ""},
		{"a typist's pause of 6 s", func(p *Plan) { p.Typing, p.Senders, p.Chats = true, 1, 600 }, "raise the rate"},
		{"all drop", returns, ""},
		{"old clients drop", func(p *Plan) { returns(p); p.V1 = false }, "clientMessageId"},
		{"a closed loop drops", func(p *Plan) { returns(p); p.Rate, p.Window = 0, 1 }, "open loop"},
		{"more than all drop", func(p *Plan) { returns(p); p.Share = 1.5 }, "0 to 1"},
		{"nobody drops", func(p *Plan) { returns(p); p.Share = 0 }, "raise the share"},
		{"half a socket drops", func(p *Plan) { returns(p); p.Share = 0.025 }, "raise the share"},
		{"drops to the end", func(p *Plan) { returns(p); p.Spread = time.Second }, ""},
		{"drops behind the end", func(p *Plan) { returns(p); p.Spread = 2 * time.Second }, "spread of 2s"},
		{"steps", func(p *Plan) { p.Steps = []int{2, 6} }, ""},
		{"half a chat", func(p *Plan) { p.Steps = []int{4, 5} }, "multiples of 2"},
		{"steps down", func(p *Plan) { p.Steps = []int{4, 2} }, "ascend"},
		{"fewer instances", func(p *Plan) { p.Instances = []int{2, 1} }, "ascend"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := good()
			tt.spoil(&p)
			switch err := p.Validate(); {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("%v; want %q", err, tt.want)
			}
		})
	}
}

func TestSharesCoverEverythingOnce(t *testing.T) {
	for n := range 30 {
		for procs := 1; procs <= 7; procs++ {
			next := 0
			for i := range procs {
				first, size := Share(n, i, procs)
				if first != next || size < n/procs || size > n/procs+1 {
					t.Fatalf("Share(%d, %d, %d) = %d, %d after %d", n, i, procs, first, size, next)
				}
				next += size
			}
			if next != n {
				t.Fatalf("%d of %d shared", next, n)
			}
		}
	}
}
