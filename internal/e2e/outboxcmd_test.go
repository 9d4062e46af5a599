package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"eclipse/internal/fakeapi"
)

// TestDeadLetterIsRetried: what was accepted and is then refused for good is found, taken out as a file and tried again
// with the subcommand outbox, beside the router that runs.
func TestDeadLetterIsRetried(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(t *testing.T) (r *Router, api *fakeapi.Server, store string){
		"redis": func(t *testing.T) (*Router, *fakeapi.Server, string) {
			w := newWorld(t, fakeapi.Batch)
			return w.router("ACCEPT_PATIENCE=100ms"), w.api, "REDIS_URL=" + w.redis.URL()
		},
		"file": func(t *testing.T) (*Router, *fakeapi.Server, string) {
			data := "DATA_DIR=" + t.TempDir()
			r, api := alone(t, fakeapi.Options{}, data, "ACCEPT_PATIENCE=100ms")
			return r, api, data
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, api, store := start(t)
			o := outbox{t, []string{store}}
			chat := newChat()
			sender, listener := r.v1(t, chat, "user_1"), r.old(t, chat, "user_2")

			up := api.Inject(fakeapi.Fault{Kind: fakeapi.Status})
			sender.sayAs("USER", words("refused"), "id-1")
			sender.sayAs("USER", words("fine"), "id-2")
			id := sender.next("ack").str("id") // accepted
			o.shows("list -queued", chat, id, "2 messages in 1 chat.")
			api.Inject(fakeapi.Fault{Kind: fakeapi.RejectContent, Content: words("refused")})
			up()
			listener.has(words("fine"))
			r.reaches("outbox_dead_total", 1)
			o.shows("list", "No message waits.", chat, id, "USER", "1 dead letter.")

			letter := o.export(t)
			equal(t, "content of the export", letter.str("content"), words("refused"))
			equal(t, "its id", letter.str("id"), id)
			api.Heal()
			o.shows("retry "+letter.str("letterId"), "1 message.", "within seconds")
			listener.has(words("refused"))
			sameOrder(t, 2, listener, sender)
			o.shows("list", "No message waits.", "No dead letters.")
			rows := api.RowsOf(chat)
			slices.SortFunc(rows, func(a, b fakeapi.Row) int { return strings.Compare(a.Content, b.Content) })
			if len(rows) != 2 || rows[1].Content != words("refused") || rows[1].ID != id {
				t.Errorf("rows %v", rows)
			}
			code, output := run(t, o.env, "outbox", "retry", letter.str("letterId"))
			equal(t, "exit code of an unknown letter", code, 1)
			equal(t, "it is named", strings.Contains(output, "there is no such dead letter"), true)
		})
	}
}

// outbox runs the subcommand with an environment.
type outbox struct {
	t   *testing.T
	env []string
}

// shows waits until a run prints all of some words; each must succeed.
func (o outbox) shows(line string, words ...string) {
	o.t.Helper()
	eventually(o.t, "outbox "+line+" shows "+strings.Join(words, ", "), func() bool {
		code, output := run(o.t, o.env, append([]string{"outbox"}, strings.Fields(line)...)...)
		equal(o.t, "exit code of outbox "+line, code, 0)
		return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(output, word) })
	})
}

// export takes the only dead letter out.
func (o outbox) export(t *testing.T) (letter frame) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "letters.jsonl")
	code, output := run(t, o.env, "outbox", "export", "-dead", "-o", path)
	equal(t, "exit code of the export", code, 0)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	if err := json.Unmarshal(text, &letter); err != nil {
		t.Fatal(err)
	}
	return letter
}

// A mistyped command must not start a router.
func TestUnknownCommand(t *testing.T) {
	t.Parallel()
	code, output := run(t, []string{"PORT=0", "METRICS_PORT=0"}, "outbx", "list")
	equal(t, "exit code", code, 2)
	equal(t, "it is named", strings.Contains(output, `"outbx" is unknown`), true)
	code, output = run(t, nil, "-help")
	equal(t, "-help tells of it", code == 0 && strings.Contains(output, "eclipse outbox list|retry|discard|export"), true)
}
