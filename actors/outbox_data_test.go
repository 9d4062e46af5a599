package actors

import (
	"slices"
	"testing"
	"time"

	"eclipse/actors/messages"
)

// queuedSave is a message in the outbox.
func queuedSave(key string) *save {
	return &save{key: key, accepted: true, request: &messages.PersistRequest{Key: key}}
}

func keysOf(saves []*save) (keys []string) {
	for _, s := range saves {
		keys = append(keys, s.key)
	}
	return keys
}

// The answer to a claim may be older than what the steps have told since: what it lists may have left, and what entered
// last may be missing, while the numbers agree.
func TestClaimThatIsOlderThanASteps(t *testing.T) {
	one, other, mine, next := queuedSave("one"), queuedSave("other"), queuedSave("mine"), queuedSave("next")
	o := outbox{fence: 1, left: 1}
	if !o.hold(one) {
		t.Fatal("a message that is alone is not the whole queue")
	}
	o.ask(time.Time{}) // and another instance lets one in, which this claim lists
	o.leave("one")
	o.left = 3 // mine has entered behind it
	if o.hold(mine) {
		t.Error("the other's message is not known, and mine is held")
	}
	o.gone("one", true)
	o.moved, o.left = true, 2
	var front []*save
	for _, s := range []*save{one, other} {
		if o.listed(s.key) {
			front = append(front, s)
		}
	}
	o.claiming = false
	if again := o.list(front, 2); !again || o.whole {
		t.Errorf("again %v, whole %v", again, o.whole)
	}
	o.left = 3
	if o.hold(next) {
		t.Error("the next message is held before mine")
	}
	o.ask(time.Time{})
	o.claiming = false
	if again := o.list([]*save{other, mine, next}, 3); again || !o.whole || !slices.Equal(keysOf(o.next()), []string{"other", "mine", "next"}) {
		t.Errorf("again %v, whole %v, next %v", again, o.whole, keysOf(o.next()))
	}
}

// A message whose step was fenced is still queued.
func TestFencedMessageIsListed(t *testing.T) {
	o := outbox{fence: 1, left: 1}
	o.hold(queuedSave("one"))
	o.leave("one")
	o.ask(time.Time{})
	if o.listed("one") {
		t.Error("what is about to leave is listed")
	}
	o.gone("one", false)
	if !o.listed("one") {
		t.Error("what has not left is not listed")
	}
}

// What several instances have entered again goes by its time.
func TestReenteredMessagesGoByTheirTime(t *testing.T) {
	var front []*save
	for i, at := range []int64{30, 10, 20} {
		s := queuedSave(string(rune('a' + i)))
		s.request.SentAt, s.reentered = at, i == 0
		front = append(front, s)
	}
	o := outbox{fence: 1, left: 3}
	if o.list(front, 3); !slices.Equal(keysOf(o.next()), []string{"b", "c", "a"}) {
		t.Errorf("next %v", keysOf(o.next()))
	}
	front[0].request.SentAt = 30 // b came into the new queue in the millisecond in which a was sent
	if o.list(front, 3); !slices.Equal(keysOf(o.next()), []string{"c", "a", "b"}) {
		t.Errorf("next %v of one millisecond", keysOf(o.next()))
	}
	again := queuedSave("d")
	if again.reentered, o.left = true, 4; o.hold(again) {
		t.Error("one that was entered again is held behind all others")
	}
}
