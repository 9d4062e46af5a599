package client

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func filled(n int) *outbox {
	o := &outbox{timers: Browser()}
	for i := range n {
		o.add(uint32(i+1), false)
	}
	return o
}

// order sends and accepts whatever may go next, and tells in which order that was.
func order(o *outbox, now time.Duration) string {
	var list []string
	for range len(o.items) {
		i, wait := o.next(now)
		if i == nil || wait > 0 {
			break
		}
		list = append(list, fmt.Sprint(i.number))
		o.sent(i, now)
		o.accept(i.number, now)
	}
	return strings.Join(list, " ")
}

func TestOneMessageAtATimeIsWithoutAnAnswer(t *testing.T) {
	o := filled(3)
	first, _ := o.next(0)
	o.sent(first, 0)
	if i, wait := o.next(time.Second); i != first || wait != o.timers.Ack-time.Second {
		t.Errorf("%+v is to go after %v", i, wait)
	}
	o.again(1, time.Second, time.Minute) // refused for now: the next one must not overtake it
	if i, wait := o.next(time.Second); i != first || wait != time.Minute {
		t.Errorf("%+v is to go after %v", i, wait)
	}
	if i, wait := o.next(2 * time.Minute); i != first || wait != 0 {
		t.Errorf("%+v is to go after %v", i, wait)
	}
}

func TestAcceptedOnesWaitAside(t *testing.T) {
	o := filled(3)
	if got := order(o, 0); got != "1 2 3" {
		t.Errorf("sent %s", got)
	}
	o.drop(2)
	if i, wait := o.next(time.Second); i == nil || wait != o.timers.Stored-time.Second {
		t.Errorf("%+v is to be asked after in %v", i, wait)
	}
	if got := order(o, o.timers.Stored); got != "1 3" {
		t.Errorf("asked after %s", got)
	}
}

func TestAfterAReconnectAcceptedOnesGoFirst(t *testing.T) {
	o := filled(4)
	for range 2 {
		i, _ := o.next(0)
		o.sent(i, 0)
		o.accept(i.number, 0)
	}
	third, _ := o.next(0)
	o.sent(third, 0) // its ack is lost with the connection
	o.reconnected()
	if got := order(o, time.Second); got != "1 2 3 4" {
		t.Errorf("sent %s", got)
	}
}

func TestAnOutboxIsBounded(t *testing.T) {
	o := filled(maxItems)
	if o.add(99, false) || len(o.items) != maxItems {
		t.Error("it takes more")
	}
	if !o.drop(1) || o.drop(1) || !o.add(99, true) || !o.find(99).unwanted {
		t.Error("it does not make room")
	}
}

func TestBackoffGrowsToItsBound(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for attempt := range 40 {
		ceiling := min(30*time.Second, time.Second<<min(attempt, 16))
		for range 100 {
			if d := backoff(random, attempt, time.Second, 30*time.Second); d < 0 || d > ceiling {
				t.Fatalf("attempt %d waits %v", attempt, d)
			}
		}
	}
	if s := Browser().Scaled(5); s.Ack != 3*time.Second || s.Stored != 12*time.Second || s.BackoffMost != 6*time.Second {
		t.Errorf("%+v", s)
	}
}
