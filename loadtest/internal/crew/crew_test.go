package crew

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"eclipse/loadtest/internal/work"
)

const part = "ECLIPSE_CREW_TEST_PART"

// The test binary plays the members that the tests hire.
func TestMain(m *testing.M) {
	switch os.Getenv(part) {
	case "":
		goleak.VerifyTestMain(m)
	case "good": // answers every line
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			answer := `{"tick":{"sent":2}}` + "\n" + `{"done":{"cpu":5}}` + "\n"
			if strings.Contains(lines.Text(), `"chats":1`) { // the second one
				answer = `{"done":{"cpu":7}}` + "\n"
			}
			_, _ = os.Stdout.WriteString(answer)
		}
	case "failing":
		_ = bufio.NewScanner(os.Stdin).Scan()
		_, _ = os.Stdout.WriteString(`{"failed":"it rains"}` + "\n")
	case "dying":
		os.Exit(3)
	}
}

func hire(t *testing.T, n int, how string, onTick func(*work.Tick)) *Crew {
	t.Helper()
	c, err := Hire(t.Context(), n, func() *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), part+"="+how)
		return cmd
	}, onTick)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Dismiss)
	return c
}

func TestAllAreToldAndAllAnswer(t *testing.T) {
	var sent atomic.Int64
	c := hire(t, 2, "good", func(tick *work.Tick) { sent.Add(tick.Sent) })
	for range 2 {
		done, err := c.Do(t.Context(), func(i int) work.Command { return work.Command{Do: work.Open, Chats: i} })
		if err != nil || len(done) != 2 || done[0].CPU != 5 || done[1].CPU != 7 {
			t.Fatalf("%v, %v", done, err)
		}
	}
	if sent.Load() != 4 { // a tick comes before the answer that follows it
		t.Errorf("ticks told of %d sent", sent.Load())
	}
}

func TestOneThatFailsSaysWhy(t *testing.T) {
	c := hire(t, 1, "failing", func(*work.Tick) {})
	if _, err := c.Do(t.Context(), func(int) work.Command { return work.Command{} }); err == nil || !strings.Contains(err.Error(), "it rains") {
		t.Errorf("error %v", err)
	}
}

func TestOneThatDiesIsNotWaitedFor(t *testing.T) {
	c := hire(t, 1, "dying", func(*work.Tick) {})
	if _, err := c.Do(t.Context(), func(int) work.Command { return work.Command{} }); err == nil {
		t.Error("no error")
	}
}

func TestWhatDoesNotStart(t *testing.T) {
	if _, err := Hire(t.Context(), 1, func() *exec.Cmd { return exec.Command("/does/not/exist") }, nil); err == nil {
		t.Error("no error")
	}
}
