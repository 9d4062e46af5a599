package chatlog

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"eclipse/internal/chatlog/redistest"
)

// client is one instance's view of a store.
type client interface {
	Log
	Bus
	Outbox
}

// fixture is a store under test.
type fixture struct {
	connect func(t *testing.T) client // one more instance on the same store, with a holder of its own
	// slackTrim is how many entries more than the window a store may keep.
	slackTrim int
}

// stores are the implementations that the contract suite runs on.
var stores = []struct {
	name string
	open func(t *testing.T, o Options) fixture
}{
	{"memory", openMemory},
	{"disk", openDiskStore},
	{"redis", openRedis},
}

func openMemory(_ *testing.T, o Options) fixture {
	first := NewMemory(o)
	return fixture{connect: func(t *testing.T) client {
		handle := first.Handle()
		t.Cleanup(func() { handle.Close() })
		return handle
	}}
}

func openRedis(t *testing.T, o Options) fixture {
	server := redistest.Start(t)
	return fixture{slackTrim: 200, connect: func(t *testing.T) client { return dialRedis(t, server, o) }}
}

// onEveryStore runs a case on each implementation, with a small window.
func onEveryStore(t *testing.T, window int, run func(t *testing.T, f fixture)) {
	withOptions(t, Options{Window: window}, run)
}

func withOptions(t *testing.T, o Options, run func(t *testing.T, f fixture)) {
	for _, store := range stores {
		t.Run(store.name, func(t *testing.T) { run(t, store.open(t, o)) })
	}
}

func dialRedis(t testing.TB, server *redistest.Server, o Options) *Redis {
	t.Helper()
	r, err := NewRedis(RedisOptions{URL: server.URL(), Options: o, ClientName: "chatlog-test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func soon(t testing.TB) context.Context { return within(t, 20*time.Second) }

var chatCount atomic.Int64

func newChat() string { return fmt.Sprintf("chat-%d", chatCount.Add(1)) }

func event(chatID, key string, aliases ...string) Append {
	return Append{ChatID: chatID, Key: key, Aliases: aliases, Body: fmt.Appendf(nil, `{"type":"message","key":%q}`, key)}
}

// mustAppend logs one event.
func mustAppend(t testing.TB, l Log, item Append) Appended {
	t.Helper()
	got := l.Append(soon(t), []Append{item})
	if len(got) != 1 || got[0].Err != nil {
		t.Fatalf("append %s: %+v", item.Key, got)
	}
	return got[0]
}

func mustHead(t testing.TB, l Log, chatID string) Position {
	t.Helper()
	heads, err := l.Heads(soon(t), []string{chatID})
	if err != nil || len(heads) != 1 {
		t.Fatalf("heads: %v, %v", heads, err)
	}
	return heads[0].Position
}

func mustRead(t testing.TB, l Log, chatID string, after Position, limit int) Page {
	t.Helper()
	page, err := l.Read(soon(t), chatID, after, limit)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	return page
}

// readAll reads a whole log page by page.
func readAll(t testing.TB, l Log, chatID string) []Entry {
	t.Helper()
	var all []Entry
	page := mustRead(t, l, chatID, Position{}, 7)
	for len(page.Entries) > 0 {
		all = append(all, page.Entries...)
		page = mustRead(t, l, chatID, Position{page.Head.Epoch, all[len(all)-1].Offset}, 7)
		if page.Gap {
			t.Fatalf("a gap after offset %d", all[len(all)-1].Offset)
		}
	}
	return all
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	if !comesTrue(ok) {
		t.Fatalf("in vain: %s", what)
	}
}

// comesTrue is for goroutines, which must not end the test.
func comesTrue(ok func() bool) bool {
	for deadline := time.Now().Add(20 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(2 * time.Millisecond)
	}
	return true
}

// heard collects what a feed delivers.
type heard struct {
	mu       sync.Mutex
	payloads map[string][]string
}

func (h *heard) deliver(chatID string, payload []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.payloads == nil {
		h.payloads = make(map[string][]string)
	}
	h.payloads[chatID] = append(h.payloads[chatID], string(payload))
}

func (h *heard) of(chatID string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string(nil), h.payloads[chatID]...)
}

func mustDial(t testing.TB, b Bus, deliver func(string, []byte)) Feed {
	t.Helper()
	feed, err := b.Dial(soon(t), deliver)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(func() { feed.Close() })
	return feed
}

func mustSubscribe(t testing.TB, f Feed, chatIDs ...string) {
	t.Helper()
	if err := f.Subscribe(soon(t), chatIDs); err != nil {
		t.Fatalf("subscribe: %v", err)
	}
}

const everyCharacter = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

func allCharacters() []string {
	return []string{everyCharacter, "-", "_", "0", strings.Repeat("z", 64)}
}
