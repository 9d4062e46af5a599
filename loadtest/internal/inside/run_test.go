package inside

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"eclipse/internal/wire"
	"eclipse/loadtest/internal/check"
	"eclipse/loadtest/internal/host"
	"eclipse/loadtest/internal/pace"
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

// answers is a session that does as it likes with each message.
type answers struct {
	direct
	do func(*direct)
}

func (a *answers) Handle(wire.ClientFrame) { a.do(&a.direct) }

// play has one message sent into a chat of two whose session does as it likes, and judges.
func play(t *testing.T, do func(*direct)) *run {
	p := yardstick(1, 2)
	p.chats[0].sessions[0] = &answers{direct{sockets: p.chats[0].sockets}, do}
	r := &run{}
	part, err := drive{window: 4, once: true, size: 100, self: host.Self()}.run(t.Context(), p, "planted")
	if r.judge(part); err != nil || part.Sent != 1 {
		t.Errorf("%v, %+v", err, part)
	}
	return r
}

func TestALateRepeatIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := play(t, func(d *direct) {
			d.Handle(wire.ClientFrame{Kind: wire.KindMessage})
			time.AfterFunc(pace.Echo/2, func() { d.sockets[1].AppendText(nil, yardPayload) })
		})
		if want := (check.Verdict{Sent: 1, Expected: 2, Received: 2, Duplicated: 1}); r.verdict != want {
			t.Errorf("%+v", r.verdict)
		}
	})
}

func TestARefusalIsJudged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		r := play(t, func(d *direct) { d.sockets[0].AppendText(nil, []byte(`{"type":"error","code":"OVERLOADED"}`)) })
		if want := (check.Verdict{Sent: 1, Refused: 1}); r.verdict != want {
			t.Errorf("%+v", r.verdict)
		}
		if took := time.Since(start); took > patience+time.Second {
			t.Errorf("waited %v for what never lands", took)
		}
	})
}

// shortly ends soon, so that nobody waits long for what never comes.
func shortly(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}
