package host

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(parentVariable) != "" {
		parent()
	}
	goleak.VerifyTestMain(m)
}

// parentVariable makes this test binary a process that starts one and says so.
const parentVariable = "ECLIPSE_HOST_TEST_PARENT"

func parent() {
	cmd := exec.Command("sh", "-c", "echo started; exec sleep 600")
	cmd.Stdout = os.Stdout
	if _, err := start("the child", cmd, nil); err != nil {
		panic(err)
	}
	select {}
}

func TestWhatWeStartEndsWithUs(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs a kernel that tells a process that its parent is gone")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), parentVariable+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Wait() }()
	lines := bufio.NewReader(out)
	if line, err := lines.ReadString('\n'); line != "started\n" {
		t.Fatalf("%q, %v", line, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	defer context.AfterFunc(ctx, func() { _ = out.Close() })()
	if _, err := io.ReadAll(lines); err != nil { // both hold the other end
		t.Errorf("the child is still there: %v", err)
	}
}

func TestMetricsOfAServer(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/metrics" {
			_, _ = w.Write([]byte("# HELP x\nother 1\nprocess_cpu_seconds_total 12.5\nprocess_resident_memory_bytes 4.194304e+07\n"))
		} else {
			_, _ = w.Write([]byte("process_cpu_seconds_total 12.5\n"))
		}
	}))
	defer s.Close()
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	u, err := scrape(s.URL + "/metrics")(t.Context())
	if err != nil || u.CPU != 12500*time.Millisecond || u.RSS != 40<<20 {
		t.Errorf("%+v, %v", u, err)
	}
	if _, err := scrape(s.URL + "/half")(t.Context()); err == nil {
		t.Error("half of the figures must be an error")
	}
	both, err := Remote("wss://chat.example.com", "s", []string{s.URL + "/metrics", s.URL + "/metrics"})
	if err != nil {
		t.Fatal(err)
	}
	if u, err := both.Usage(t.Context()); err != nil || u.CPU != 25*time.Second || u.RSS != 80<<20 {
		t.Errorf("of two machines: %+v, %v", u, err)
	}
}

func TestAURLIsShownWithoutSecrets(t *testing.T) {
	for raw, want := range map[string]string{
		"wss://chat.example.com/ws":                      "wss://chat.example.com/ws",
		"https://user:hidden@host:9091/metrics?t=hidden": "https://host:9091/metrics",
		"ws://hidden@127.0.0.1:1?token=hidden#hidden":    "ws://127.0.0.1:1",
		"user:hidden@host":                               "…",
		"https://user:hidden%@host":                      "…",
		"":                                               "",
	} {
		if got := WithoutSecrets(raw); got != want {
			t.Errorf("%s: %s", raw, got)
		}
	}
}

func TestAnErrorOfMetricsShowsNoPassword(t *testing.T) {
	_, err := scrape("http://user:hidden@127.0.0.1:1/metrics?t=hidden")(t.Context())
	if err == nil || strings.Contains(err.Error(), "hidden") || strings.Contains(err.Error(), "user") {
		t.Errorf("%v", err)
	}
}

func TestRemote(t *testing.T) {
	for _, bad := range [][2]string{{"http://x", "s"}, {"ws://", "s"}, {"ws://x", ""}, {"::", "s"}} {
		if _, err := Remote(bad[0], bad[1], nil); err == nil {
			t.Errorf("Remote(%q) was taken", bad)
		}
	}
	far, err := Remote("wss://chat.example.com/ws", "s", nil)
	if err != nil || far.Local || far.Name != "chat.example.com" {
		t.Errorf("%+v, %v", far, err)
	}
	if _, err := far.Usage(t.Context()); !errors.Is(err, ErrUnknown) {
		t.Errorf("Usage: %v", err)
	}
	if near, err := Remote("ws://127.0.0.1:8080", "s", nil); err != nil || !near.Local {
		t.Errorf("%+v, %v", near, err)
	}
}

func TestAProcessThatEndsSaysWhy(t *testing.T) {
	c, err := start("the thing", exec.Command("sh", "-c", "echo it is broken >&2; exit 3"), nil)
	if err != nil {
		t.Fatal(err)
	}
	<-c.ended
	if err := c.alive(); err == nil || !strings.Contains(err.Error(), "it is broken") {
		t.Errorf("alive: %v", err)
	}
	if err := answers(t.Context(), c, "http://127.0.0.1:1/", 200); err == nil {
		t.Error("a dead server answers")
	}
	if _, err := start("nothing", exec.Command("/does/not/exist"), nil); err == nil {
		t.Error("what does not exist started")
	}
}

func TestTheTailIsTheLastOfTheOutput(t *testing.T) {
	var tl tail
	for range 100 {
		_, _ = tl.Write(bytes.Repeat([]byte("x"), 1000))
	}
	_, _ = tl.Write([]byte("the end\n"))
	if s := tl.String(); len(s) > tailSize || !strings.HasSuffix(s, "the end") {
		t.Errorf("%d bytes, ending %q", len(s), s[len(s)-10:])
	}
}

func TestUsageOfThisProcess(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	meter := process(os.Getpid())
	before, err := meter(t.Context())
	if err != nil || before.RSS < 1<<20 {
		t.Fatalf("%+v, %v", before, err)
	}
	for end := time.Now().Add(10 * time.Second); ; { // burn until it shows
		after, err := meter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if after.CPU > before.CPU {
			break
		}
		if time.Now().After(end) {
			t.Fatal("ten seconds of work used no processor time")
		}
	}
	if _, err := process(1 << 30)(t.Context()); err == nil {
		t.Error("a process that does not exist has usage")
	}
}

func TestFreePortsAreDifferent(t *testing.T) {
	ports, err := freePorts(5)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, p := range ports {
		seen[p] = true
	}
	if len(seen) != 5 {
		t.Errorf("ports %v", ports)
	}
}

// post stores a message through the fake API and returns the status.
func post(t *testing.T, a *API, path, body string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Internal-Secret", "s")
	r.Header.Set("Content-Type", "application/json")
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

const (
	batchRoute  = "/api/internal/messages/batch"
	singleRoute = "/api/chats/c/messages/send"
	single      = `{"content":"a","role":"USER","userId":"u"}`
)

func TestTheFakeAPIKnowsHowLongItTook(t *testing.T) {
	const latency = 15 * time.Millisecond
	a, err := startAPI(latency, false, "s", "")
	if err != nil {
		t.Fatal(err)
	}
	defer a.stop()
	one := `{"messages":[{"id":"1","chatId":"c","content":"a","role":"USER","userId":"u","sentAt":"2030-01-02T03:04:05.000Z"}]}`
	if status := post(t, a, batchRoute, one); status != 200 {
		t.Errorf("batch: %d", status)
	}
	if status := post(t, a, singleRoute, single); status != 200 {
		t.Errorf("single: %d", status)
	}
	took := a.Took()
	if took.TotalCount() != 2 || took.Min() < latency.Microseconds() {
		t.Errorf("%d calls, the fastest in %d µs", took.TotalCount(), took.Min())
	}
	if a.Took().TotalCount() != 0 {
		t.Error("Took must begin anew")
	}
}

func TestRedisIsStartedAndTheOldAPIPublishesThere(t *testing.T) {
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("no redis-server here")
	}
	target := &Target{}
	url, meter, err := target.redis(t.Context(), "start", t.TempDir())
	if err != nil || !strings.HasPrefix(url, "redis://127.0.0.1:") || meter == nil {
		t.Fatalf("%q, %v", url, err)
	}
	a, err := startAPI(0, true, "s", url)
	if err != nil {
		t.Fatal(err)
	}
	target.onStop(a.stop)
	if heard := subscribe(t, a, "chat:c", func() {
		if status := post(t, a, singleRoute, single); status != 200 {
			t.Errorf("single: %d", status)
		}
		if status := post(t, a, batchRoute, "{}"); status != 404 {
			t.Errorf("the old API has a batch route: %d", status)
		}
	}); !strings.Contains(heard, `"type":"message"`) {
		t.Errorf("the old API published %q", heard)
	}
	target.Stop()
	if _, err := meter(context.Background()); err == nil {
		t.Error("it still runs")
	}
}

// subscribe returns the first payload on a channel once do was called.
func subscribe(t *testing.T, a *API, channel string, do func()) string {
	t.Helper()
	client, leave := a.redis.Dedicate()
	defer leave()
	heard := make(chan string, 1)
	client.SetPubSubHooks(rueidis.PubSubHooks{OnMessage: func(m rueidis.PubSubMessage) {
		select {
		case heard <- m.Message:
		default:
		}
	}})
	if err := client.Do(t.Context(), client.B().Subscribe().Channel(channel).Build()).Error(); err != nil {
		t.Fatal(err)
	}
	do()
	select {
	case payload := <-heard:
		return payload
	case <-time.After(10 * time.Second):
		return ""
	}
}
