package chatlog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"eclipse/internal/chatlog/redistest"
)

var durable = []string{"--appendonly", "yes", "--appendfsync", "always"}

// backlog is a chat with an entry and three queued messages a, b, c, and the fence of their lease.
func backlog(t *testing.T, r *Redis) (chatID string, fence uint64) {
	t.Helper()
	chatID = newChat()
	mustAppend(t, r, live(chatID, "k", "a"))
	mustAppend(t, r, waiting(chatID, "b"))
	return chatID, mustAppend(t, r, waiting(chatID, "c")).Outbox.Fence
}

func queuedKey(chatID string) string { return "queued:{" + chatID + "}" }

func TestQueuesSurviveARestart(t *testing.T) {
	server := redistest.Start(t, durable...)
	r := dialRedis(t, server, Options{Lease: shortLease})
	chatID, fence := backlog(t, r)
	mustAppend(t, r, refused(chatID, "b", fence, "no"))
	claim := mustClaim(t, r, chatID, 0, 10)
	server.Restart()
	eventually(t, "the server answers", func() bool { return r.Ping(soon(t)) == nil })
	if !isQueued(t, r, chatID) || !slices.Equal(mustOrphansSoon(t, r), []string{chatID}) {
		t.Error("the queue is forgotten")
	}
	after := mustClaim(t, r, chatID, 0, 10)
	if after.Fence != claim.Fence || after.Left != 2 || !slices.EqualFunc(after.Items, claim.Items, func(a, b Queued) bool { return fmt.Sprint(a) == fmt.Sprint(b) }) {
		t.Errorf("claim = %+v, before the restart %+v", after, claim)
	}
	if letters := mustLetters(t, r, "", 10); len(letters) != 1 || letters[0].Name != "b" {
		t.Errorf("letters = %+v", letters)
	}
	if again := mustAppend(t, r, waiting(chatID, "c")); !again.Outbox.Queued || again.Outbox.Left != 2 {
		t.Errorf("a queued message again = %+v", again)
	}
}

// mustOrphansSoon waits until some lease has ended.
func mustOrphansSoon(t *testing.T, c client) (chatIDs []string) {
	t.Helper()
	eventually(t, "a lease ends", func() bool {
		chatIDs = mustOrphans(t, c, 10)
		return len(chatIDs) > 0
	})
	return chatIDs
}

func TestALostAnswerQueuesOnce(t *testing.T) {
	server := redistest.Start(t)
	r := dialRedis(t, server, Options{Lease: longLease})
	chatID, fence := backlog(t, r)
	server.Pause()
	lost := r.Append(within(t, 100*time.Millisecond), []Append{waiting(chatID, "d"), committed(chatID, "id-b", "b", fence)})
	server.Resume()
	for _, got := range lost {
		if !errors.Is(got.Err, context.DeadlineExceeded) || errors.Is(got.Err, ErrRefused) {
			t.Fatalf("a step on a paused server = %v", got.Err)
		}
	}
	again := r.Append(soon(t), []Append{waiting(chatID, "d"), committed(chatID, "id-b", "b", fence)})
	if got := again[0]; got.Err != nil || got.Repeat || !got.Outbox.Queued || got.Outbox.Left != 3 {
		t.Errorf("queued again = %+v", got)
	}
	if got := again[1]; got.Err != nil || !got.Repeat || got.Position.Offset != 2 || got.Outbox.Left != 3 {
		t.Errorf("committed again = %+v", got)
	}
	if names := queuedNames(t, r, chatID); !slices.Equal(names, []string{"a", "c", "d"}) {
		t.Errorf("queued %q", names)
	}
}

func TestTheQueueOutlivesItsLog(t *testing.T) {
	server := redistest.Start(t)
	r := dialRedis(t, server, Options{Lease: longLease})
	chatID, fence := backlog(t, r)
	before := mustHead(t, r, chatID)
	server.Do("DEL", "head:{"+chatID+"}")
	claim := mustClaim(t, r, chatID, 0, 10)
	if claim.Fence != fence || !slices.Equal(namesOf(claim.Items), []string{"a", "b", "c"}) || claim.Items[0].Logged != (Position{}) {
		t.Errorf("claim = %+v", claim)
	}
	got := mustAppend(t, r, committed(chatID, "k", "a", fence))
	if got.Repeat || got.Position.Offset != 1 || got.Position.Epoch <= before.Epoch || got.Outbox.Left != 2 {
		t.Errorf("commit = %+v", got)
	}
}

func TestLostOutboxKeys(t *testing.T) {
	all := []string{"a", "b", "c"}
	for name, c := range map[string]struct {
		lose func(server *redistest.Server, chatID string)
		left []string
		kept bool // the lease
	}{
		"names":        {func(s *redistest.Server, c string) { s.Do("DEL", queuedKey(c)) }, all, true},
		"a name":       {func(s *redistest.Server, c string) { s.Do("HDEL", queuedKey(c), "b") }, all, true},
		"lease":        {func(s *redistest.Server, c string) { s.Do("DEL", leaseKey(c)) }, all, false},
		"lease's seq":  {func(s *redistest.Server, c string) { s.Do("HDEL", leaseKey(c), "seq") }, all, true},
		"index":        {func(s *redistest.Server, c string) { s.Do("DEL", dueKey) }, all, true},
		"dead letters": {func(s *redistest.Server, c string) { s.Do("DEL", deadKey) }, all, true},
		"messages":     {func(s *redistest.Server, c string) { s.Do("DEL", queueKey(c)) }, nil, true},
		"everything":   {func(s *redistest.Server, c string) { s.FlushAll() }, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t)
			r := dialRedis(t, server, Options{Lease: longLease})
			chatID, fence := backlog(t, r)
			clock := time.Now()
			eventually(t, "the clock goes on", func() bool { return time.Since(clock) > 2*time.Millisecond })
			c.lose(server, chatID)
			for _, name := range all { // the first wins still
				mustAppend(t, r, Append{ChatID: chatID, Queue: &Item{Name: name, Data: []byte("again")}})
			}
			again := mustAppend(t, r, Append{ChatID: chatID, Queue: &Item{Name: "d", Data: []byte("again")}}).Outbox
			claim := mustClaim(t, r, chatID, 0, 10)
			if want := append(slices.Clone(all), "d"); again.Left != 4 || !slices.Equal(namesOf(claim.Items), want) {
				t.Fatalf("queued %+v", claim)
			}
			for i, item := range claim.Items {
				if first := string(item.Data) != "again"; first != slices.Contains(c.left, item.Name) || (i > 0 && item.Seq <= claim.Items[i-1].Seq) {
					t.Errorf("item %d = %+v", i, item)
				}
			}
			if kept := claim.Fence == fence; again.Fence != claim.Fence || claim.Fence < fence || kept && !c.kept {
				t.Errorf("fence %d, then %d, was %d", again.Fence, claim.Fence, fence)
			}
			if got := server.Do("ZSCORE", dueKey, chatID); got == "" {
				t.Error("the index lacks the chat")
			}
			mustAppend(t, r, refused(chatID, "b", claim.Fence, "no"))
			mustAppend(t, r, finished(chatID, "a", claim.Fence))
			if names := queuedNames(t, r, chatID); !slices.Equal(names, []string{"c", "d"}) || len(mustLetters(t, r, "", 10)) != 1 {
				t.Errorf("queued %q", names)
			}
		})
	}
}

// Orphans and Renew see the index first, the queue after it.
func TestOrphansDropChatsWithoutMessages(t *testing.T) {
	server := redistest.Start(t)
	r := dialRedis(t, server, Options{Lease: longLease})
	chatID, _ := backlog(t, r)
	for i := range 5 {
		server.Do("ZADD", dueKey, strconv.Itoa(i), fmt.Sprint("gone", i))
	}
	server.Do("ZADD", dueKey, "7", chatID)
	if got := mustOrphans(t, r, 1); !slices.Equal(got, []string{chatID}) || server.Do("ZCARD", dueKey) != "1" {
		t.Errorf("orphans %q", got)
	}
}

func TestFenceAndSeqRiseWhateverTheClock(t *testing.T) {
	server := redistest.Start(t)
	r := dialRedis(t, server, Options{Lease: longLease})
	other := dialRedis(t, server, Options{Lease: longLease})
	chatID, fence := backlog(t, r)
	const future = 9_000_000_000_000 // ms
	server.Do("HSET", leaseKey(chatID), "seq", strconv.Itoa(future), "fence", strconv.Itoa(future), "until", "1")
	claim := mustClaim(t, other, chatID, 0, 10)
	got := mustAppend(t, other, waiting(chatID, "d"))
	last := mustClaim(t, other, chatID, claim.Items[2].Seq, 10).Items
	if claim.Fence != future+1 || got.Outbox.Fence != future+1 || len(last) != 1 || last[0].Seq != future+1 || fence >= future {
		t.Errorf("claim %+v, then %+v, items %+v", claim, got, last)
	}
}

func TestOutboxKeysDoNotExpire(t *testing.T) {
	server := redistest.Start(t)
	r := dialRedis(t, server, Options{Lease: longLease})
	chatID, fence := backlog(t, r)
	keys := []string{queueKey(chatID), queuedKey(chatID), leaseKey(chatID), dueKey}
	check := func(what string) {
		t.Helper()
		for _, key := range keys {
			if ttl := server.Do("PTTL", key); ttl != "-1" {
				t.Errorf("%s: the time to live of %s is %s ms", what, key, ttl)
			}
		}
	}
	check("queued")
	for _, name := range []string{"a", "b", "c"} {
		mustAppend(t, r, finished(chatID, name, fence))
	}
	if n := server.Do("EXISTS", keys[0], keys[1], keys[3]); n != "0" {
		t.Errorf("%s keys of an empty queue are left", n)
	}
	if ttl, _ := strconv.ParseInt(server.Do("PTTL", keys[2]), 10, 64); ttl < KeyAge.Milliseconds() {
		t.Errorf("the lease of an empty queue is kept for %d ms", ttl)
	}
	mustAppend(t, r, waiting(chatID, "d"))
	check("queued again")
}

func TestPlainEventsTouchNoOutbox(t *testing.T) {
	server := redistest.Start(t, "--latency-tracking", "no")
	r := dialRedis(t, server, Options{})
	chatID, _ := started(t, r)
	noticed := event(chatID, "noticed")
	noticed.Notice = []byte("{}")
	mustAppend(t, r, noticed)
	for _, key := range []string{queueKey(chatID), queuedKey(chatID), leaseKey(chatID), dueKey, deadKey} {
		server.Do("SET", key, "of another type")
	}
	noticed.Key = "noticed too"
	for i, got := range r.Append(soon(t), []Append{event(chatID, "new"), noticed}) {
		if got.Err != nil || got.Repeat || got.Position.Offset != uint64(7+i) {
			t.Errorf("%+v", got)
		}
	}
}

func TestRefusedStepsChangeNothing(t *testing.T) {
	steps := func(chatID string, fence uint64) map[string][]Append {
		return map[string][]Append{
			"queue":          {waiting(chatID, "d")},
			"live":           {live(chatID, "k2", "d")},
			"done":           {finished(chatID, "a", fence)},
			"last done":      {finished(chatID, "a", fence), finished(chatID, "b", fence), finished(chatID, "c", fence)},
			"dead letter":    {refused(chatID, "a", fence, "no")},
			"commit":         {committed(chatID, "k2", "b", fence)},
			"commit a known": {committed(chatID, "k", "b", fence)},
			"event, done":    {event(chatID, "k2"), finished(chatID, "a", fence)},
		}
	}
	// unchanged compares what a dump of the keys shows.
	unchanged := func(t *testing.T, server *redistest.Server, chatID string, use func()) {
		t.Helper()
		dump := func() (all []string) {
			for _, key := range append(keysOf(chatID), queueKey(chatID), queuedKey(chatID), leaseKey(chatID), dueKey, deadKey) {
				all = append(all, server.Do("DUMP", key))
			}
			return all
		}
		before := dump()
		use()
		if !slices.Equal(dump(), before) {
			t.Error("a refused step changed something")
		}
	}
	refusedBy := func(t *testing.T, prepare func(server *redistest.Server, chatID string)) {
		server := redistest.Start(t)
		r := dialRedis(t, server, Options{Lease: longLease})
		for name := range steps("", 0) {
			chatID, fence := backlog(t, r)
			mustAppend(t, r, event(chatID, "last"))
			letter := newChat()
			mustAppend(t, r, refused(letter, "x", mustAppend(t, r, waiting(letter, "x")).Outbox.Fence, "no"))
			letters := mustLetters(t, r, "", 1)
			prepare(server, chatID)
			unchanged(t, server, chatID, func() {
				for i, got := range r.Append(soon(t), steps(chatID, fence)[name]) {
					if !errors.Is(got.Err, ErrRefused) || errors.Is(got.Err, ErrFull) {
						t.Errorf("%s: step %d = %+v", name, i, got)
					}
				}
				if _, err := r.Claim(soon(t), chatID, 0, 1); !errors.Is(err, ErrRefused) {
					t.Errorf("claim = %v", err)
				}
				if _, err := r.Renew(soon(t), []Lease{{chatID, fence}}); !errors.Is(err, ErrRefused) {
					t.Errorf("renew = %v", err)
				}
				if _, err := r.Revive(soon(t), letters[0].ID); !errors.Is(err, ErrRefused) {
					t.Errorf("revive = %v", err)
				}
			})
			server.Do("REPLICAOF", "NO", "ONE")
			server.Do("CONFIG", "SET", "maxmemory", "0")
			server.FlushAll()
		}
	}
	t.Run("out of memory", func(t *testing.T) {
		refusedBy(t, func(s *redistest.Server, _ string) { s.Do("CONFIG", "SET", "maxmemory", "1") })
	})
	t.Run("read only", func(t *testing.T) {
		refusedBy(t, func(s *redistest.Server, _ string) { s.Do("REPLICAOF", "127.0.0.1", "1") })
	})
	for _, kind := range []func(string) string{queueKey, queuedKey, leaseKey, func(string) string { return dueKey }, func(string) string { return deadKey }} {
		t.Run("wrong type of "+kind("chat"), func(t *testing.T) {
			server := redistest.Start(t)
			r := dialRedis(t, server, Options{Lease: longLease})
			for name := range steps("", 0) {
				chatID, fence := backlog(t, r)
				server.Do("SET", kind(chatID), "text")
				unchanged(t, server, chatID, func() {
					for i, got := range r.Append(soon(t), steps(chatID, fence)[name]) {
						if !errors.Is(got.Err, ErrRefused) {
							t.Errorf("%s: step %d = %+v", name, i, got)
						}
					}
				})
				server.FlushAll()
			}
		})
	}
}

func TestOutboxCallsFailWithoutAServer(t *testing.T) {
	server := redistest.Start(t)
	r := dialRedis(t, server, Options{})
	backlog(t, r)
	server.Kill()
	for name, call := range map[string]func() error{
		"claim":   func() error { _, err := r.Claim(soon(t), "a", 0, 1); return err },
		"renew":   func() error { _, err := r.Renew(soon(t), []Lease{{"a", 1}}); return err },
		"orphans": func() error { _, err := r.Orphans(soon(t), 1); return err },
		"unnamed": func() error { _, err := r.Unnamed(soon(t), "a", Position{}, 1); return err },
		"queued":  func() error { _, err := r.Queued(soon(t), "chat", 0, 1); return err },
		"queues":  func() error { _, err := r.Queues(soon(t), "", 1); return err },
		"letters": func() error { _, err := r.Letters(soon(t), "", 1); return err },
		"revive":  func() error { _, err := r.Revive(soon(t), "1-0"); return err },
		"discard": func() error { _, err := r.Discard(soon(t), "1-0"); return err },
	} {
		if err := call(); err == nil || errors.Is(err, ErrRefused) {
			t.Errorf("%s = %v, want an unknown outcome", name, err)
		}
	}
}
