package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"eclipse/internal/chatlog/redistest"
	"eclipse/internal/fakeapi"
)

// world is what stands around the routers: one Redis, one API.
type world struct {
	t     testing.TB
	redis *redistest.Server
	api   *fakeapi.Server
	bus   rueidis.Client
}

// newWorld starts both. The API publishes on this Redis when it plays the old one.
func newWorld(t testing.TB, mode fakeapi.Mode) *world {
	t.Helper()
	w := &world{t: t, redis: redistest.Start(t)}
	bus, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{w.redis.Addr()}, DisableCache: true, ForceSingleClient: true, PipelineMultiplex: -1,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.bus = bus
	t.Cleanup(bus.Close)
	w.api = startAPI(t, fakeapi.Options{Mode: mode, Publish: w.publish})
	return w
}

func startAPI(t testing.TB, o fakeapi.Options) *fakeapi.Server {
	t.Helper()
	o.Secret = apiSecret
	api, err := fakeapi.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { api.Close() })
	return api
}

// publish puts a payload on a channel, as the Next.js app does. A failure is swallowed, as there.
func (w *world) publish(channel string, payload []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = w.bus.Do(ctx, w.bus.B().Publish().Channel(channel).Message(rueidis.BinaryString(payload)).Build()).Error()
}

// router starts an instance in this world.
func (w *world) router(env ...string) *Router {
	w.t.Helper()
	return startRouter(w.t, append([]string{"NEXT_API_URL=" + w.api.URL, "REDIS_URL=" + w.redis.URL()}, env...)...)
}

// pair starts two instances side by side.
func (w *world) pair(env ...string) (a, b *Router) {
	w.t.Helper()
	return w.router(env...), w.router(env...)
}

// alone starts a router without Redis, with an API of its own.
func alone(t testing.TB, o fakeapi.Options, env ...string) (*Router, *fakeapi.Server) {
	t.Helper()
	api := startAPI(t, o)
	return startRouter(t, append([]string{"NEXT_API_URL=" + api.URL}, env...)...), api
}

var chatNumber atomic.Uint32

// newChat names a chat that nobody else uses.
func newChat() string { return fmt.Sprintf("chat-%d", chatNumber.Add(1)) }

// sayAll has a client say n messages, numbered.
func sayAll(c *Client, name string, n int) (contents []string) {
	c.t.Helper()
	for i := range n {
		contents = append(contents, words("%s %d", name, i))
		c.say(contents[i])
	}
	return contents
}

// sameOrder checks that every client was sent exactly the same messages in the same order.
func sameOrder(t testing.TB, want int, clients ...*Client) {
	t.Helper()
	for _, c := range clients {
		c.wait(fmt.Sprintf("%d messages", want), func() bool { return count(c.frames, "message") >= want })
	}
	first := clients[0].contents()
	equal(t, "messages", len(first), want)
	for _, c := range clients[1:] {
		same(t, c.how.user+" beside "+clients[0].how.user, c.contents(), first)
	}
}

// count tells how many frames are of a type.
func count(frames []frame, typ string) (n int) {
	for _, f := range frames {
		if f.typ() == typ {
			n++
		}
	}
	return n
}

// same checks two lists of messages and shows where they part.
func same(t testing.TB, what string, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Errorf("%s: %d of %d messages; from %d on %q instead of %q", what, len(got), len(want), i,
				got[min(i, len(got)):min(i+4, len(got))], want[min(i, len(want)):min(i+4, len(want))])
			return
		}
	}
}

// inOrder checks that one sender's messages arrived once each, in the order sent, among those of others.
func inOrder(t testing.TB, c *Client, name string, sent []string) {
	t.Helper()
	got := slices.DeleteFunc(c.contents(), func(s string) bool { return !strings.HasPrefix(s, words("%s ", name)) })
	same(t, "messages of "+name+" at "+c.how.user, got, sent)
}

// allSpeak has each client say n messages at once: everybody sees all of them, in one order that keeps each sender's,
// and the API has each once.
func (w *world) allSpeak(t *testing.T, chat string, n int, clients []*Client) {
	t.Helper()
	sent := make([][]string, len(clients))
	for i, c := range clients {
		sent[i] = sayAll(c, c.how.user, n)
	}
	sameOrder(t, len(clients)*n, clients...)
	for i, sender := range clients {
		for _, c := range clients {
			inOrder(t, c, sender.how.user, sent[i])
		}
	}
	equal(t, "rows", len(w.api.RowsOf(chat)), len(clients)*n)
}
