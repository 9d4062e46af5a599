package actors

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"eclipse/actors/messages"
	"eclipse/internal/chatlog"
	"eclipse/internal/wire"
)

// hookedLog is a log and a bus whose answers a test may give instead. Hooks are set before the router starts.
type hookedLog struct {
	*chatlog.Memory
	append  func(context.Context, []chatlog.Append) []chatlog.Appended
	read    func(context.Context, chatlog.Position) (chatlog.Page, error)
	heads   func(context.Context, []string) ([]chatlog.Head, error)
	lookUp  func(ctx context.Context, chatID string, keys []string) ([]*chatlog.Entry, error)
	publish func(context.Context, []chatlog.Publication) error
	dial    func(context.Context, func(string, []byte)) (chatlog.Feed, error)
}

func (l *hookedLog) Append(ctx context.Context, items []chatlog.Append) []chatlog.Appended {
	if l.append != nil {
		return l.append(ctx, items)
	}
	return l.Memory.Append(ctx, items)
}

func (l *hookedLog) Read(ctx context.Context, id string, after chatlog.Position, n int) (chatlog.Page, error) {
	if l.read != nil {
		return l.read(ctx, after)
	}
	return l.Memory.Read(ctx, id, after, n)
}

func (l *hookedLog) Heads(ctx context.Context, ids []string) ([]chatlog.Head, error) {
	if l.heads != nil {
		return l.heads(ctx, ids)
	}
	return l.Memory.Heads(ctx, ids)
}

func (l *hookedLog) Lookup(ctx context.Context, id string, keys []string) ([]*chatlog.Entry, error) {
	if l.lookUp != nil {
		return l.lookUp(ctx, id, keys)
	}
	return l.Memory.Lookup(ctx, id, keys)
}

func (l *hookedLog) Publish(ctx context.Context, items []chatlog.Publication) error {
	if l.publish != nil {
		return l.publish(ctx, items)
	}
	return l.Memory.Publish(ctx, items)
}

func (l *hookedLog) Dial(ctx context.Context, hear func(string, []byte)) (chatlog.Feed, error) {
	if l.dial != nil {
		return l.dial(ctx, hear)
	}
	return l.Memory.Dial(ctx, hear)
}

func newHooked(t *testing.T) *hookedLog {
	m := chatlog.NewMemory(chatlog.Options{})
	t.Cleanup(func() { m.Close() })
	return &hookedLog{Memory: m}
}

// holdHeads has no head told until release is closed. Before the router starts.
func (l *hookedLog) holdHeads() (release chan struct{}) {
	release = make(chan struct{})
	l.heads = func(ctx context.Context, ids []string) ([]chatlog.Head, error) {
		<-release
		return l.Memory.Heads(ctx, ids)
	}
	return release
}

// holdLookUps has no look-up answered until release is closed; each is told of as it begins. Before the router starts.
func (l *hookedLog) holdLookUps() (asked <-chan struct{}, release chan struct{}) {
	begun := make(chan struct{}, 10)
	release = make(chan struct{})
	l.lookUp = func(ctx context.Context, chatID string, keys []string) ([]*chatlog.Entry, error) {
		begun <- struct{}{}
		<-release
		return l.Memory.Lookup(ctx, chatID, keys)
	}
	return begun, release
}

func (l *hookedLog) start(t *testing.T, cfg Config, api *fakeAPI) *fixture {
	return startOn(t, cfg, api, l.Memory, l, l)
}

// patient never serves without the log.
func patient() Config {
	cfg := quick()
	cfg.LogPatience = time.Minute
	return cfg
}

// epochs are the memory log's own and one that is greater.
func epochs(t *testing.T, m *chatlog.Memory) (now, greater string) {
	heads, err := m.Heads(context.Background(), []string{"c1"})
	if err != nil {
		t.Fatal(err)
	}
	return heads[0].Epoch, strings.Repeat("f", len(heads[0].Epoch))
}

// entry is an entry of a log with a message named after its place.
func entry(epoch string, offset uint64) chatlog.Entry {
	name := fmt.Sprintf("%s%d", epoch[:1], offset)
	body := fmt.Sprintf(`{"type":"message","data":{"id":%q,"content":%q,"sender":{}},"timestamp":"t","chatId":"c1"}`, name, name)
	return chatlog.Entry{Offset: offset, Key: wire.MessageKey(name), Payload: chatlog.Seal([]byte(body), chatlog.Position{Epoch: epoch, Offset: offset})}
}

func entries(epoch string, from, to uint64) (all []chatlog.Entry) {
	for o := from; o <= to; o++ {
		all = append(all, entry(epoch, o))
	}
	return all
}

// A page asked for in an epoch that ended meanwhile says nothing about the new one, whose entries are all read.
func TestPageOfAnEndedEpochIsDiscarded(t *testing.T) {
	log := newHooked(t)
	now, next := epochs(t, log.Memory)
	asked, release := make(chan struct{}, 10), make(chan struct{})
	log.read = func(_ context.Context, after chatlog.Position) (chatlog.Page, error) {
		if after.Epoch == next {
			return chatlog.Page{Head: chatlog.Position{Epoch: next, Offset: 3}, Entries: entries(next, after.Offset+1, 3)}, nil
		}
		asked <- struct{}{}
		<-release
		return chatlog.Page{Head: chatlog.Position{Epoch: now, Offset: 60}, Gap: true, Entries: entries(now, 50, 60)}, nil
	}
	f := log.start(t, patient(), newAPI())
	c := f.connect("c1", "u1", signedIn, part2)
	chat := f.chatPID("c1")
	f.send(chat, payloadMessage(entry(now, 9).Payload))
	<-asked
	f.send(chat, payloadMessage(entry(next, 3).Payload))
	c.hears("resumed", 1) // the new epoch has begun
	close(release)
	c.heardAtLeast(4)
	want := []string{entryName(now, 9), "f1", "f2", "f3"}
	if got := c.contents(); !slices.Equal(got, want) {
		t.Errorf("delivered %v, want %v", got, want)
	}
	for i, m := range c.of("message")[1:] {
		if m["epoch"] != next || m["offset"] != float64(i+1) {
			t.Errorf("%d at %v %v", i, m["epoch"], m["offset"])
		}
	}
}

func entryName(epoch string, offset uint64) string { return fmt.Sprintf("%s%d", epoch[:1], offset) }

// An event logged in an epoch that has ended is logged again in the one that counts, before what came behind it.
func TestAppendOfAnEndedEpochIsRepeated(t *testing.T) {
	log := newHooked(t)
	now, next := epochs(t, log.Memory)
	var calls atomic.Int32
	asked, release := make(chan struct{}), make(chan struct{})
	offset := uint64(1)
	log.append = func(_ context.Context, items []chatlog.Append) (out []chatlog.Appended) {
		first := calls.Add(1) == 1
		if first {
			close(asked)
			<-release
		}
		for _, item := range items {
			at := chatlog.Position{Epoch: now, Offset: 1}
			if !first {
				offset++
				at = chatlog.Position{Epoch: next, Offset: offset}
			}
			out = append(out, chatlog.Appended{Position: at, Payload: chatlog.Seal(item.Body, at)})
		}
		return out
	}
	log.read = func(_ context.Context, after chatlog.Position) (chatlog.Page, error) {
		return chatlog.Page{Head: chatlog.Position{Epoch: next, Offset: 1}, Entries: entries(next, after.Offset+1, 1)}, nil
	}
	f := log.start(t, patient(), newAPI())
	f.routed(routeBatch)
	c := f.connect("c1", "u1", signedIn, part2)
	c.sayID("mine", "id-1")
	<-asked
	if err := log.Memory.Handle().Publish(context.Background(), []chatlog.Publication{{ChatID: "c1", Payload: entry(next, 1).Payload}}); err != nil {
		t.Fatal(err)
	}
	c.hears("message", 1)
	c.sayID("next", "id-2")
	eventually(t, "the next one waits for the log", func() bool { return f.logging.Load() == 2 })
	close(release)
	c.hears("ack", 2)
	for i, a := range c.of("ack") {
		if a["epoch"] != next || a["offset"] != float64(2+i) {
			t.Errorf("ack %v", a)
		}
	}
	if got := c.contents(); !slices.Equal(got, []string{"f1", "mine", "next"}) || calls.Load() != 2 {
		t.Errorf("delivered %v after %d appends", got, calls.Load())
	}
}

// A log that goes back to an epoch that has ended, as from a backup, holds nothing up.
func TestLogThatWentBack(t *testing.T) {
	log := newHooked(t)
	now, next := epochs(t, log.Memory)
	var calls atomic.Int32
	log.append = func(_ context.Context, items []chatlog.Append) []chatlog.Appended {
		at := chatlog.Position{Epoch: now, Offset: uint64(calls.Add(1))}
		return []chatlog.Appended{{Position: at, Payload: chatlog.Seal(items[0].Body, at)}}
	}
	f := log.start(t, patient(), newAPI())
	f.routed(routeBatch)
	c := f.connect("c1", "u1", signedIn, part2)
	if err := log.Memory.Handle().Publish(context.Background(), []chatlog.Publication{{ChatID: "c1", Payload: entry(next, 1).Payload}}); err != nil {
		t.Fatal(err)
	}
	c.hears("resumed", 1)
	c.sayID("mine", "id-1")
	c.hearsAcks("id-1", "stored")
	if calls.Load() != 2 || f.logging.Load() != 0 || f.underway.Load() != 0 {
		t.Errorf("%d appends, %d and %d under way", calls.Load(), f.logging.Load(), f.underway.Load())
	}
}

// Entries that the log has trimmed before they were heard are lost: counted, told, and passed over.
func TestTrimmedGapIsToldAndPassed(t *testing.T) {
	log := newHooked(t)
	now, _ := epochs(t, log.Memory)
	log.read = func(_ context.Context, after chatlog.Position) (chatlog.Page, error) {
		from := max(after.Offset+1, 5)
		return chatlog.Page{Head: chatlog.Position{Epoch: now, Offset: 7}, Gap: after.Offset < 4, Entries: entries(now, from, 7)}, nil
	}
	f := log.start(t, patient(), newAPI())
	c, old := f.connect("c1", "u1", signedIn, part2), f.connect("c1", "u2", signedIn)
	f.send(f.chatPID("c1"), payloadMessage(entry(now, 7).Payload))
	for _, each := range []*client{c, old} {
		each.hears("message", 3)
		for i, m := range each.of("message") {
			if m["offset"] != float64(5+i) {
				t.Errorf("%d at %v", i, m["offset"])
			}
		}
	}
	c.hears("resumed", 1)
	if r := c.of("resumed")[0]; r["recovered"] != false {
		t.Errorf("resumed %v", r)
	}
	if old.count("resumed") != 0 {
		t.Error("an old client got a frame of part 2")
	}
	var counted dto.Metric
	if err := f.metrics.LogGaps.Write(&counted); err != nil || counted.Counter.GetValue() != 1 {
		t.Errorf("gaps %v, error %v", counted.Counter.GetValue(), err)
	}
}

// Who is not greeted yet gets nothing of the log: it begins at the place that its greeting tells.
func TestNothingOfTheLogBeforeTheGreeting(t *testing.T) {
	store, release := newDurable(t), make(chan struct{})
	for i := range 3 {
		body := fmt.Appendf(nil, `{"type":"message","data":{"id":"m%d","content":"m","role":"user","sender":{}},"timestamp":"t","chatId":"c1"}`, i)
		store.other(t).Append(context.Background(), []chatlog.Append{{ChatID: "c1", Key: wire.MessageKey(fmt.Sprint("m", i)), Body: body}})
	}
	f := store.hooked(t, newAPI(), &hookedStore{heads: func() { <-release }}, func(c *Config) { c.OrphanCheck, c.WelcomeTimeout = time.Hour, time.Hour })
	c := f.connectOnly("c1", "ada", signedIn, part2)
	eventually(t, "the chat is there", func() bool { return f.memberships.Load() == 1 })
	now, _ := epochs(t, store.Memory)
	page := &messages.ReadResult{Request: &messages.ReadRequest{ChatId: "c1"}, Epoch: now, Head: 3}
	f.send(f.chatPID("c1"), page)
	page = &messages.ReadResult{Request: &messages.ReadRequest{ChatId: "c1", Epoch: now}, Epoch: now, Head: 3}
	for _, e := range entries(now, 1, 3) {
		page.Entries = append(page.Entries, &messages.Entry{Offset: e.Offset, Key: e.Key, Payload: e.Payload})
	}
	f.send(f.chatPID("c1"), page)
	close(release)
	eventually(t, "connected", func() bool { return c.count("connected") == 1 })
	if connected := c.of("connected")[0]; c.count("message") != 0 || connected["offset"] != 3.0 {
		t.Errorf("%d messages beside %v", c.count("message"), connected)
	}
}
