package outboxcmd

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"eclipse/actors/messages"
	"eclipse/internal/chatlog"
	"eclipse/internal/chatlog/redistest"
	"eclipse/internal/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// router is what a running router has open.
type router interface {
	chatlog.Log
	chatlog.Outbox
}

// fixture is a store with the router that fills it, and the command beside it.
type fixture struct {
	t      testing.TB
	router router
	run    func(p printer, args ...string) int
	fence  map[string]uint64
}

// onEveryStore runs a test on memory, through the interface, and on a real Redis and a real file as the binary opens them.
func onEveryStore(t *testing.T, test func(t *testing.T, f *fixture)) {
	for name, open := range map[string]func(t *testing.T) *fixture{"memory": onMemory, "redis": onRedis, "disk": onlyDisk} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

var longLease = chatlog.Options{Holder: "router-1", Lease: time.Hour}

func onMemory(t *testing.T) *fixture {
	memory := chatlog.NewMemory(longLease)
	return onStore(t, memory, memory.Handle())
}

// onStore runs the command on a store that the test chose.
func onStore(t *testing.T, r router, s store) *fixture {
	open := func(context.Context) (store, error) { return s, nil }
	return &fixture{t: t, router: r, fence: map[string]uint64{}, run: func(p printer, args ...string) int {
		return run(t.Context(), args, open, p)
	}}
}

// configured runs the command with an environment.
func configured(t *testing.T, r router, environ ...string) *fixture {
	load := func() (config.Config, error) { return config.Load(environ, "") }
	return &fixture{t: t, router: r, fence: map[string]uint64{}, run: func(p printer, args ...string) int {
		return Run(t.Context(), args, load, p.out, p.notes)
	}}
}

func onRedis(t *testing.T) *fixture {
	server := redistest.Start(t)
	r, err := chatlog.NewRedis(chatlog.RedisOptions{URL: server.URL(), Options: longLease})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return configured(t, r, "REDIS_URL="+server.URL())
}

func onlyDisk(t *testing.T) *fixture {
	f, _ := onDisk(t)
	return f
}

func onDisk(t *testing.T) (f *fixture, path string) {
	dir := t.TempDir()
	path = filepath.Join(dir, "router.db")
	d, err := chatlog.OpenDisk(path, longLease, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return configured(t, d, "DATA_DIR="+dir), path
}

// message makes what the outbox keeps of one.
func message(chatID, id string) *messages.PersistRequest {
	return &messages.PersistRequest{
		ChatId: chatID, Id: id, ClientMessageId: "client-" + id, Content: "words of " + id, Role: "USER", UserId: "user-1",
		SentAt: time.Now().Add(-330 * time.Second).UnixMilli(), Key: "key-" + id, Accepted: true,
	}
}

func (f *fixture) queue(m *messages.PersistRequest) {
	f.t.Helper()
	data, err := proto.Marshal(m)
	if err != nil {
		f.t.Fatal(err)
	}
	f.append(chatlog.Append{ChatID: m.ChatId, Aliases: []string{m.Key}, Queue: &chatlog.Item{Name: m.Key, Data: data}})
}

// refuse queues a message and lets the API refuse it for good.
func (f *fixture) refuse(m *messages.PersistRequest, reason string) {
	f.t.Helper()
	f.queue(m)
	f.append(chatlog.Append{ChatID: m.ChatId, Done: &chatlog.Done{Name: m.Key, Fence: f.fence[m.ChatId], Reason: reason}})
}

func (f *fixture) append(step chatlog.Append) {
	f.t.Helper()
	done := f.router.Append(f.t.Context(), []chatlog.Append{step})[0]
	if done.Err != nil {
		f.t.Fatal(done.Err)
	}
	f.fence[step.ChatID] = done.Outbox.Fence
}

// outcome is what one run of the command did.
type outcome struct {
	code       int
	out, notes string
}

func (f *fixture) outbox(args ...string) outcome {
	f.t.Helper()
	var out, notes bytes.Buffer
	code := f.run(printer{&out, &notes}, args...)
	return outcome{code, out.String(), notes.String()}
}

// ok runs the command, which must succeed, and returns what it printed.
func (f *fixture) ok(args ...string) string {
	f.t.Helper()
	o := f.outbox(args...)
	if o.code != 0 {
		f.t.Fatalf("outbox %v ended with %d: %s", args, o.code, o.notes)
	}
	return o.out
}

// lines runs a command that prints JSON lines.
func (f *fixture) lines(args ...string) []map[string]any {
	f.t.Helper()
	return decode(f.t, f.ok(args...))
}

func decode(t testing.TB, text string) (objects []map[string]any) {
	t.Helper()
	for line := range strings.Lines(text) {
		var object map[string]any
		if err := json.Unmarshal([]byte(line), &object); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		objects = append(objects, object)
	}
	return objects
}

// letterIDs lists the ids of the dead letters.
func (f *fixture) letterIDs() (ids []string) {
	f.t.Helper()
	for _, object := range f.lines("list", "-json", "-dead") {
		ids = append(ids, object["letterId"].(string))
	}
	return ids
}

// queued lists the names of a chat's queued messages.
func (f *fixture) queued(chatID string) (names []string) {
	f.t.Helper()
	claim, err := f.router.Claim(f.t.Context(), chatID, 0, 1000)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, q := range claim.Items {
		names = append(names, q.Name)
	}
	return names
}

// has checks that a text has each of some words, and hasNot that it has none.
func has(t testing.TB, text string, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("%q is not in:\n%s", word, text)
		}
	}
}

func hasNot(t testing.TB, text string, words ...string) {
	t.Helper()
	for _, word := range words {
		if strings.Contains(text, word) {
			t.Errorf("%q is in:\n%s", word, text)
		}
	}
}
