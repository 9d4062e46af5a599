package workers

import (
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

func TestJobsDoNotWaitForEachOther(t *testing.T) {
	const jobs = 100
	var met sync.WaitGroup
	met.Add(jobs)
	p := New(2, func(int) { met.Done(); met.Wait() })
	for i := range jobs {
		p.Run(i)
	}
	met.Wait()
	eventually(t, "two goroutines are kept", func() bool { return p.idle.Load() == 2 })
	p.Close()
	p.Close()
}

func TestIdleGoroutinesAreUsedAgain(t *testing.T) {
	const jobs = 1000
	goroutines, done := make(map[string]bool), make(chan string)
	p := New(1, func(int) {
		name, _, _ := strings.Cut(string(debug.Stack()), "[")
		done <- name
	})
	for i := range jobs {
		p.Run(i)
		goroutines[<-done] = true
		eventually(t, "it is idle", func() bool { return p.idle.Load() == 1 })
		runtime.Gosched() // it may be about to wait
	}
	if len(goroutines) == jobs {
		t.Error("each job had a goroutine of its own")
	}
	p.Close()
}

func TestClosedPoolDoesJobs(t *testing.T) {
	done := make(chan struct{})
	p := New(1, func(c chan struct{}) { close(c) })
	p.Close()
	p.Run(done)
	<-done
}
