package standin

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestHistorySurvivesReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chat.db")
	t.Run("first", func(t *testing.T) {
		f := startAt(t, path)
		f.chat("c1")
		f.batch(item("a", "c1", "1"), item("b", "c1", "2"))
	})
	t.Run("second", func(t *testing.T) {
		f := startAt(t, path)
		if got := contents(f.history("c1", "")); got != "1,2" {
			t.Errorf("history %s", got)
		}
		if got := f.batch(item("a", "c1", "again")); got[0].Status != 200 || got[0].Message.Content != "1" {
			t.Errorf("a repeat after reopening: %+v", got[0])
		}
	})
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if info, err := os.Stat(path + suffix); err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s may be read by others: %v", suffix, info.Mode())
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	folder := t.TempDir()
	garbage, newer := filepath.Join(folder, "garbage.db"), filepath.Join(folder, "newer.db")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("this is no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", newer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, o := range []Options{
		{Path: garbage, InternalSecret: "a", JWTSecret: "b"}, {Path: newer, InternalSecret: "a", JWTSecret: "b"},
		{Path: filepath.Join(garbage, "below"), InternalSecret: "a", JWTSecret: "b"},
		{Path: ":memory:", InternalSecret: "", JWTSecret: "b"}, {Path: ":memory:", InternalSecret: "a", JWTSecret: ""},
	} {
		if s, err := Open(o); err == nil {
			t.Errorf("opened %+v", o)
			_ = s.Close()
		}
	}
}

func TestMemory(t *testing.T) {
	f := startAt(t, ":memory:")
	f.chat("c1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.store.messages(ctx, "c1", "", 1); err == nil {
		t.Error("a cancelled request succeeded")
	}
	f.batch(item("a", "c1", "kept"))
	if got := contents(f.history("c1", "")); got != "kept" {
		t.Errorf("after a cancelled request: %s", got)
	}
	if _, err := os.Stat(":memory:"); err == nil {
		t.Error("made a file")
	}
}

// Two processes may have the file open at once; here two stand-ins write to the same chat and repeat each other's ids.
func TestConcurrentWriters(t *testing.T) {
	const writers, each = 4, 25
	path := filepath.Join(t.TempDir(), "chat.db")
	servers := []*fixture{startAt(t, path), startAt(t, path)}
	servers[0].chat("c1")
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range each {
				id := fmt.Sprintf("%d-%d", w/2, i) // writers 0 and 1, 2 and 3 send the same
				body, _ := json.Marshal(object{"messages": []batchItem{item(id, "c1", id)}})
				r, _ := http.NewRequest("POST", servers[w%2].http.URL+"/api/internal/messages/batch", strings.NewReader(string(body)))
				r.Header.Set("X-Internal-Secret", internalSecret)
				response, err := servers[w%2].http.Client().Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				var got struct{ Results []batchResult }
				if err := json.NewDecoder(response.Body).Decode(&got); err != nil || len(got.Results) != 1 || got.Results[0].Message == nil || got.Results[0].Message.ID != id {
					t.Errorf("%s: %+v %v", id, got, err)
				}
				_ = response.Body.Close()
			}
		})
	}
	group.Wait()
	next := map[string]int{}
	history := servers[1].history("c1", "?limit=1000")
	for _, m := range history {
		writer, number, _ := strings.Cut(m.ID, "-")
		if fmt.Sprint(next[writer]) != number {
			t.Errorf("%s came out of order", m.ID)
		}
		next[writer]++
	}
	if len(history) != writers/2*each {
		t.Errorf("%d messages", len(history))
	}
}

// The test's own binary writes as a child until it is killed; whatever it said was stored must be there.
func TestKilledWriterLosesNothing(t *testing.T) {
	const variable = "STANDIN_TEST_WRITE_TO"
	if path := os.Getenv(variable); path != "" {
		f := startAt(t, path)
		f.chat("c1")
		for i := range 900 {
			f.batch(item(fmt.Sprintf("m%d", i), "c1", "x"))
			fmt.Printf("stored %d\n", i)
		}
		return
	}
	path := filepath.Join(t.TempDir(), "chat.db")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestKilledWriterLosesNothing$")
	child.Env = append(os.Environ(), variable+"="+path)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	last := -1
	for last < 50 {
		var n int
		if _, err := fmt.Fscanf(out, "stored %d\n", &n); err != nil {
			t.Fatalf("the child stopped after %d: %v", last, err)
		}
		last = n
	}
	_ = child.Process.Kill()
	_ = child.Wait()
	f := startAt(t, path)
	history := f.history("c1", "?limit=1000")
	if len(history) <= last {
		t.Fatalf("%d of %d messages are left", len(history), last+1)
	}
	for i, m := range history {
		if m.ID != fmt.Sprintf("m%d", i) {
			t.Fatalf("message %d is %s", i, m.ID)
		}
	}
}
