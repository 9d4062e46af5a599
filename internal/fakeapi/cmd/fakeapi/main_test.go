package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"go.uber.org/goleak"

	"eclipse/internal/chatlog/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs the command until the test ends and returns the address that it printed.
func start(t *testing.T, args ...string) string {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = write
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- run(ctx, args) }()
	line := make([]byte, 256)
	n, err := read.Read(line)
	os.Stdout = stdout
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		_, _ = read.Close(), write.Close()
	})
	return strings.TrimSpace(string(line[:n]))
}

func TestPublishesOnRedis(t *testing.T) {
	redis := redistest.Start(t)
	address := start(t, "-mode", "old", "-secret", "s", "-redis", "redis://"+redis.Addr())
	options, err := rueidis.ParseURL("redis://" + redis.Addr())
	if err != nil {
		t.Fatal(err)
	}
	options.DisableCache = true
	client, err := rueidis.NewClient(options)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	heard, subscribed := make(chan string, 1), make(chan struct{})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	ctx = rueidis.WithOnSubscriptionHook(ctx, func(s rueidis.PubSubSubscription) { close(subscribed) })
	listening := make(chan struct{})
	go func() {
		defer close(listening)
		_ = client.Receive(ctx, client.B().Subscribe().Channel("chat:c1").Build(), func(m rueidis.PubSubMessage) { heard <- m.Message })
	}()
	<-subscribed

	r, _ := http.NewRequestWithContext(ctx, "POST", address+"/api/chats/c1/messages/send", strings.NewReader(`{"content":"Hi","role":"USER","userId":"anon_1"}`))
	r.Header.Set("X-Internal-Secret", "s")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(response.Body)
	_ = response.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if response.StatusCode != 200 || !strings.HasPrefix(string(body), `{"success":true,"message":{"id":"api_1",`) {
		t.Errorf("%d %s", response.StatusCode, body)
	}
	select {
	case frame := <-heard:
		if !strings.HasPrefix(frame, `{"type":"message","data":{"id":"api_1","content":"Hi","role":"user",`) {
			t.Errorf("published %s", frame)
		}
	case <-ctx.Done():
		t.Error("nothing was published")
	}
	cancel()
	<-listening
}

func TestRefusesArguments(t *testing.T) {
	for _, args := range [][]string{{"-mode", "new"}, {"-nonsense"}, {"-redis", "nonsense://hush"}, {"-addr", "nowhere:x"}} {
		if err := run(t.Context(), args); err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%v: %v", args, err)
		}
	}
}
