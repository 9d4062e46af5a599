package inside

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"eclipse/loadtest/internal/host"
	"eclipse/loadtest/internal/plan"
	"eclipse/loadtest/internal/report"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEveryPartIsMeasuredAndChecked(t *testing.T) {
	p := plan.Plan{Chats: 30, Sockets: 2, Senders: 1, V1: true, Size: 100, Window: 16, Warmup: 20 * time.Millisecond, Duration: 50 * time.Millisecond}
	small := sizes{typingChats: 5, typingSockets: 4, messages: []int{2, 20}}
	r, err := start(t.Context(), p, small, t.TempDir()+"/profile", &report.Progress{})
	if err != nil {
		t.Fatal(err)
	}
	if problems := r.Problems(false); len(problems) > 0 || r.Verdict.Sent < 30 || r.Verdict.Received != r.Verdict.Expected {
		t.Errorf("%q, %+v", problems, r.Verdict)
	}
	a := r.Actors
	if len(a.Parts) != 3 || a.Spawned != 90 || len(a.Memory) != 3 || a.Spoken.RSSBytes == 0 || a.CostRatio <= 0 || a.Generator.Sent == 0 {
		t.Errorf("%+v", a)
	}
	typing, messages := a.Parts[0], a.Parts[2]
	if typing.Sockets != 4 || typing.Delivered != 3*typing.Sent || messages.Chats != 20 || messages.Delivered != 2*messages.Sent {
		t.Errorf("%+v", a.Parts)
	}
}

// A session that hands nothing on is a router that loses everything.
func TestALossIsFound(t *testing.T) {
	p := yardstick(2, 3)
	p.chats[1].sessions[0] = &direct{sockets: p.chats[1].sockets[2:]} // the first two sockets get nothing
	d := drive{window: 4, length: 20 * time.Millisecond, size: 100, self: host.Self()}
	r := &run{}
	part, err := d.run(shortly(t), p, "planted")
	r.judge(part)
	if err == nil || r.verdict.Lost == 0 || r.verdict.Duplicated != 0 {
		t.Errorf("%v, %+v", err, r.verdict)
	}
}

// shortly ends soon, so that nobody waits long for what never comes.
func shortly(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}
