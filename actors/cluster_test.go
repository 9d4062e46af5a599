package actors

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"eclipse/internal/chatlog"
	"eclipse/internal/wire"
)

// pair is two routers on one log and bus.
func pair(t *testing.T, api *fakeAPI) (a, b *fixture, shared *chatlog.Memory) {
	t.Helper()
	shared = chatlog.NewMemory(chatlog.Options{})
	t.Cleanup(func() { shared.Close() })
	first, second := shared.Handle(), shared.Handle()
	a, b = startOn(t, quick(), api, shared, first, first), startOn(t, quick(), api, shared, second, second)
	return a, b, shared
}

func TestTwoInstancesActAsOne(t *testing.T) {
	a, b, _ := pair(t, newAPI())
	visitor, agent := a.connect("c1", "anon_1"), b.connect("c1", "u1", signedIn)
	const each = 40
	var wg sync.WaitGroup
	for _, c := range []*client{visitor, agent} {
		wg.Go(func() {
			for i := range each {
				c.say(fmt.Sprintf("%p %d", c, i))
			}
		})
	}
	wg.Wait()
	visitor.hears("message", 2*each)
	agent.hears("message", 2*each)
	if !slices.Equal(visitor.contents(), agent.contents()) {
		t.Error("the instances deliver in different orders")
	}
	for i, f := range visitor.of("message") {
		if f["offset"] != float64(i+1) {
			t.Fatalf("offset %v at %d", f["offset"], i)
		}
	}
}

// The old API publishes each message itself before it answers: every instance hears it raw, one copy is delivered.
func TestOldAPIThatPublishes(t *testing.T) {
	api := newAPI()
	a, b, shared := pair(t, api)
	outside := shared.Handle()
	api.set(func() {
		api.old = true
		api.publish = func(chatID string, payload []byte) {
			_ = outside.Publish(context.Background(), []chatlog.Publication{{ChatID: chatID, Payload: payload}})
		}
	})
	visitor, agent := a.connect("c1", "anon_1"), b.connect("c1", "u1", signedIn, part2)
	var want []string
	for i := range 20 {
		want = append(want, strconv.Itoa(i))
		visitor.say(want[i])
	}
	agent.sayID("mine", "id-1")
	agent.hears("ack", 1)
	agent.sayID("mine", "id-1")
	agent.hears("ack", 2)
	visitor.hears("message", 21)
	agent.hears("message", 21)
	got := slices.DeleteFunc(visitor.contents(), func(s string) bool { return s == "mine" })
	if !slices.Equal(got, want) || !slices.Equal(visitor.contents(), agent.contents()) {
		t.Errorf("visitor %v, agent %v", visitor.contents(), agent.contents())
	}
}

func TestRepeatOverAnotherInstanceWithTheOldAPI(t *testing.T) {
	api := newAPI()
	api.old = true
	a, b, _ := pair(t, api)
	first := a.connect("c1", "u1", signedIn, part2)
	first.sayID("x", "id-1")
	first.hears("ack", 1)
	again := b.connect("c1", "u1", signedIn, part2)
	again.say("learns that the API is old")
	again.hears("message", 1)
	again.sayID("x", "id-1")
	again.hears("ack", 1)
	if a, b := first.of("ack")[0], again.of("ack")[0]; a["id"] != b["id"] || a["offset"] != b["offset"] {
		t.Errorf("acks %v and %v", a, b)
	}
	if got := api.stored(); len(got) != 2 {
		t.Errorf("stored %v", got)
	}
}

func TestWhatTheAPIPublishesPassesUntouched(t *testing.T) {
	a, b, shared := pair(t, newAPI())
	visitor, agent := a.connect("c1", "anon_1"), b.connect("c1", "u1", signedIn)
	outside := shared.Handle()
	for _, payload := range []string{
		`{"type":"message","data":{"id":"x1","content":"from the bot","role":"assistant","timestamp":"t","sender":{"id":"b","name":"Bot","email":"bot@example.com","avatar":null},"new":[1,2]},"timestamp":"t"}`,
		`{"type":"message","data":{"id":"x1","content":"from the bot","role":"assistant","timestamp":"t","sender":null},"timestamp":"t"}`,
		`{"type":"message_updated","data":{"id":"x1","content":"edited","updatedAt":"t2","sender":{}},"timestamp":"t"}`,
		`{"type":"agent_joined","data":{"agentId":"u9","agentName":"eve@example.com","timestamp":"t"},"timestamp":"t"}`,
		`{"type":"something_new","data":{"a":1}}`,
		`not json`, `[]`, `{"type":5}`, `"text"`, `{"type":"presence","data":{"userId":"u","status":"online"}}`,
	} {
		if err := outside.Publish(context.Background(), []chatlog.Publication{{ChatID: "c1", Payload: []byte(payload)}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []*client{visitor, agent} {
		c.hears("something_new", 1)
		c.hears("message", 1)
		c.hears("message_updated", 1)
		c.hears("agent_joined", 1)
	}
	if d := data(agent.of("message")[0]); fmt.Sprint(d["new"]) != "[1 2]" || d["sender"].(map[string]any)["email"] != "bot@example.com" {
		t.Errorf("agent saw %v", d)
	}
	if d := data(visitor.of("message")[0]); d["sender"].(map[string]any)["email"] != nil {
		t.Errorf("visitor saw %v", d)
	}
	if d := data(visitor.of("agent_joined")[0]); strings.Contains(d["agentName"].(string), "@") {
		t.Errorf("an address as a name: %v", d)
	}
}

// faultyLog is a log that can be away, and a bus whose publishes can be lost.
type faultyLog struct {
	*chatlog.Memory
	away atomic.Bool
	deaf atomic.Bool
}

var errAway = errors.New("away")

func (l *faultyLog) Append(ctx context.Context, items []chatlog.Append) []chatlog.Appended {
	if !l.away.Load() {
		return l.Memory.Append(ctx, items)
	}
	out := make([]chatlog.Appended, len(items))
	for i := range out {
		out[i].Err = errAway
	}
	return out
}

func (l *faultyLog) Heads(ctx context.Context, ids []string) ([]chatlog.Head, error) {
	if l.away.Load() {
		return nil, errAway
	}
	return l.Memory.Heads(ctx, ids)
}

func (l *faultyLog) Read(ctx context.Context, id string, after chatlog.Position, n int) (chatlog.Page, error) {
	if l.away.Load() {
		return chatlog.Page{}, errAway
	}
	return l.Memory.Read(ctx, id, after, n)
}

func (l *faultyLog) Dial(ctx context.Context, hear func(string, []byte)) (chatlog.Feed, error) {
	return l.Memory.Dial(ctx, func(chatID string, payload []byte) {
		if !l.deaf.Load() {
			hear(chatID, payload)
		}
	})
}

func faultyPair(t *testing.T) (a, b *fixture, logA, logB *faultyLog) {
	t.Helper()
	shared := chatlog.NewMemory(chatlog.Options{})
	t.Cleanup(func() { shared.Close() })
	api := newAPI()
	logA, logB = &faultyLog{Memory: shared.Handle()}, &faultyLog{Memory: shared.Handle()}
	return startOn(t, quick(), api, shared, logA, logA), startOn(t, quick(), api, shared, logB, logB), logA, logB
}

// A lost publish shows as a hole at the next one, and a lost last one at the next comparison of heads.
func TestLostPublishesAreReadFromTheLog(t *testing.T) {
	a, b, _, logB := faultyPair(t)
	visitor, agent := a.connect("c1", "anon_1"), b.connect("c1", "u1", signedIn)
	visitor.say("heard")
	agent.hears("message", 1)
	logB.deaf.Store(true)
	visitor.say("lost")
	visitor.hears("message", 2)
	logB.deaf.Store(false)
	visitor.say("shows the hole")
	agent.hears("message", 3)
	logB.deaf.Store(true)
	visitor.say("lost and last")
	agent.hears("message", 4)
	if got := agent.contents(); !slices.Equal(got, []string{"heard", "lost", "shows the hole", "lost and last"}) {
		t.Errorf("agent heard %v", got)
	}
}

func TestLogAwayForLong(t *testing.T) {
	a, b, logA, _ := faultyPair(t)
	visitor, agent := a.connect("c1", "anon_1", part2), b.connect("c1", "u1", signedIn)
	visitor.say("before")
	agent.hears("message", 1)
	logA.away.Store(true)
	visitor.sayID("meanwhile", "id-1")
	visitor.hears("message", 2) // served without an offset after the patience
	visitor.hears("ack", 1)
	if f := visitor.of("message")[1]; f["offset"] != nil {
		t.Errorf("an offset without a log: %v", f)
	}
	visitor.say("at once")
	visitor.hears("message", 3)
	late := a.connect("c2", "anon_2") // a new chat greets without the log
	late.say("new chat")
	late.hears("message", 1)
	logA.away.Store(false)
	agent.hears("message", 3)
	visitor.say("after")
	agent.hears("message", 4)
	visitor.hears("message", 4)
	if want := []string{"before", "meanwhile", "at once", "after"}; !slices.Equal(visitor.contents(), want) || !slices.Equal(agent.contents(), want) {
		t.Errorf("visitor %v, agent %v", visitor.contents(), agent.contents())
	}
}

func TestLogAwayForShortKeepsOrderAndOffsets(t *testing.T) {
	cfg := quick()
	cfg.LogPatience = time.Minute
	shared := chatlog.NewMemory(chatlog.Options{})
	defer shared.Close()
	log := &faultyLog{Memory: shared}
	f := startOn(t, cfg, newAPI(), shared, log, log)
	f.routed(routeBatch) // else the log would have to be asked first
	c := f.connect("c1", "anon_1")
	log.away.Store(true)
	for i := range 10 {
		c.say(strconv.Itoa(i))
	}
	eventually(t, "stored", func() bool { return len(f.api.stored()) == 10 })
	if c.count("message") != 0 {
		t.Error("delivered without a place in the log")
	}
	log.away.Store(false)
	c.hears("message", 10)
	for i, m := range c.of("message") {
		if m["offset"] != float64(i+1) || data(m)["content"] != strconv.Itoa(i) {
			t.Errorf("%d: %v", i, m)
		}
	}
}

func TestFirstMessageWithoutALogFromTheStart(t *testing.T) {
	shared := chatlog.NewMemory(chatlog.Options{})
	defer shared.Close()
	log := &faultyLog{Memory: shared}
	log.away.Store(true)
	cfg := quick()
	cfg.WelcomeTimeout = 100 * time.Millisecond
	f := startOn(t, cfg, newAPI(), shared, log, log)
	c := f.connect("c1", "anon_1")
	c.say("x")
	c.hears("message", 1)
	log.away.Store(false)
	c.say("y")
	c.hears("message", 2)
}

// The log is lost: a new epoch begins, nothing is shown twice, part-2 clients are told.
func TestNewEpoch(t *testing.T) {
	f := single(t)
	old, now := f.connect("c1", "anon_1"), f.connect("c1", "u1", signedIn, part2)
	old.say("one")
	old.hears("message", 1)
	epoch := old.of("message")[0]["epoch"].(string)
	greater := strings.Repeat("f", len(epoch))
	sealed := func(o int, body string) []byte {
		return chatlog.Seal([]byte(body), chatlog.Position{Epoch: greater, Offset: uint64(o)})
	}
	var chatPID = f.chatPID("c1")
	f.send(chatPID, payloadMessage(sealed(1, `{"type":"message","data":{"id":"z","content":"two","sender":{}},"timestamp":"t","chatId":"c1"}`)))
	now.hears("resumed", 1)
	if r := now.of("resumed")[0]; r["recovered"] != false || r["epoch"] != greater {
		t.Errorf("resumed %v", r)
	}
	if old.count("resumed") != 0 {
		t.Error("an old client got a frame of part 2")
	}
}

func TestResumeReplaysWhatWasMissed(t *testing.T) {
	a, b, _ := pair(t, newAPI())
	visitor := a.connect("c1", "anon_1")
	agent := b.connect("c1", "u1", signedIn, part2)
	visitor.say("0")
	agent.hears("message", 1)
	last := agent.of("message")[0]
	agent.Gone()
	const missed = 450 // more than two pages
	for i := range missed {
		visitor.say(strconv.Itoa(i + 1))
		visitor.heardAtLeast(i - 100) // within the bound of a chat's saves
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { // live traffic while the replay runs
		for i := missed + 1; ; i++ {
			select {
			case <-stop:
				return
			default:
				visitor.say(strconv.Itoa(i))
				visitor.heardAtLeast(i + 1)
			}
		}
	})
	visitor.heardAtLeast(missed)
	back := b.connect("c1", "u1", signedIn, part2, resumeAt(wire.Position{Epoch: last["epoch"].(string), Offset: 1}))
	back.hears("resumed", 1)
	close(stop)
	wg.Wait()
	total := len(api(a).stored())
	back.heardAtLeast(total - 1)
	for i, m := range back.of("message") {
		if m["offset"] != float64(i+2) || data(m)["content"] != strconv.Itoa(i+1) {
			t.Fatalf("%d: %v", i, m)
		}
	}
	if r := back.of("resumed")[0]; r["recovered"] != true {
		t.Errorf("resumed %v", r)
	}
	wrong := b.connect("c1", "u1", signedIn, part2, resumeAt(wire.Position{Epoch: "0", Offset: 1}))
	wrong.hears("resumed", 1)
	if r := wrong.of("resumed")[0]; r["recovered"] != false {
		t.Errorf("resumed in another epoch %v", r)
	}
}
