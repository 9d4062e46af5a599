package actors

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"eclipse/actors/messages"
	"eclipse/internal/nextapi"
)

func TestSuspectsGoApart(t *testing.T) {
	now := time.Now()
	q := newSaveQueue(100)
	q.accuse("a", now)
	q.accuse("b", now)
	fill(q, now, time.Minute, "a1", "b1", "c1", "a2", "d1")
	if got := contentsOf(q.take(10, 10, free)); !slices.Equal(got, []string{"c1", "d1"}) {
		t.Fatalf("together %v", got)
	}
	if got := contentsOf(q.takeApart(10, free)); !slices.Equal(got, []string{"a1", "a2"}) {
		t.Fatalf("apart %v", got)
	}
	q.done(nil, "a", []nextapi.Result{unknown, unknown}, batchPolicy, now)
	q.due(now.Add(time.Minute))
	if q.take(10, 10, free) != nil {
		t.Fatal("a retry among the others")
	}
	if got := contentsOf(q.takeApart(10, free)); !slices.Equal(got, []string{"b1"}) {
		t.Fatalf("apart %v", got)
	}
	q.acquit("b")
	q.done(nil, "b", []nextapi.Result{storedResult}, batchPolicy, now)
	fill(q, now, time.Minute, "b2")
	if got := contentsOf(q.take(10, 10, free)); !slices.Equal(got, []string{"b2"}) {
		t.Fatalf("acquitted %v", got)
	}
	if q.expire(now.Add(suspectFor+1), false); q.suspect("a") {
		t.Error("suspect for ever")
	}
}

// shared is a queue whose chats a and b have a call in common that is overdue.
func shared(now time.Time) (q *saveQueue, batch []*queued) {
	q = newSaveQueue(100)
	fill(q, now, time.Minute, "a1", "a2", "b1")
	batch = q.take(10, 10, free)
	for _, chatID := range []string{"a", "b"} {
		q.accuse(chatID, now)
		q.release(chatID)
	}
	return q, batch
}

func TestChatsOfASharedCallGoAgainOneByOne(t *testing.T) {
	now := time.Now()
	q, batch := shared(now)
	fill(q, now, time.Minute, "b2")
	if got := contentsOf(q.takeApart(10, free)); !slices.Equal(got, []string{"a1", "a2"}) {
		t.Fatalf("first %v", got)
	}
	if got := contentsOf(q.takeApart(10, free)); !slices.Equal(got, []string{"b1", "b2"}) {
		t.Fatalf("then %v", got)
	}
	if !batch[0].tried || !batch[2].tried {
		t.Error("the old route might store it twice")
	}
	out := q.done(nil, "a", []nextapi.Result{storedResult, unknown}, batchPolicy, now)
	if len(out) != 1 || out[0].save != batch[0] {
		t.Fatalf("settled %+v", out)
	}
	// The shared call is answered late: what was settled is not settled again, what waits for a retry is settled, and
	// so is what another call has in hand.
	out = q.late(batch[:2], []nextapi.Result{storedResult, storedResult})
	if len(out) != 1 || out[0].save != batch[1] || !out[0].stored {
		t.Fatalf("late of a %+v", out)
	}
	out = q.late(batch[2:], []nextapi.Result{storedResult})
	if len(out) != 1 || out[0].save != batch[2] || q.size != 1 {
		t.Fatalf("late of b %+v, %d queued", out, q.size)
	}
	out = q.done(nil, "b", []nextapi.Result{unknown, storedResult}, batchPolicy, now)
	if len(out) != 1 || out[0].save.request.Content != "b2" {
		t.Fatalf("settled %+v", out)
	}
	q.due(now.Add(time.Minute))
	if q.takeApart(10, free) != nil || q.size != 0 || q.bounded != 0 || q.bytes != 0 || len(q.chats) != 0 {
		t.Errorf("left: %d saves, %d bounded, %d bytes, %d chats", q.size, q.bounded, q.bytes, len(q.chats))
	}
}

// A failure of the shared call says nothing new; a final refusal does.
func TestOnlyLastWordsOfASharedCallCount(t *testing.T) {
	q, batch := shared(time.Now())
	if out := q.late(batch[:2], []nextapi.Result{unknown, later424}); len(out) != 0 || q.size != 3 {
		t.Errorf("settled %+v", out)
	}
	out := q.late(batch[2:], []nextapi.Result{{Class: nextapi.Rejected, Status: 400}})
	if len(out) != 1 || out[0].stored || !out[0].final {
		t.Errorf("settled %+v", out)
	}
}

// While the shared call may still be answered, a save does not expire; nor is it posted again when it was withdrawn.
func TestReleasedSavesAreStillUnderWay(t *testing.T) {
	now := time.Now()
	q := newSaveQueue(100)
	for _, key := range []string{"a", "b", "c"} {
		q.push(&queued{request: &messages.PersistRequest{ChatId: "chat", Key: key}, expires: now.Add(time.Second)})
	}
	batch := q.take(3, 3, free)
	q.withdraw("chat", "a")
	q.release("chat")
	q.withdraw("chat", "b")
	if out := q.expire(now.Add(time.Minute), false); len(out) != 0 || q.size != 1 {
		t.Fatalf("expired %+v, %d left", out, q.size)
	}
	if out := q.late(batch, []nextapi.Result{storedResult, storedResult, unknown}); len(out) != 0 {
		t.Fatalf("settled %+v", out)
	}
	q.keep("chat", "a")
	if out := q.expire(now.Add(time.Minute), false); len(out) != 1 || out[0].save.request.Key != "c" || q.size != 0 || q.bounded != 0 {
		t.Errorf("expired %+v, %d left", out, q.size)
	}
}

// However calls are answered, released and overtake each other, each save is settled once, a chat has one call that its
// queue waits for, and the chat's order of first answers holds.
func TestEverySaveIsSettledOnce(t *testing.T) {
	type posted struct {
		saves [][]*queued
		split bool
	}
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 0))
		q, now := newSaveQueue(1000), time.Now()
		var calls []*posted
		settledTimes := map[*queued]int{}
		last := map[string]int{}
		note := func(out []settled) {
			for _, s := range out {
				var n int
				chatID := s.save.request.ChatId
				_, _ = fmt.Sscanf(s.save.request.Content[1:], "%d", &n)
				if settledTimes[s.save]++; settledTimes[s.save] > 1 || n != last[chatID]+1 {
					t.Fatalf("seed %d: %s after %d, %d times", seed, s.save.request.Content, last[chatID], settledTimes[s.save])
				}
				last[chatID] = n
			}
		}
		post := func(batch []*queued) {
			if len(batch) > 0 {
				calls = append(calls, &posted{saves: byChat(batch)})
			}
		}
		answer := func(i int, class func() nextapi.Result) {
			c := calls[i]
			calls = slices.Delete(calls, i, i+1)
			for _, saves := range c.saves {
				results := make([]nextapi.Result, len(saves))
				failed := false
				for i := range results {
					if results[i] = class(); failed {
						results[i] = later424
					}
					failed = failed || results[i].Class != nextapi.Stored
				}
				if c.split {
					note(q.late(saves, results))
				} else {
					note(q.done(nil, saves[0].request.ChatId, results, batchPolicy, now))
				}
			}
		}
		pushed := map[byte]int{}
		for range 200 {
			now = now.Add(time.Second)
			q.due(now)
			switch r.IntN(6) {
			case 0, 1:
				chat := byte('a' + r.IntN(4))
				pushed[chat]++
				fill(q, now, time.Hour, fmt.Sprintf("%c%d", chat, pushed[chat]))
			case 2:
				post(q.take(5, 3, free))
			case 3:
				post(q.takeApart(3, free))
			case 4:
				if len(calls) == 0 {
					continue
				}
				if c := calls[r.IntN(len(calls))]; !c.split {
					c.split = true
					for _, saves := range c.saves {
						q.accuse(saves[0].request.ChatId, now)
						q.release(saves[0].request.ChatId)
					}
				}
			case 5:
				if len(calls) == 0 {
					continue
				}
				answer(r.IntN(len(calls)), func() nextapi.Result {
					return []nextapi.Result{storedResult, storedResult, retryResult, unknown}[r.IntN(4)]
				})
			}
		}
		for q.size > 0 || len(calls) > 0 {
			now = now.Add(time.Minute)
			q.due(now)
			post(q.take(5, 3, free))
			post(q.takeApart(3, free))
			answer(0, func() nextapi.Result { return storedResult })
		}
		for chat, n := range pushed {
			if last[string(chat)] != n {
				t.Fatalf("seed %d: %d of %d settled", seed, last[string(chat)], n)
			}
		}
		if q.bounded != 0 || q.bytes != 0 {
			t.Fatalf("seed %d: %d bounded, %d bytes", seed, q.bounded, q.bytes)
		}
	}
}
