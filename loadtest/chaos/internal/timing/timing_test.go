package timing

import (
	"slices"
	"testing"
	"time"

	"eclipse/loadtest/chaos/internal/verify"
)

const s = time.Second

// ev is an event of epoch 1.
func ev(at time.Duration, kind verify.Kind, offset uint32) verify.Event {
	return verify.Event{At: at, Kind: kind, Epoch: 1, Offset: offset}
}

// moved is a client of instance 0 that had all up to 10, went at 5 s, was greeted by instance 1 at 6 s and had what it
// missed at 7 s; stayed was at instance 1 all the time.
func moved(code int16) *verify.Client {
	opened, closed := ev(6*s, verify.Opened, 12), ev(5*s, verify.Closed, 0)
	opened.Instance, closed.Code = 1, code
	return &verify.Client{Events: []verify.Event{
		ev(0, verify.Opened, 0), ev(1*s, verify.Shown, 10), closed, opened, ev(6500*time.Millisecond, verify.Shown, 11), ev(7*s, verify.Shown, 12),
	}}
}

func stayed() *verify.Client {
	opened := ev(0, verify.Opened, 0)
	opened.Instance = 1
	return &verify.Client{Sender: 1, Events: []verify.Event{
		opened, ev(1*s, verify.Shown, 10), ev(4*s, verify.Shown, 12), ev(9*s, verify.Shown, 13),
	}}
}

func TestQuantiles(t *testing.T) {
	spread := Spread{3, 1, 2, 4}
	if spread.At(0) != 1 || spread.At(0.5) != 3 || spread.At(1) != 4 || (Spread)(nil).At(0.5) != 0 {
		t.Error("wrong")
	}
}

func TestIncidentsApart(t *testing.T) {
	a, b, c := Incident{Began: 10 * s, Ended: 11 * s}, Incident{Began: 14 * s, Ended: 15 * s}, Incident{Began: 40 * s, Ended: 41 * s}
	all := []Incident{a, b, c}
	if got := Apart(all, all, 2*s, 5*s); !slices.Equal(got, []Incident{b, c}) {
		t.Errorf("%v", got)
	}
}

func TestFromAKillToCaughtUp(t *testing.T) {
	kill := []Incident{{Instance: 0, Began: 5 * s, Ended: 6 * s}}
	if got := CatchUp([]*verify.Client{moved(1006), stayed()}, kill); !slices.Equal(got, Spread{2 * s}) {
		t.Errorf("%v", got)
	}
}

func TestReturnsFromAPlannedRestart(t *testing.T) {
	restart := []Incident{{Instance: 0, Began: 4 * s, Ended: 6 * s}}
	if took, abnormal := Returns([]*verify.Client{moved(1012), stayed()}, restart); !slices.Equal(took, Spread{1 * s}) || abnormal != 0 {
		t.Errorf("%v, %d abnormal", took, abnormal)
	}
	if took, abnormal := Returns([]*verify.Client{moved(1006)}, restart); len(took) != 0 || abnormal != 1 {
		t.Errorf("%v, %d abnormal", took, abnormal)
	}
}

func TestFromComingBackToAllThatWasMissed(t *testing.T) {
	away := []Incident{{Instance: -1, Began: 4 * s, Ended: 10 * s}}
	if got := Returned([]*verify.Client{moved(0), stayed()}, away, 500*time.Millisecond); !slices.Equal(got, Spread{1500 * time.Millisecond}) {
		t.Errorf("%v", got)
	}
}

func TestWhatWaitedInTheOutbox(t *testing.T) {
	sender := &verify.Client{Events: []verify.Event{
		{At: 0, Kind: verify.Opened}, {At: 1 * s, Kind: verify.Accepted, Number: 1}, {At: 2 * s, Kind: verify.Accepted, Number: 2},
		{At: 3 * s, Kind: verify.Stored, Number: 1}, {At: 9 * s, Kind: verify.Stored, Number: 2},
	}}
	reader := &verify.Client{Sender: 1, Events: []verify.Event{{At: 8 * s, Kind: verify.Shown, Number: 2}}}
	kill := []Incident{{Instance: 0, Began: 5 * s, Ended: 6 * s}}
	if got := Waited([]*verify.Client{sender, reader}, kill, nil); !slices.Equal(got, Spread{3 * s}) {
		t.Errorf("%v", got)
	}
	outages := []Incident{{Began: 1 * s, Ended: 2 * s}, {Began: 4 * s, Ended: 7 * s}}
	if got := Waited([]*verify.Client{sender, reader}, kill, outages); !slices.Equal(got, Spread{1 * s}) {
		t.Errorf("with an outage: %v", got)
	}
}

func TestHoles(t *testing.T) {
	reader := &verify.Client{Events: []verify.Event{ev(0, verify.Opened, 0), ev(3*s, verify.Shown, 5), ev(4*s, verify.Shown, 6)}}
	holes, last := Holes([]*verify.Client{reader}, []Loss{
		{Epoch: 1, Offset: 5, At: 1 * s, Shown: 2 * s}, {Epoch: 1, Offset: 6, At: 2 * s}, {Instance: 1, Epoch: 1, Offset: 5, At: 1 * s},
	})
	if !slices.Equal(holes, Spread{1 * s}) || !slices.Equal(last, Spread{2 * s}) {
		t.Errorf("%v %v", holes, last)
	}
	if got := Noticed([]time.Duration{1 * s, 5 * s, 9 * s}, []time.Duration{2 * s, 8 * s}); !slices.Equal(got, Spread{1 * s, 3 * s}) {
		t.Errorf("%v", got)
	}
}
