package gateway

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

const idleEnvironment = "ECLIPSE_IDLE_CLIENT"

func init() {
	if target := os.Getenv(idleEnvironment); target != "" {
		helper = func() { idleClient(target) }
	}
}

// BenchmarkIdleSockets opens sockets from another process, lets each speak once, and reports what one more costs this process
// while it is idle: the slope between the half and the whole of b.N sockets. It needs many of them (-benchtime=10000x) and reports nothing
// for fewer than 100. With IDLE_SECONDS=60 it also reports what the heartbeat costs.
func BenchmarkIdleSockets(b *testing.B) {
	if b.N < 100 {
		return
	}
	e := start(b, func(o *Options, r *fakeRouter) { o.RateLimit = 20; r.forgetful = true })
	client := exec.Command(os.Args[0])
	client.Env = append(os.Environ(), idleEnvironment+"="+e.address+" "+visitor(b))
	in, _ := client.StdinPipe()
	out, _ := client.StdoutPipe()
	client.Stderr = os.Stderr
	if err := client.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = in.Close(); _ = client.Wait() }()
	answers := bufio.NewScanner(out)
	var opening time.Duration
	grow := func(n int) (rss, heap, stack float64) {
		begun := cpu()
		fmt.Fprintln(in, n)
		if !answers.Scan() {
			b.Fatal("client failed")
		}
		opening = cpu() - begun
		return settled()
	}
	grow(min(100, b.N/4)) // warm pools
	r0, h0, s0 := grow(b.N / 2)
	b.ResetTimer()
	r1, h1, s1 := grow(b.N - b.N/2)
	b.StopTimer()
	n := float64(b.N - b.N/2)
	b.ReportMetric((r1-r0)/n, "B-rss/socket")
	b.ReportMetric((h1-h0)/n, "B-heap/socket")
	b.ReportMetric((s1-s0)/n, "B-stack/socket")
	b.ReportMetric(float64(opening.Nanoseconds())/n/1000, "µs-cpu/open")
	if wait, _ := strconv.Atoi(os.Getenv("IDLE_SECONDS")); wait > 0 {
		begun := cpu()
		time.Sleep(time.Duration(wait) * time.Second)
		b.ReportMetric(float64((cpu()-begun).Milliseconds())/float64(wait)*20*10000/float64(b.N), "ms-cpu/10k-sockets-20s")
	}
}

func settled() (rss, heap, stack float64) {
	for range 3 {
		runtime.GC()
		debug.FreeOSMemory()
	}
	samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(samples)
	status, _ := os.ReadFile("/proc/self/status")
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	kb, _ := strconv.ParseFloat(strings.Fields(after)[0], 64)
	return kb * 1024, float64(samples[0].Value.Uint64()), float64(samples[1].Value.Uint64())
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// idleClient is the other process: for each number that it reads it opens so many sockets, lets each speak once and wait for
// its echo, and answers pings.
func idleClient(target string) {
	address, tok, _ := strings.Cut(target, " ")
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		n, _ := strconv.Atoi(in.Text())
		var all sync.WaitGroup
		gate := make(chan struct{}, 16)
		for range n {
			gate <- struct{}{}
			all.Go(func() { defer func() { <-gate }(); idleSocket(address, tok) })
		}
		all.Wait()
		fmt.Println("done")
	}
}

func idleSocket(address, tok string) {
	d := websocket.Dialer{ReadBufferSize: 256, WriteBufferSize: 256, NetDial: func(network, a string) (net.Conn, error) { return net.Dial(network, a) }}
	ws, _, err := d.Dial("ws://"+address+"/?token="+tok, nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = ws.WriteMessage(websocket.TextMessage, []byte(say("hello there, is anybody in?")))
	if _, r, err := ws.NextReader(); err == nil {
		_, _ = io.Copy(io.Discard, r)
	}
	go func() {
		for {
			if _, _, err := ws.NextReader(); err != nil {
				return
			}
		}
	}()
}
