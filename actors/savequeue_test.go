package actors

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"eclipse/actors/messages"
	"eclipse/internal/nextapi"
)

var errTest = errors.New("test")

// free holds no save back.
func free(*queued) (until time.Time) { return until }

func contentsOf(batch []*queued) (out []string) {
	for _, s := range batch {
		out = append(out, s.request.Content)
	}
	return out
}

var (
	storedResult = nextapi.Result{Class: nextapi.Stored, Status: 201}
	retryResult  = nextapi.Result{Class: nextapi.Retry, Status: 503}
	later424     = nextapi.Result{Class: nextapi.Retry, Status: 424}
	unknown      = nextapi.Result{Class: nextapi.Ambiguous}
	batchPolicy  = retryPolicy{batch: true, onRetry: func(nextapi.Result) {}}
	singlePolicy = retryPolicy{onRetry: func(nextapi.Result) {}}
)

func fill(q *saveQueue, now time.Time, patience time.Duration, ids ...string) {
	for _, id := range ids {
		q.push(&queued{request: &messages.PersistRequest{ChatId: id[:1], Content: id}, expires: now.Add(patience)})
	}
}

func TestSaveQueueKeepsOrderPerChatAndOneCallEach(t *testing.T) {
	now := time.Now()
	q := newSaveQueue(100)
	fill(q, now, time.Minute, "a1", "b1", "a2", "c1")
	if got := contentsOf(q.take(3, 10, free)); !slices.Equal(got, []string{"a1", "a2", "b1"}) {
		t.Fatalf("first batch %v", got)
	}
	fill(q, now, time.Minute, "a3", "c2")
	if got := contentsOf(q.take(3, 10, free)); !slices.Equal(got, []string{"c1", "c2"}) {
		t.Fatalf("second batch %v", got)
	}
	if q.take(3, 10, free) != nil {
		t.Fatal("a and b are in flight")
	}
	if out := q.done(nil, "a", []nextapi.Result{retryResult, later424}, batchPolicy, now); len(out) != 0 {
		t.Fatalf("settled %v", out)
	}
	if q.take(3, 10, free) != nil {
		t.Fatal("no backoff")
	}
	now = now.Add(time.Minute / 2)
	q.due(now)
	if got := contentsOf(q.take(3, 10, free)); !slices.Equal(got, []string{"a1", "a2", "a3"}) {
		t.Fatalf("retry %v", got)
	}
	out := q.done(nil, "a", []nextapi.Result{storedResult, {Class: nextapi.Rejected, Status: 400}, storedResult}, batchPolicy, now)
	if len(out) != 3 || !out[0].stored || out[1].stored || !out[1].final || !out[2].stored {
		t.Fatalf("settled %+v", out)
	}
	if q.size != 3 || q.chats["a"] != nil {
		t.Errorf("%d left", q.size)
	}
}

func TestSaveQueueRetriesOnlyWhatIsSafe(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		name   string
		result nextapi.Result
		policy retryPolicy
		again  bool
	}{
		{"batch, unknown", unknown, batchPolicy, true},
		{"single, unknown", unknown, singlePolicy, false},
		{"single, not stored", retryResult, singlePolicy, true},
		{"single, wrong secret", nextapi.Result{Class: nextapi.Denied}, singlePolicy, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := newSaveQueue(10)
			fill(q, now, time.Minute, "a1")
			q.take(1, 1, free)
			out := q.done(nil, "a", []nextapi.Result{c.result}, c.policy, now)
			if again := len(out) == 0; again != c.again || again == (q.size == 0) {
				t.Errorf("tried again: %v, %d left", again, q.size)
			}
		})
	}
}

func TestSaveQueueEndsWhenPatienceIsOver(t *testing.T) {
	now := time.Now()
	q := newSaveQueue(10)
	fill(q, now, time.Second, "a1", "b1", "b2")
	q.take(1, 1, free)
	now = now.Add(2 * time.Second)
	if out := q.expire(now, false); len(out) != 2 || out[0].stored || out[0].final {
		t.Fatalf("expired %+v", out)
	}
	if out := q.done(nil, "a", []nextapi.Result{unknown}, batchPolicy, now); len(out) != 1 || out[0].final {
		t.Fatalf("late %+v", out)
	}
	if q.size != 0 || q.bytes != 0 || q.take(10, 10, free) != nil || len(q.chats) != 0 {
		t.Errorf("left: %d saves, %d chats", q.size, len(q.chats))
	}
}

func TestSaveQueueIsBounded(t *testing.T) {
	q := newSaveQueue(2)
	now := time.Now()
	fill(q, now, time.Second, "a1", "b1", "c1")
	if q.size != 2 || q.chats["c"] != nil {
		t.Errorf("%d queued", q.size)
	}
}

func TestMissingRouteIsTriedByTheOtherAtOnce(t *testing.T) {
	now := time.Now()
	q := newSaveQueue(10)
	fill(q, now, time.Second, "a1")
	q.take(1, 1, free)
	q.done(nil, "a", []nextapi.Result{{Class: nextapi.Missing, Status: 404}}, batchPolicy, now)
	if got := q.take(1, 1, free); len(got) != 1 {
		t.Error("not ready at once")
	}
}

// One failed call delays a chat once, however many of its messages were in it.
func TestOneCallDelaysOnce(t *testing.T) {
	now := time.Now()
	for range 100 {
		q := newSaveQueue(100)
		results := make([]nextapi.Result, 12)
		for i := range results {
			fill(q, now, time.Minute, fmt.Sprintf("a%d", i))
			results[i] = retryResult
		}
		q.take(100, 100, free)
		q.done(nil, "a", results, batchPolicy, now)
		if wait := q.next.Sub(now); wait <= 0 || wait > 300*time.Millisecond {
			t.Fatalf("delayed for %v", wait)
		}
	}
}

// A Retry-After beyond the patience is told the sender at once.
func TestLongRetryAfterIsRefusedAtOnce(t *testing.T) {
	now := time.Now()
	q := newSaveQueue(100)
	fill(q, now, time.Second, "a1")
	q.take(1, 1, free)
	out := q.done(nil, "a", []nextapi.Result{{Class: nextapi.Retry, Status: 429, RetryAfter: time.Minute}}, batchPolicy, now)
	if len(out) != 1 || out[0].final || out[0].result.RetryAfter != time.Minute {
		t.Errorf("settled %+v", out)
	}
}

func TestWhatABatchMayHaveStoredIsMarked(t *testing.T) {
	now := time.Now()
	q := newSaveQueue(100)
	fill(q, now, time.Minute, "a1", "b1")
	q.take(10, 10, free)
	q.done(nil, "a", []nextapi.Result{unknown}, batchPolicy, now)
	q.done(nil, "b", []nextapi.Result{retryResult}, batchPolicy, now)
	if !q.chats["a"].waiting[0].tried || q.chats["b"].waiting[0].tried {
		t.Error("tried")
	}
}

// The last word on a message that was given back, and posted anew meanwhile, is the last for both.
func TestLastWordOnWhatWasGivenBack(t *testing.T) {
	q := newSaveQueue(100)
	save := func(key string) *queued {
		return &queued{request: &messages.PersistRequest{ChatId: "a", Key: key, Content: key}}
	}
	q.push(save("1"))
	q.take(10, 10, free)
	q.withdraw("a", "1")
	q.push(save("1"))
	q.push(save("2"))
	out := q.done(nil, "a", []nextapi.Result{*rejected}, batchPolicy, time.Now())
	if len(out) != 1 || !out[0].final {
		t.Fatalf("settled %+v", out)
	}
	if got := contentsOf(q.take(10, 10, free)); !slices.Equal(got, []string{"2"}) {
		t.Errorf("then: %v", got)
	}
	if q.size != 1 {
		t.Errorf("%d saves counted", q.size)
	}
}

// What is not tried any longer, and comes again from the outbox, takes along what is behind it.
func TestWhatExpiresIsNotOvertaken(t *testing.T) {
	now := time.Now()
	fill := func(inFlight int) *saveQueue {
		q := newSaveQueue(100)
		for i, key := range []string{"1", "2", "3"} {
			q.push(&queued{request: &messages.PersistRequest{ChatId: "a", Key: key, Content: key}, expires: now.Add(time.Duration(i+1) * time.Second)})
		}
		q.take(inFlight, inFlight, free)
		return q
	}
	failed := nextapi.Result{Class: nextapi.Retry, RetryAfter: 1500 * time.Millisecond}
	for _, inOrder := range []bool{true, false} {
		want := []string{"2", "3"}
		if inOrder {
			want = nil
		}
		q := fill(0)
		if out := q.expire(now.Add(time.Second), inOrder); len(out) != 3-len(want) {
			t.Errorf("inOrder %v: %d of the waiting expired", inOrder, len(out))
		}
		if got := contentsOf(q.take(10, 10, free)); !slices.Equal(got, want) {
			t.Errorf("inOrder %v: then %v", inOrder, got)
		}
		for inFlight := 1; inFlight <= 3; inFlight++ {
			q, policy := fill(inFlight), batchPolicy
			policy.inOrder = inOrder
			out := q.done(nil, "a", slices.Repeat([]nextapi.Result{failed}, inFlight), policy, now)
			if len(out) != 3-len(want) || len(out) > 1 && out[2].save.request.Key != "3" {
				t.Errorf("inOrder %v, %d in flight: %d expired", inOrder, inFlight, len(out))
			}
			q.due(now.Add(time.Minute))
			if got := contentsOf(q.take(10, 10, free)); !slices.Equal(got, want) {
				t.Errorf("inOrder %v, %d in flight: then %v", inOrder, inFlight, got)
			}
			if q.size != len(want) {
				t.Errorf("inOrder %v, %d in flight: %d counted", inOrder, inFlight, q.size)
			}
		}
	}
}
