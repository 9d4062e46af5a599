package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"eclipse/loadtest/internal/host"
	"eclipse/loadtest/internal/relay"
	"eclipse/loadtest/internal/report"
)

// The test binary plays the roles that the command starts from itself.
func TestMain(m *testing.M) {
	switch role := os.Getenv(roleVariable); role {
	case "":
	case "command": // the command itself, where it changes its own process
		os.Exit(run(untilSignal(), os.Args[1:], os.Stdout, os.Stderr))
	case "stubborn": // does not end at a first signal
		ctx := untilSignal()
		fmt.Println("ready")
		<-ctx.Done()
		select {}
	default:
		os.Exit(play(role, os.Args[len(os.Args)-1]))
	}
	os.Exit(m.Run())
}

// load runs the command and returns its exit status, what it printed and its report.
func load(t *testing.T, args ...string) (int, string, *report.Report) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "report.json")
	var out, problems bytes.Buffer
	status := run(t.Context(), append(args, "-json", file), &out, &problems)
	if status == exitUnable {
		t.Fatalf("could not be run: %s", &problems)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r := &report.Report{}
	if err := json.Unmarshal(text, r); err != nil {
		t.Fatal(err)
	}
	return status, out.String(), r
}

var small = []string{"-only-relay", "-warmup", "100ms", "-duration", "500ms", "-patience", "20s"}

func TestEachScenarioOnTheRelay(t *testing.T) {
	tests := []struct {
		args      []string
		sockets   int
		sent      int64 // at least, in all
		perSent   int64
		processes int
	}{
		{[]string{"chat", "-chats", "5", "-rate", "200"}, 10, 110, 2, 1},
		{[]string{"chat", "-chats", "5", "-rate", "0", "-window", "2", "-v1=false"}, 10, 20, 2, 1},
		{[]string{"chat", "-chats", "7", "-rate", "200", "-procs", "3", "-sources", "3"}, 14, 100, 2, 3},
		{[]string{"routing", "-chats", "5", "-rate", "200"}, 10, 110, 1, 1},
		{[]string{"routing", "-chats", "5", "-rate", "0"}, 10, 10, 1, 1},
		{[]string{"fanout", "-sockets", "30", "-rate", "40"}, 30, 20, 30, 1},
		{[]string{"idle", "-chats", "9", "-settle", "50ms", "-hold", "100ms", "-procs", "2"}, 18, 18, 2, 2},
		{[]string{"idle", "-steps", "4,20", "-settle", "50ms", "-hold", "100ms"}, 20, 20, 2, 1},
		{[]string{"storm", "-chats", "20"}, 40, 0, 0, 1},
	}
	for _, tt := range tests {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			args := append(tt.args, small...)
			if name := tt.args[0]; name == "idle" || name == "storm" {
				args = append(tt.args, "-only-relay")
			}
			status, out, r := load(t, args...)
			if status != 0 || !strings.Contains(out, "verdict") {
				t.Fatalf("exit status %d\n%s", status, out)
			}
			result := r.Results[0]
			v := result.Verdict
			if result.Opening.Sockets != tt.sockets || v.Sent < tt.sent || v.Received != tt.perSent*v.Sent || result.Processes != tt.processes {
				t.Errorf("%d sockets, %d processes, verdict %+v", result.Opening.Sockets, result.Processes, v)
			}
			if tr := result.Traffic; tr != nil && (tr.Sent == 0 || tr.Delivered == 0 || tr.LatencyMs == nil || tr.LagMs == nil || tr.Occupied <= 0) {
				t.Errorf("traffic %+v", tr)
			}
			if result.Plan.Scenario == "idle" && (result.Idle == nil || len(result.Idle.Steps) < 2) {
				t.Errorf("idle %+v", result.Idle)
			}
			if result.LoadCPU <= 0 {
				t.Error("its own cost is not told")
			}
		})
	}
}

// Each fault for a moment; it needs a Redis, and builds the router.
func TestOutages(t *testing.T) {
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("no redis-server here")
	}
	page := filepath.Join(t.TempDir(), "report.html")
	status, out, r := load(t, "outage", "-chats", "16", "-rate", "32", "-duration", "600ms", "-warmup", "100ms", "-html", page)
	if status != 0 || !strings.Contains(out, "verdict") {
		t.Fatalf("exit status %d\n%s", status, out)
	}
	result := r.Results[0]
	if v := result.Verdict; result.Opening.Sockets != 32 || v.Sent < 60 || v.Received < v.Sent || len(result.Outage.Phases) != 6 {
		t.Errorf("%+v", result)
	}
	if text, err := os.ReadFile(page); err != nil || strings.Count(string(text), "<svg") != 4 {
		t.Errorf("a page without its plots: %v", err)
	}
	for _, p := range result.Outage.Phases {
		if p.Typing == nil || p.Typing.LatencyMs == nil || p.Typing.Lost > 0 || p.NotRetryable > 0 || p.Fault != (p.CaughtUpMs != nil) {
			t.Errorf("%+v", p)
		}
	}
}

// brief makes what starts routers take moments; it needs a Redis, and builds the router.
func brief(t *testing.T, args ...string) *report.Report {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("no redis-server here")
	}
	page := filepath.Join(t.TempDir(), "report.html")
	status, out, r := load(t, append(args, "-duration", "600ms", "-patience", "20s", "-html", page)...)
	if status != 0 || !strings.Contains(out, "verdict") {
		t.Fatalf("exit status %d\n%s", status, out)
	}
	if text, err := os.ReadFile(page); err != nil || !strings.Contains(string(text), "</html>") {
		t.Errorf("no page: %v", err)
	}
	return r
}

func TestMoreAndMoreRouters(t *testing.T) {
	r := brief(t, "scale", "-warmup", "100ms", "-instances", "1,2", "-chats", "5", "-rate", "50")
	for i, result := range r.Results {
		if tr := result.Traffic; result.Servers != i+1 || result.Opening.Sockets != 10*(i+1) || tr.CPUUsPerMessage == nil ||
			tr.RedisCommandsPerMessage == nil || *tr.RedisCommandsPerMessage < 1 || tr.RedisCommands["publish"] == 0 {
			t.Errorf("%d servers: %+v", result.Servers, tr)
		}
	}
	if len(r.Results) != 2 || len(r.Ratios) != 0 {
		t.Errorf("%d results, %v", len(r.Results), r.Ratios)
	}
}

func TestSocketsComeBackToTheRouter(t *testing.T) {
	r := brief(t, "reconnect", "-warmup", "0", "-chats", "6", "-rate", "30", "-redis", "start", "-procs", "2")
	if b := r.Results[0].Reconnect; b == nil || b.Sockets != 12 || b.Dialers != 12 || b.BackMs == nil || b.CalmCPUSeconds == nil || b.Seconds <= 0 {
		t.Errorf("%+v", b)
	}
}

func TestADay(t *testing.T) {
	r := brief(t, "day", "-chats", "10", "-busy", "2", "-rate", "20", "-busy-rate", "40", "-share", "0.2", "-hold", "50ms")
	result := r.Results[0]
	if q, b := result.Quiet, result.Reconnect; q == nil || q.BeforeBytes == 0 || q.AfterBytes == 0 || b == nil || b.Sockets != 4 {
		t.Errorf("%+v, %+v", q, b)
	}
	if n := result.Verdict.Sent; n < 30 {
		t.Errorf("%d messages", n)
	}
}

func TestPinned(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.NumCPU() < 2 {
		t.Skip("pinning needs Linux and two processors")
	}
	cmd := as("command")()
	cmd.Args = append(cmd.Args, append([]string{"chat", "-pin", "-chats", "3", "-rate", "100"}, small...)...)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "verdict") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestWhatCannotBeRun(t *testing.T) {
	for _, args := range [][]string{
		{"dance"}, {"chat", "-rate", "-1"}, {"chat", "extra", "-rate", "1"}, {"chat", "-no-such-flag"}, {"chat", "-url", "http://x"},
		{"chat", "-url", "ws://127.0.0.1:1"}, {"chat", "-only-relay", "-dialers", "0"}, {"storm", "-chats", "10000000"},
		{"idle", "-only-relay", "-steps", "9,x"}, {"chat", "-router", "/does/not/exist"}, {"chat", "-env", "nothing"}, {"chat", "-url", "ws://x", "-jwt-secret", "s", "-metrics", "localhost:9091"},
		{"outage", "-chats", "4"}, {"outage", "-relay"}, {"outage", "-sockets", "3"}, {"outage", "-rate", "1"}, {"outage", "-router", "/does/not/exist"},
		{"scale", "-relay"}, {"scale", "-instances", "2,1"}, {"scale", "-redis", "start"}, {"actors", "-sockets", "3"}, {"actors", "-pin"},
		{"reconnect", "-only-relay"}, {"reconnect", "-rate", "0"}, {"day", "-relay"}, {"day", "-busy", "2000"}, {"chat", "-instances", "2"},
		{"routing", "-only-relay", "-senders", "2"}, {"routing", "-relay", "-senders", "2"}, {"idle", "-only-relay", "-steps", "4,5"}, {"chat", "-duration", "0"},
	} {
		var out, problems bytes.Buffer
		if status := run(t.Context(), args, &out, &problems); status != exitUnable || problems.Len() == 0 {
			t.Errorf("%q: exit status %d, %q", args, status, &problems)
		}
	}
}

// Each of the routers has the file descriptors of a process.
func TestTheSocketsOfScaleAreSharedByItsRouters(t *testing.T) {
	room, err := host.SocketsPerProcess()
	if err != nil {
		t.Fatal(err)
	}
	for chats, ok := range map[int]bool{room / 2: true, room/2 + 1: false} {
		if _, err := parse([]string{"scale", "-instances", "1,2", "-chats", strconv.Itoa(chats)}, io.Discard); (err == nil) != ok {
			t.Errorf("%d chats: %v", chats, err)
		}
	}
}

func TestASocketThatDoesNotOpenIsABrokenPromise(t *testing.T) {
	status, out, _ := load(t, "chat", "-url", "ws://127.0.0.1:1", "-jwt-secret", "secret", "-chats", "2")
	if status != exitBroken || !strings.Contains(out, "socket not opened") {
		t.Errorf("exit status %d\n%s", status, out)
	}
}

// Metrics that are away for a moment cost their figures, and not the run.
func TestMetricsThatFailAreANote(t *testing.T) {
	server := httptest.NewServer(relay.New())
	defer server.Close()
	var reads atomic.Int64
	metrics := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if reads.Add(1) > 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "process_cpu_seconds_total 1\nprocess_resident_memory_bytes 1e6")
	}))
	defer metrics.Close()
	_, out, r := load(t, "chat", "-url", "ws"+strings.TrimPrefix(server.URL, "http"), "-jwt-secret", "s", "-metrics", metrics.URL, "-chats", "1",
		"-v1=false", "-rate", "50", "-warmup", "100ms", "-duration", "200ms", "-patience", "100ms")
	result := r.Results[0]
	if result.Error != "" || result.RSSBytes != 1e6 || result.Traffic == nil || result.Traffic.CPUSeconds != nil || !strings.Contains(out, "could not be read") {
		t.Errorf("%+v\n%s", result, out)
	}
	metrics.Close()
	var problems bytes.Buffer
	if status := run(t.Context(), []string{"chat", "-url", "ws://127.0.0.1:1", "-jwt-secret", "s", "-metrics", metrics.URL}, &problems, &problems); status != exitUnable {
		t.Errorf("metrics that never answer: exit status %d\n%s", status, &problems)
	}
}

func TestAnInterruptEndsIt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, problems bytes.Buffer
	status := run(ctx, append([]string{"chat"}, small...), &out, &problems)
	if status != exitUnable || !strings.Contains(out.String(), "not finished: interrupted") || strings.Contains(out.String(), "ok") {
		t.Errorf("exit status %d\n%s", status, &out)
	}
}

// A server that answers nothing keeps the command busy opening until the signal comes.
func TestASignalEndsIt(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(s.String(), func(t *testing.T) {
			if s == syscall.SIGHUP && signal.Ignored(s) {
				t.Skip("whoever runs this has it ignored, as nohup does, and the command keeps to that")
			}
			server, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			cmd := as("command")()
			cmd.Args = append(cmd.Args, "chat", "-chats", "1", "-url", "ws://"+server.Addr().String(), "-jwt-secret", "s")
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			conn, err := server.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := cmd.Process.Signal(s); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // its exit status tells
			if status := cmd.ProcessState.ExitCode(); status != exitUnable || !strings.Contains(out.String(), "not finished: interrupted") {
				t.Errorf("exit status %d\n%s", status, &out)
			}
		})
	}
}

func TestASecondSignalEndsItAtOnce(t *testing.T) {
	cmd := as("stubborn")()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("%q, %v", line, err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }()
	limit := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
	defer limit.Stop()
	for i := 0; ; i++ { // those that come before the first is taken count as one
		_ = cmd.Process.Signal(os.Interrupt)
		select {
		case <-ended:
			if s := cmd.ProcessState.Sys().(syscall.WaitStatus); !s.Signaled() || s.Signal() != syscall.SIGINT || i == 0 {
				t.Errorf("ended by %v after %d signals", s, i+1)
			}
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func TestHelpNamesEveryScenario(t *testing.T) {
	var out, help bytes.Buffer
	if status := run(t.Context(), []string{"-h"}, &out, &help); status != 0 {
		t.Errorf("exit status %d", status)
	}
	for _, want := range []string{"chat", "routing", "fanout", "idle", "storm", "outage", "scale", "reconnect", "day", "actors", "-url", "-relay", "-json", "-html"} {
		if !strings.Contains(help.String(), want) {
			t.Errorf("no %s in the help", want)
		}
	}
}

func TestTheReportKeepsNoSecret(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{
			[]string{"chat", "-url", "ws://hidden:hidden@127.0.0.1:1/?token=hidden", "-jwt-secret", "hidden", "-metrics", "https://hidden:hidden@127.0.0.1/m?t=hidden", "-metrics", "http://b/m"},
			"chat -jwt-secret=… -metrics=https://127.0.0.1/m -metrics=http://b/m -url=ws://127.0.0.1:1/",
		},
		{[]string{"chat", "-redis", "redis://:hidden@h", "-env", "X=hidden"}, "chat -env=… -redis=…"},
		{[]string{"idle", "-steps", "4,8"}, "idle -steps=4,8"},
	} {
		o, err := parse(tt.args, &bytes.Buffer{})
		if err != nil {
			t.Fatal(err)
		}
		if text := strings.Join(o.command, " "); text != tt.want {
			t.Errorf("command %q", text)
		}
	}
}
