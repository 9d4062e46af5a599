package actors

import (
	"slices"
	"testing"
	"time"

	"eclipse/actors/messages"
	"eclipse/internal/chatlog"
)

func appendOp(chatID string) logOp {
	return logOp{append: &messages.AppendRequest{ChatId: chatID}}
}

func chatsOf(ops []logOp) (ids []string) {
	for _, op := range ops {
		ids = append(ids, op.chatID())
	}
	return ids
}

func TestLaneKnowsEchoesOfWhatIsInFlight(t *testing.T) {
	var l lane
	op := func(chatID, body string) logOp {
		return logOp{append: &messages.AppendRequest{ChatId: chatID, Body: []byte(body)}}
	}
	echo := func(chatID, payload string) bool { return l.echoed(&heard{chatID, []byte(payload)}) }
	l.push(op("c1", `{"a":1}`))
	l.push(op("c2", `{"b":1}`))
	l.push(logOp{lookUp: &lookUp{chatID: "c3"}})
	const sealed = `{"a":1,"offset":7,"epoch":"e"}`
	if echo("c1", sealed) {
		t.Error("an echo of what is not in flight")
	}
	l.take(time.Now())
	if echo("c2", sealed) || echo("c3", sealed) || echo("c1", `{"a":12,"offset":7,"epoch":"e"}`) || echo("c1", `{"a":1}`) {
		t.Error("an echo of something else")
	}
	if !echo("c1", sealed) || !echo("c2", `{"b":1,"offset":3,"epoch":"e"}`) {
		t.Error("no echo")
	}
	if got := l.takeEchoes("c1"); len(got) != 1 || string(got[0].payload) != sealed || len(l.echoes) != 1 || l.takeEchoes("c1") != nil {
		t.Errorf("kept %v, left %v", got, l.echoes)
	}
}

func TestLaneKeepsOrderThroughFailures(t *testing.T) {
	now := time.Now()
	var l lane
	for _, id := range []string{"a", "b", "a", "c"} {
		l.push(appendOp(id))
	}
	if batch := l.take(now); len(batch) != 4 || l.take(now) != nil {
		t.Fatalf("batch of %d", len(batch))
	}
	l.push(appendOp("d"))
	down := errTest
	if l.done([]error{down, down, down, down}, now) || l.take(now) != nil {
		t.Fatal("no backoff after a failure")
	}
	now = now.Add(time.Minute)
	if got := chatsOf(l.take(now)); !slices.Equal(got, []string{"a", "b", "a", "c", "d"}) {
		t.Fatalf("again: %v", got)
	}
	refused := chatlog.ErrRefused
	if !l.done([]error{refused, nil, refused, nil, nil}, now) {
		t.Fatal("the log answered")
	}
	l.push(appendOp("a"))
	l.push(appendOp("b"))
	if got := chatsOf(l.take(now)); !slices.Equal(got, []string{"b"}) {
		t.Fatalf("while a is refused: %v", got)
	}
	l.done([]error{nil}, now)
	if at := l.nextTry(); at.IsZero() || at.Before(now) {
		t.Fatalf("next try %v", at)
	}
	now = now.Add(2 * holdLimit)
	if got := chatsOf(l.take(now)); !slices.Equal(got, []string{"a", "a", "a"}) {
		t.Fatalf("a again: %v", got)
	}
}

// A batch may fail in part for other reasons than a refusal; only the chats concerned wait, and not in a hot loop.
func TestLaneHoldsBackOnlyWhatFails(t *testing.T) {
	now := time.Now()
	var l lane
	for _, id := range []string{"a", "a", "b"} {
		l.push(appendOp(id))
	}
	l.take(now)
	if !l.done([]error{errTest, errTest, nil}, now) {
		t.Fatal("the log answered")
	}
	l.push(appendOp("b"))
	if got := chatsOf(l.take(now)); !slices.Equal(got, []string{"b"}) {
		t.Fatalf("b is held back: %v", got)
	}
	l.done([]error{nil}, now)
	if l.take(now) != nil {
		t.Fatal("a is tried again at once")
	}
	now = now.Add(2 * holdLimit)
	if got := chatsOf(l.take(now)); !slices.Equal(got, []string{"a", "a"}) {
		t.Fatalf("a again: %v", got)
	}
}

// What is taken back is not tried again, and its neighbours are not touched.
func TestLaneCancels(t *testing.T) {
	now := time.Now()
	enters := func(chatID, key string) logOp {
		return logOp{append: &messages.AppendRequest{ChatId: chatID, Queue: &messages.PersistRequest{Key: key}}}
	}
	keys := func(ops []logOp) (keys []string) {
		for _, op := range ops {
			keys = append(keys, op.chatID()+op.append.Queue.GetKey())
		}
		return keys
	}
	var l lane
	l.push(enters("a", "1"))
	l.push(enters("a", "2"))
	l.take(now)
	for _, op := range []logOp{enters("a", "1"), enters("b", "1"), enters("a", "3"), appendOp("a")} {
		l.push(op)
	}
	if got := keys(l.cancel("a", "1")); !slices.Equal(got, []string{"a1"}) {
		t.Fatalf("taken out: %v", got)
	}
	l.done([]error{errTest, errTest}, now)
	if got := keys(l.take(now.Add(time.Minute))); !slices.Equal(got, []string{"a2", "b1", "a3", "a"}) {
		t.Fatalf("then: %v", got)
	}
}
