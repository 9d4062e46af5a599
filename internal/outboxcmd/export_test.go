package outboxcmd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestExportHasEverything(t *testing.T) {
	onEveryStore(t, func(t *testing.T, f *fixture) {
		busy(f)
		m := message("chat-z", "shown")
		m.Live, m.Role, m.Content, m.SentAt = true, "AGENT", "<b>ä\n", time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC).UnixMilli()
		f.queue(m)
		objects := f.lines("export")
		if len(objects) != 8 {
			t.Fatalf("%d lines", len(objects))
		}
		want := map[string]any{
			"state": "queued", "chatId": "chat-z", "id": "shown", "clientMessageId": "client-shown", "role": "AGENT", "userId": "user-1",
			"content": "<b>ä\n", "sentAt": "2026-01-02T03:04:05.006Z", "live": true,
		}
		if got := objects[4]; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("exported %v, want %v", got, want)
		}
		letter := objects[5]
		if letter["state"] != "dead" || letter["content"] != "words of dead-1" || letter["code"] != "REJECTED" || letter["reason"] != "too long by far" || letter["live"] != false {
			t.Errorf("letter %v", letter)
		}
		if n := len(f.lines("export", "-dead")); n != 3 {
			t.Errorf("%d dead letters", n)
		}
		if n := len(f.lines("export", "-queued", "-chat", "chat-a")); n != 3 {
			t.Errorf("%d queued messages of chat-a", n)
		}
	})
}

func TestExportToFile(t *testing.T) {
	f := onMemory(t)
	busy(f)
	path := filepath.Join(t.TempDir(), "export.jsonl")
	o := f.outbox("export", "-o", path)
	if o.code != 0 || o.out != "" {
		t.Errorf("code %d, printed %q", o.code, o.out)
	}
	has(t, o.notes, "4 queued, 3 dead")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(decode(t, string(text))); n != 7 {
		t.Errorf("%d lines in the file", n)
	}
	o = f.outbox("export", "-o", path, "-dead")
	if after, _ := os.ReadFile(path); o.code != 1 || string(after) != string(text) {
		t.Errorf("code %d over a file that is there", o.code)
	}
	has(t, o.notes, "is there already")
	has(t, f.outbox("export", "-o", filepath.Join(path, "below")).notes, "name another with -o")
}

// A queue comes with its oldest hundred; the others are read too, whoever holds the lease.
func TestExportOfLongQueue(t *testing.T) {
	onEveryStore(t, func(t *testing.T, f *fixture) {
		const long = 2*queuedPage + 120
		for i := range long {
			f.queue(message("chat", fmt.Sprint("wait-", i)))
		}
		f.queue(message("chat-b", "wait-b"))
		objects := f.lines("export")
		if len(objects) != long+1 {
			t.Fatalf("%d messages, want %d", len(objects), long+1)
		}
		for i, object := range objects[:long] {
			if object["id"] != fmt.Sprint("wait-", i) {
				t.Fatalf("message %d is %v", i, object)
			}
		}
	})
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestOutputThatIsGone(t *testing.T) {
	f := onMemory(t)
	busy(f)
	for _, args := range [][]string{{"list"}, {"export"}} {
		if code := f.run(printer{brokenPipe{}, brokenPipe{}}, args...); code != 1 {
			t.Errorf("%v ends with %d", args, code)
		}
	}
}
