package chatlog

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"eclipse/internal/chatlog/redistest"
)

// started is a log with five entries.
func started(t *testing.T, r *Redis) (chatID string, head Position) {
	t.Helper()
	chatID = newChat()
	for i := range 5 {
		head = mustAppend(t, r, event(chatID, fmt.Sprint("k", i))).Position
	}
	return chatID, head
}

// clockPasses waits until the server's clock is later than an epoch, since a wipe leaves nothing to be greater than.
func clockPasses(t *testing.T, epoch string) {
	t.Helper()
	ms, err := strconv.ParseInt(epoch[:12], 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the clock goes on", func() bool { return time.Now().UnixMilli() > ms })
}

func TestALostKeyBeginsAGreaterEpoch(t *testing.T) {
	server := redistest.Start(t)
	losses := map[string]func(chatID string){
		"log":     func(c string) { server.Do("DEL", "log:{"+c+"}") },
		"head":    func(c string) { server.Do("DEL", "head:{"+c+"}") },
		"keys":    func(c string) { server.Do("DEL", "keys:{"+c+"}") },
		"a field": func(c string) { server.Do("HDEL", "head:{"+c+"}", "offset") },
		"all":     func(string) { server.FlushAll() },
		"a clock that went back": func(c string) { // the epoch lies in the future, as after the clock went back
			server.Do("HSET", "head:{"+c+"}", "epoch", "0fffffffffff00000000")
			server.Do("DEL", "log:{"+c+"}")
		},
	}
	for name, lose := range losses {
		t.Run(name, func(t *testing.T) {
			r := dialRedis(t, server, Options{})
			chatID, before := started(t, r)
			clockPasses(t, before.Epoch)
			lose(chatID)
			head := mustHead(t, r, chatID)
			if name == "a clock that went back" {
				before.Epoch = "0fffffffffff00000000"
			}
			if head.Epoch <= before.Epoch || len(head.Epoch) != 20 || head.Offset != 0 {
				t.Fatalf("head = %+v after %+v", head, before)
			}
			if rest := server.Do("EXISTS", "log:{"+chatID+"}", "keys:{"+chatID+"}"); rest != "0" {
				t.Errorf("%s keys of the old log are left", rest)
			}
			page := mustRead(t, r, chatID, before, 10)
			if !page.Gap || len(page.Entries) != 0 || page.Head != head {
				t.Errorf("read after the old position = %+v", page)
			}
			again := mustAppend(t, r, event(chatID, "k0"))
			if again.Repeat || again.Position != (Position{head.Epoch, 1}) {
				t.Errorf("the old key is %+v", again)
			}
		})
	}
}

// Whoever has seen a later epoch than the server's clock shows begins none that is less, though nothing is left of it.
func TestAWipeAndAClockThatWentBack(t *testing.T) {
	server := redistest.Start(t)
	const future = "0fffffffffff00000000"
	for name, see := range map[string]func(r *Redis, chatID string){
		"append": func(r *Redis, c string) { mustAppend(t, r, event(c, "new")) },
		"read":   func(r *Redis, c string) { mustRead(t, r, c, Position{}, 1) },
		"heads":  func(r *Redis, c string) { mustHead(t, r, c) },
	} {
		t.Run(name, func(t *testing.T) {
			r := dialRedis(t, server, Options{})
			chatID, _ := started(t, r)
			server.Do("HSET", "head:{"+chatID+"}", "epoch", future)
			see(r, chatID)
			server.FlushAll()
			if head := mustHead(t, r, chatID); head.Epoch <= future || len(head.Epoch) != len(future) {
				t.Errorf("head = %+v after %s", head, future)
			}
			if head := mustHead(t, dialRedis(t, server, Options{}), newChat()); head.Epoch >= future {
				t.Errorf("an instance that has not seen it begins %+v", head)
			}
		})
	}
}

func TestAnOperationOfAnyKindFindsTheLoss(t *testing.T) {
	server := redistest.Start(t)
	r := dialRedis(t, server, Options{})
	for name, use := range map[string]func(chatID string) (Position, error){
		"append": func(c string) (Position, error) {
			got := r.Append(soon(t), []Append{event(c, "new")})[0]
			return got.Position, got.Err
		},
		"read": func(c string) (Position, error) {
			page, err := r.Read(soon(t), c, Position{}, 1)
			return page.Head, err
		},
		"lookup": func(c string) (Position, error) {
			found, err := r.Lookup(soon(t), c, []string{"k1"})
			if len(found) == 1 && found[0] != nil {
				t.Errorf("a lost log still has %+v", found[0])
			}
			return mustHead(t, r, c), err
		},
	} {
		t.Run(name, func(t *testing.T) {
			chatID, before := started(t, r)
			server.Do("DEL", "head:{"+chatID+"}")
			if after, err := use(chatID); err != nil || after.Epoch <= before.Epoch {
				t.Fatalf("%+v (%v) after %+v", after, err, before)
			}
		})
	}
}

func TestKeysLiveForRetention(t *testing.T) {
	server := redistest.Start(t)
	r := dialRedis(t, server, Options{Retention: 32 * time.Hour})
	chatID, _ := started(t, r)
	empty := newChat()
	mustHead(t, r, empty)
	least := (32 * time.Hour).Milliseconds() - time.Minute.Milliseconds()
	check := func(keys ...string) {
		t.Helper()
		for _, key := range keys {
			if ttl, _ := strconv.ParseInt(server.Do("PTTL", key), 10, 64); ttl < least {
				t.Errorf("%s lives for %d ms, want at least %d", key, ttl, least)
			}
		}
	}
	keys := keysOf(chatID)
	check(keys...)
	check(keysOf(empty)[1])
	// Once the expiry is stale, Heads and appends (repeats too) set it anew.
	for _, touch := range []func(){
		func() { mustHead(t, r, chatID) },
		func() { mustAppend(t, r, event(chatID, "new")) },
		func() { mustAppend(t, r, event(chatID, "new")) },
	} {
		for _, key := range keys {
			server.Do("PEXPIRE", key, "600000")
		}
		server.Do("HSET", keys[1], "prolonged", "1")
		touch()
		check(keys...)
	}
}

func TestOldEventKeysArePruned(t *testing.T) {
	server := redistest.Start(t)
	r := dialRedis(t, server, Options{})
	chatID, _ := started(t, r)
	head := keysOf(chatID)[1]
	dayOld := func() {
		server.Do("HSET", head, "marked", strconv.FormatInt(time.Now().Add(-KeyAge-time.Second).UnixMilli(), 10))
	}

	dayOld() // the checkpoint at offset 0: nothing is that old
	mustAppend(t, r, event(chatID, "k5"))
	if again := mustAppend(t, r, event(chatID, "k0")); !again.Repeat {
		t.Fatal("a key that is younger than the checkpoint is gone")
	}
	dayOld() // the checkpoint at offset 6
	if again := mustAppend(t, r, event(chatID, "k0")); !again.Repeat {
		t.Fatal("a repeat alone prunes")
	}
	mustAppend(t, r, event(chatID, "k6"))
	if again := mustAppend(t, r, event(chatID, "k6")); !again.Repeat {
		t.Fatal("the newest key was pruned")
	}
	if again := mustAppend(t, r, event(chatID, "k0")); again.Repeat || again.Position.Offset != 8 {
		t.Fatalf("a pruned key = %+v, want offset 8 of the same log", again)
	}
	if n := server.Do("ZCARD", keysOf(chatID)[2]); n != "2" {
		t.Fatalf("%s keys are left, want 2", n)
	}
}

func TestALostAnswerIsARepeat(t *testing.T) {
	server := redistest.Start(t)
	r := dialRedis(t, server, Options{})
	chatID, _ := started(t, r)
	server.Pause()
	lost := r.Append(within(t, 100*time.Millisecond), []Append{event(chatID, "new"), event(chatID, "newer")})
	server.Resume()
	for _, got := range lost {
		if !errors.Is(got.Err, context.DeadlineExceeded) || errors.Is(got.Err, ErrRefused) {
			t.Fatalf("append on a paused server = %v", got.Err)
		}
	}
	for i, key := range []string{"new", "newer"} {
		if again := mustAppend(t, r, event(chatID, key)); !again.Repeat || again.Position.Offset != uint64(6+i) || again.Payload == nil {
			t.Fatalf("the second try = %+v", again)
		}
	}
	if entries := readAll(t, r, chatID); len(entries) != 7 {
		t.Fatalf("%d entries, want 7", len(entries))
	}
}

func TestRestartIsSurvived(t *testing.T) {
	server := redistest.Start(t)
	r := dialRedis(t, server, Options{})
	chatID, before := started(t, r)
	feed := mustDial(t, r, func(string, []byte) {})
	server.Kill()
	select {
	case <-feed.Done():
	case <-time.After(5 * time.Second):
		t.Fatal("the feed does not notice that its server is dead")
	}
	if feed.Err() == nil {
		t.Error("a broken feed has no reason")
	}
	if got := r.Append(soon(t), []Append{event(chatID, "x")})[0]; got.Err == nil || errors.Is(got.Err, ErrRefused) {
		t.Fatalf("append on a dead server = %+v", got)
	}
	if _, err := r.Dial(soon(t), func(string, []byte) {}); err == nil {
		t.Fatal("dialed a dead server")
	}
	if r.Ping(soon(t)) == nil {
		t.Fatal("a dead server answers")
	}
	server.Restart()
	eventually(t, "the server answers", func() bool { return r.Ping(soon(t)) == nil })
	// The restarted server does not know the scripts.
	many := []Append{event(newChat(), "a"), event(chatID, "k0"), event(newChat(), "b"), event(chatID, "k9")}
	got := r.Append(soon(t), many)
	for i, want := range []uint64{1, 1, 1, 2} {
		if got[i].Err != nil || got[i].Repeat || got[i].Position.Offset != want {
			t.Errorf("append %d after the restart = %+v", i, got[i])
		}
	}
	if got[1].Position.Epoch <= before.Epoch {
		t.Errorf("epoch %s after %s", got[1].Position.Epoch, before.Epoch)
	}
	var ears heard
	second := mustDial(t, r, ears.deliver)
	mustSubscribe(t, second, chatID)
	mustAppend(t, r, event(chatID, "heard"))
	eventually(t, "the new feed hears", func() bool { return len(ears.of(chatID)) == 1 })
}

func TestPausedServerHoldsNobodyUp(t *testing.T) {
	server := redistest.Start(t)
	r := dialRedis(t, server, Options{})
	feed := mustDial(t, r, func(string, []byte) {})
	mustSubscribe(t, feed, "a")
	server.Pause()
	defer server.Resume()
	begin := time.Now()
	short := 150 * time.Millisecond
	if err := feed.Probe(within(t, short)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("probe: %v", err)
	}
	if feed.Err() != nil {
		t.Errorf("a failed probe ended the feed: %v", feed.Err())
	}
	if err := feed.Subscribe(within(t, short), []string{"b"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("subscribe: %v", err)
	}
	<-feed.Done()
	if _, err := r.Dial(within(t, short), func(string, []byte) {}); err == nil {
		t.Error("dialed a paused server")
	}
	if _, err := r.Heads(within(t, short), []string{"a"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("heads: %v", err)
	}
	for range 600 { // more calls than the library's queue holds
		if r.Ping(within(t, time.Millisecond)) == nil {
			t.Fatal("a paused server answers")
		}
	}
	unconnected := dialRedis(t, server, Options{})
	go unconnected.Ping(within(t, 10*time.Second)) // opens the connection that the next call waits for
	if err := unconnected.Ping(within(t, short)); err == nil {
		t.Error("a paused server answers")
	}
	unconnected.Close()
	other, err := NewRedis(RedisOptions{URL: server.URL()})
	if err != nil {
		t.Fatal(err)
	}
	other.Close()
	r.Close()
	if took := time.Since(begin); took > 8*time.Second {
		t.Errorf("a paused server held us up for %v", took)
	}
}

func TestLargeBatchesKeepOrder(t *testing.T) {
	server := redistest.Start(t)
	r := dialRedis(t, server, Options{})
	chatID, other := newChat(), newChat()
	large := `"` + strings.Repeat("x", 60<<10) + `"`
	var items []Append
	for i := range 3*maxEvents + 1 {
		item := event(chatID, fmt.Sprint("k", i))
		if i%9 == 0 {
			item.Body = []byte(`{"content":` + large + `}`)
		}
		items = append(items, item)
	}
	items = append(items, event(other, "k"))
	for i, got := range r.Append(soon(t), items) {
		want := uint64(i + 1)
		if i == len(items)-1 {
			want = 1
		}
		if got.Err != nil || got.Position.Offset != want {
			t.Fatalf("append %d = %+v (%v)", i, got.Position, got.Err)
		}
	}
}
