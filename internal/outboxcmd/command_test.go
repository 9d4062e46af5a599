package outboxcmd

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"eclipse/internal/chatlog/redistest"
)

// Wrong arguments are found before anything is opened, and the answer says what to do.
func TestWrongArguments(t *testing.T) {
	for line, want := range map[string]string{
		"":                     "list, retry, discard or export",
		"lst":                  "lst is unknown",
		"list chat-1":          "-chat",
		"list -x":              "eclipse outbox list -h",
		"list -queued -dead":   "exclude each other",
		"export -dead -queued": "exclude each other",
		"export chat-1":        "-chat",
		"export -o":            "eclipse outbox export -h",
		"retry":                "list -dead",
		"retry -all 1-0":       "not both",
		"retry 1-0 -chat a":    "-all",
		"discard":              "list -dead",
		"discard 1-0":          "-yes",
		"discard 1-0 -yess":    "eclipse outbox discard -h",
	} {
		code, notes := unopened(t, strings.Fields(line)...)
		if code != 2 {
			t.Errorf("outbox %s ends with %d", line, code)
		}
		has(t, notes, want)
		if strings.Count(notes, "\n") != 1 {
			t.Errorf("outbox %s says more than one line: %s", line, notes)
		}
	}
}

func TestHelp(t *testing.T) {
	for line, want := range map[string][]string{
		"-h":         {"list", "retry", "discard", "export", "REDIS_URL", "DATA_DIR"},
		"list -h":    {"-json", "-content", "-chat", "-queued", "-dead"},
		"retry -h":   {"ID...", "-all"},
		"discard -h": {"-yes"},
		"export -h":  {"-o file"},
	} {
		code, notes := unopened(t, strings.Fields(line)...)
		if code != 0 {
			t.Errorf("outbox %s ends with %d", line, code)
		}
		has(t, notes, want...)
	}
}

// unopened runs a command that must open nothing.
func unopened(t *testing.T, args ...string) (code int, notes string) {
	t.Helper()
	open := func(context.Context) (store, error) {
		t.Errorf("outbox %v opens the store", args)
		return nil, errors.New("unexpected")
	}
	var out, said bytes.Buffer
	code = run(t.Context(), args, open, printer{&out, &said})
	return code, said.String()
}

func TestNoStore(t *testing.T) {
	t.Run("settings", func(t *testing.T) {
		o := configured(t, nil, "REDIS_URL=nonsense").outbox("list")
		if o.code != 2 {
			t.Errorf("code %d", o.code)
		}
		has(t, o.notes, "REDIS_URL is no redis://")
	})
	t.Run("redis", func(t *testing.T) {
		server := redistest.Start(t)
		server.Kill()
		o := configured(t, nil, "REDIS_URL=redis://user:hidden-password@"+server.Addr()).outbox("list")
		if o.code != 1 {
			t.Errorf("code %d", o.code)
		}
		has(t, o.notes, server.Addr(), "check REDIS_URL")
		hasNot(t, o.notes, "hidden-password")
	})
	t.Run("password", func(t *testing.T) {
		server := redistest.Start(t, "--requirepass", "another")
		o := configured(t, nil, "REDIS_URL=redis://:hidden-password@"+server.Addr()).outbox("list")
		if o.code != 1 {
			t.Errorf("code %d", o.code)
		}
		has(t, o.notes, server.Addr(), "WRONGPASS")
		hasNot(t, o.notes, "hidden-password")
	})
	t.Run("no file", func(t *testing.T) {
		dir := t.TempDir()
		o := configured(t, nil, "DATA_DIR="+dir).outbox("list")
		if o.code != 1 {
			t.Errorf("code %d", o.code)
		}
		has(t, o.notes, dir, "REDIS_URL", "router's directory")
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("it made %v", left)
		}
	})
	t.Run("no database", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "router.db"), bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
			t.Fatal(err)
		}
		o := configured(t, nil, "DATA_DIR="+dir).outbox("list")
		if o.code != 1 {
			t.Errorf("code %d", o.code)
		}
		has(t, o.notes, "the router's file cannot be used", "router.db")
	})
}
