package chatlog

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestMemoryIsNotDurable(t *testing.T) {
	if NewMemory(Options{}).Durable() {
		t.Error("memory promises to outlive its process")
	}
}

func TestMemoryKeepsNoQueueOfOtherChats(t *testing.T) {
	m := NewMemory(Options{})
	for range 1000 {
		chatID := newChat()
		mustAppend(t, m, event(chatID, "k"))
		mustHead(t, m, chatID)
		mustClaim(t, m, chatID, 0, 1)
		m.Append(soon(t), []Append{finished(chatID, "a", 1)})
		if _, err := m.Renew(soon(t), []Lease{{chatID, 1}}); err != nil {
			t.Fatal(err)
		}
		if _, err := m.Unnamed(soon(t), chatID, Position{}, 1); err != nil {
			t.Fatal(err)
		}
	}
	for i := range m.shards {
		if m.shards[i].queues != nil {
			t.Fatal("a shard keeps queues of chats that never queued anything")
		}
	}
}

func TestMemoryForgetsEmptyQueuesOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory(Options{Retention: 48 * time.Hour})
		waits, empty := chatsOfOneShard(m)
		mustAppend(t, m, live(waits, "k", "a"))
		fence := mustAppend(t, m, waiting(empty, "a")).Outbox.Fence
		mustAppend(t, m, finished(empty, "a", fence))
		time.Sleep(100 * time.Hour)
		if !isQueued(t, m, waits) { // its log is forgotten, and only that
			t.Fatal("a queued message was forgotten")
		}
		s := m.lock(waits, time.Now())
		kept := len(s.queues)
		s.mu.Unlock()
		if kept != 1 {
			t.Errorf("%d queues are kept", kept)
		}
		claim := mustClaim(t, m, waits, 0, 10)
		if len(claim.Items) != 1 || claim.Items[0].Logged != (Position{}) {
			t.Errorf("claim = %+v", claim)
		}
		if got := mustAppend(t, m, waiting(empty, "a")).Outbox; got.Fence <= fence {
			t.Errorf("fence %d after %d", got.Fence, fence)
		}
	})
}

func TestMemoryHandlesHaveHolders(t *testing.T) {
	m, chatID := NewMemory(Options{Holder: "first"}), newChat()
	fence := mustAppend(t, m, waiting(chatID, "a")).Outbox.Fence
	if again := m.HandleOf("first"); mustClaim(t, again, chatID, 0, 1).Fence != fence {
		t.Error("a handle with the same name does not hold the lease")
	}
	if mustClaim(t, m.Handle(), chatID, 0, 1).Fence != 0 {
		t.Error("another handle holds the lease too")
	}
	infos, err := m.Queues(soon(t), "", 1)
	if err != nil || len(infos) != 1 || infos[0].Holder != "first" {
		t.Errorf("%+v, %v", infos, err)
	}
}

// A queue that is worked off from the front gives its memory back.
func TestMemoryQueueStaysSmall(t *testing.T) {
	var q memoryQueue
	now := time.Now()
	for i := range 100_000 {
		q.push(Item{Name: fmt.Sprint(i)}, now)
		if i >= 10 {
			q.remove(fmt.Sprint(i-10), now)
		}
	}
	if len(q.items) != 10 || cap(q.items) > 100 || len(q.seqs) != 10 {
		t.Errorf("%d messages take room for %d", len(q.items), cap(q.items))
	}
}
