package plan

import (
	"strings"
	"testing"
	"time"
)

func good() Plan {
	return Plan{Chats: 10, Sockets: 2, Senders: 2, Size: 100, Rate: 100, Duration: time.Second}
}

func TestValidateReportsEveryFault(t *testing.T) {
	if err := good().Validate(); err != nil {
		t.Fatal(err)
	}
	p := good()
	p.Chats, p.Senders, p.Size, p.Rate, p.Steps, p.Hold = 0, 3, 5, -1, []int{4, 4}, -1
	err := p.Validate()
	if err == nil {
		t.Fatal("no error")
	}
	if n := strings.Count(err.Error(), "\n") + 1; n != 7 {
		t.Errorf("%d faults told:\n%v", n, err)
	}
}

func TestATypistMayNotPauseSoLongThatTheServerEndsItsTyping(t *testing.T) {
	p := good()
	p.Typing, p.Senders, p.Chats = true, 1, 600
	if err := p.Validate(); err == nil {
		t.Error("600 chats at 100/s: 6 s between two frames of a typist")
	}
	p.Chats = 400
	if err := p.Validate(); err != nil {
		t.Error(err)
	}
}

func TestSocketsThatDropNeedClientsThatComeBack(t *testing.T) {
	p := good()
	p.Share = 1
	if p.Validate() == nil {
		t.Error("without clientMessageId a message that is said again is another message")
	}
	p.V1 = true
	if err := p.Validate(); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(p *Plan){
		"closed loop": func(p *Plan) { p.Rate, p.Window = 0, 1 }, "share": func(p *Plan) { p.Share = 1.5 }, "spread": func(p *Plan) { p.Spread = -1 },
		"all busy": func(p *Plan) { p.Busy = 10 }, "descending": func(p *Plan) { p.Instances = []int{2, 1} },
	} {
		bad := p
		if spoil(&bad); bad.Validate() == nil {
			t.Errorf("%s was taken", name)
		}
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
