package outage

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"eclipse/internal/fakeapi"
	"eclipse/loadtest/internal/frames"
	"eclipse/loadtest/internal/host"
	"eclipse/loadtest/internal/plan"
	"eclipse/loadtest/internal/report"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newRun is a run without routers.
func newRun(chats int) *run {
	r := &run{
		id: 7, plan: plan.Plan{Chats: chats, Size: frames.MinSize}, cluster: &host.Cluster{Secret: "secret", Stored: fakeapi.New(fakeapi.Options{})},
		ledger: newLedger(6), faults: map[string]int64{}, ends: map[string]int64{},
	}
	for i := range chats {
		r.chats = append(r.chats, newChat(r, i))
	}
	r.ledger.begin(0)
	return r
}

// settled is the run's result.
func (r *run) settled() *report.Result {
	result := &report.Result{Outage: &report.Outage{Phases: make([]report.Phase, 6)}}
	r.settle(phases(time.Second), result)
	return result
}

func (r *run) tag(chat, sender int, seq uint32) frames.Frame {
	return frames.Frame{Tag: frames.Tag{Run: r.id, Chat: chat, Sender: sender, Seq: seq}, Tagged: true}
}

func message(f frames.Frame) frames.Frame { f.Type = frames.Message; return f }
func ack(f frames.Frame, stored bool) frames.Frame {
	f.Type, f.Stored = frames.Ack, stored
	return f
}
func refusal(f frames.Frame, code string, retryable bool) frames.Frame {
	f.Type, f.Code, f.Retryable = frames.Error, []byte(code), retryable
	return f
}

func TestAMessageFromTheFirstAckToTheLastDelivery(t *testing.T) {
	r := newRun(1)
	c := r.chats[0]
	c.say(time.Now()) // nobody is connected: it waits
	one := r.tag(0, 0, c.letters[0].first)
	c.hear(0, ack(one, false))
	if got := c.unanswered(0); len(got) != 1 {
		t.Errorf("an accepted message is sent again until it is stored; unanswered: %v", got)
	}
	c.hear(0, message(one))
	c.hear(0, ack(one, true))
	if len(c.unanswered(0)) != 0 || !c.underway() || c.storedAt().IsZero() {
		t.Error("it is stored, and on its way to the other member")
	}
	c.hear(0, ack(one, true)) // it was sent again
	c.hear(1, message(one))
	result := r.settled()
	if c.underway() || result.Verdict.Received != 2 || len(result.Verdict.Violations()) > 0 || result.Outage.Phases[0].Accepted != 1 || len(result.Errors) > 0 {
		t.Errorf("%+v", result)
	}
	if result.Outage.Unstored != 1 {
		t.Error("this API has stored nothing, and it was not noticed")
	}
}

func TestWhatGoesWrongIsCounted(t *testing.T) {
	r := newRun(4)
	c := r.chats[1]
	for range 6 {
		c.say(time.Now())
	}
	a, b := func(seq uint32) frames.Frame { return r.tag(1, 0, seq) }, func(seq uint32) frames.Frame { return r.tag(1, 1, seq) }
	c.hear(0, refusal(a(1), "OVERLOADED", true))
	c.hear(1, refusal(b(1), "API_REJECTED", false))
	for at := range 2 {
		c.hear(at, message(a(2)))
		c.hear(at, message(b(2)))
	}
	c.hear(1, message(b(2)))
	c.hear(0, ack(a(2), true))
	c.hear(0, frames.Frame{Type: frames.Error, Code: []byte("BAD_FRAME")})
	c.hear(0, frames.Frame{Type: frames.Failed})
	c.hear(0, message(r.tag(2, 0, 1)))
	c.hear(0, frames.Frame{Type: frames.Message})
	r.chats[3].hear(1, frames.Frame{Type: frames.TypingState, UserID: []byte("somebody")})

	result := r.settled()
	v, quiet := result.Verdict, result.Outage.Phases[0]
	if v.Sent != 6 || v.Refused != 2 || v.Lost != 4 || v.Duplicated != 1 || v.Misrouted != 1 || v.Unexpected != 2 || result.Unacked != 3 {
		t.Errorf("verdict %+v, %d unacked", v, result.Unacked)
	}
	if quiet.Lost != 4 || quiet.Duplicated != 1 || quiet.NotRetryable != 1 || quiet.Refused["OVERLOADED"] != 1 || quiet.Refused["API_REJECTED"] != 1 {
		t.Errorf("phase %+v", quiet)
	}
	if e := result.Errors; e["API_REJECTED"] != 1 || e["BAD_FRAME"] != 1 || e["message_failed"] != 1 || e["OVERLOADED"] != 0 {
		t.Errorf("errors %v", e)
	}
}

func TestTypingIsNotAcknowledged(t *testing.T) {
	r := newRun(4)
	c := r.chats[3]
	for range 3 {
		c.say(time.Now())
	}
	typing := func(on bool) frames.Frame {
		return frames.Frame{Type: frames.TypingState, UserID: []byte(c.members[0].user), On: on}
	}
	c.hear(1, typing(true))
	c.hear(1, typing(false))
	if len(c.unanswered(0)) > 0 || !c.underway() {
		t.Error("one is on its way, and none is sent again")
	}
	c.hear(1, typing(true))
	c.hear(1, typing(true))
	if result := r.settled(); result.Verdict.Received != 3 || result.Verdict.Duplicated != 1 || result.Unacked != 0 || result.Outage.Unstored != 0 {
		t.Errorf("%+v", result.Verdict)
	}
}

func TestRowsAreCountedPerMessage(t *testing.T) {
	row := func(run uint64, seq uint32) fakeapi.Row {
		return fakeapi.Row{Content: string(frames.Tag{Run: run, Seq: seq}.Append(nil)) + " words"}
	}
	got := rowsOf([]fakeapi.Row{row(7, 1), row(7, 1), row(7, 2), row(8, 1), {Content: "hello"}}, 7)
	if len(got) != 2 || got[frames.Tag{Run: 7, Seq: 1}] != 2 || got[frames.Tag{Run: 7, Seq: 2}] != 1 {
		t.Errorf("%v", got)
	}
}

func TestStoredAgain(t *testing.T) {
	r := newRun(8)
	down := phases(time.Second)[2] // the API is down: all chats but the typing ones
	over := r.over()
	if first, all := r.storedSince(down, over); first != nil || all != nil {
		t.Error("nothing was stored yet")
	}
	for _, c := range r.chats {
		if c.group.types() {
			continue
		}
		if _, all := r.storedSince(down, over); all != nil {
			t.Fatal("not all chats are back")
		}
		c.say(time.Now())
		c.hear(0, ack(r.tag(c.number, 0, 1), true))
	}
	first, all := r.storedSince(down, over)
	if first == nil || all == nil || *first > *all {
		t.Errorf("first %v, all %v", first, all)
	}
}

func TestPlansThatCannotBe(t *testing.T) {
	good := plan.Plan{Chats: 8, Sockets: 2, Rate: 8}
	if err := Check(good); err != nil {
		t.Error(err)
	}
	few, many, slow := good, good, good
	few.Chats, many.Sockets, slow.Rate = 7, 3, 1
	for _, p := range []plan.Plan{few, many, slow} {
		if Check(p) == nil {
			t.Errorf("%+v was taken", p)
		}
	}
}
