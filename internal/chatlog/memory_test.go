package chatlog

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestMemoryForgetsAfterRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory(Options{Retention: 48 * time.Hour})
		asked, idle := chatsOfOneShard(m)
		before := mustAppend(t, m, event(idle, "k")).Position
		mustAppend(t, m, event(asked, "k"))
		for range 10 {
			time.Sleep(5 * time.Hour)
			mustHead(t, m, asked)
		}
		if head := mustHead(t, m, asked); head != before {
			t.Fatalf("a log that is asked for became %+v, was %+v", head, before)
		}
		after := mustHead(t, m, idle)
		if after.Epoch <= before.Epoch || after.Offset != 0 {
			t.Fatalf("a forgotten log's head = %+v, was %+v", after, before)
		}
		if again := mustAppend(t, m, event(idle, "k")); again.Repeat || again.Position != (Position{after.Epoch, 1}) {
			t.Fatalf("append to a forgotten log = %+v", again)
		}
	})
}

// chatsOfOneShard finds two, so that a use of one sweeps the other.
func chatsOfOneShard(m *Memory) (string, string) {
	first := newChat()
	shard := m.lock(first, time.Now())
	shard.mu.Unlock()
	for {
		other := newChat()
		s := m.lock(other, time.Now())
		s.mu.Unlock()
		if s == shard {
			return first, other
		}
	}
}

func TestMemoryPrunesOldKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, chatID := NewMemory(Options{}), newChat()
		known := func(key string) bool {
			t.Helper()
			found, err := m.Lookup(soon(t), chatID, []string{key})
			return err == nil && found[0] != nil
		}
		last := time.Now()
		times := make(map[string]time.Time)
		for i := range 200 { // every hour one
			key := fmt.Sprint("k", i)
			mustAppend(t, m, event(chatID, key, "alias-"+key))
			times[key] = last
			for key, at := range times {
				age := last.Sub(at)
				if age < KeyAge && !(known(key) && known("alias-"+key)) {
					t.Fatalf("%s is gone after %v", key, age)
				}
				if age > 2*KeyAge+2*time.Hour && (known(key) || known("alias-"+key)) {
					t.Fatalf("%s is known after %v", key, age)
				}
			}
			time.Sleep(time.Hour)
			last = time.Now()
		}
	})
}

func TestMemoryKeepsNothingOfSilentChats(t *testing.T) {
	m := NewMemory(Options{})
	for range 1000 {
		chatID := newChat()
		mustHead(t, m, chatID)
		mustRead(t, m, chatID, Position{}, 10)
	}
	for i := range m.shards {
		if n := len(m.shards[i].chats); n != 0 {
			t.Fatalf("a shard keeps %d silent chats", n)
		}
	}
}

func TestMemoryFeedDoesNotHearItsOwnHandle(t *testing.T) {
	m, chatID := NewMemory(Options{}), newChat()
	other := m.Handle()
	var own, others heard
	mustSubscribe(t, mustDial(t, m, own.deliver), chatID)
	listener := mustDial(t, other, others.deliver)
	mustSubscribe(t, listener, chatID)
	mustAppend(t, m, event(chatID, "k"))
	if err := m.Publish(soon(t), []Publication{{ChatID: chatID, Payload: []byte("typing")}}); err != nil {
		t.Fatal(err)
	}
	if err := listener.Probe(soon(t)); err != nil {
		t.Fatal(err)
	}
	if own.of(chatID) != nil || len(others.of(chatID)) != 2 {
		t.Errorf("the own feed heard %q, the other %q", own.of(chatID), others.of(chatID))
	}
}

func TestMemoryFeedThatFallsBehindEnds(t *testing.T) {
	m, chatID := NewMemory(Options{}), newChat()
	stuck, entered := make(chan struct{}), make(chan struct{}, 1)
	feed := mustDial(t, m.Handle(), func(string, []byte) { entered <- struct{}{}; <-stuck })
	mustSubscribe(t, feed, chatID)
	payload := make([]byte, 1<<20)
	publish := func() {
		if err := m.Publish(soon(t), []Publication{{ChatID: chatID, Payload: payload}}); err != nil {
			t.Fatal(err)
		}
	}
	publish()
	<-entered
	for range maxFeedBacklog>>20 + 1 {
		publish()
	}
	close(stuck)
	<-feed.Done()
	if !errors.Is(feed.Err(), ErrFeedTooSlow) {
		t.Errorf("the feed ended with %v", feed.Err())
	}
	publish() // to nobody
	for i := range m.shards {
		if len(m.shards[i].feeds) != 0 {
			t.Error("an ended feed is still subscribed")
		}
	}
}
