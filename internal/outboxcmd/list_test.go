package outboxcmd

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"eclipse/internal/chatlog"
)

// busy fills a store: three messages wait in chat-a and one in chat-b, and chat-a has two dead letters, chat-c one.
func busy(f *fixture) {
	f.t.Helper()
	f.refuse(message("chat-a", "dead-1"), "REJECTED: too long by far")
	f.refuse(message("chat-c", "dead-2"), "CHAT_NOT_FOUND: no such chat")
	f.refuse(message("chat-a", "dead-3"), "REJECTED: again")
	for _, id := range []string{"wait-1", "wait-2", "wait-3"} {
		f.queue(message("chat-a", id))
	}
	f.queue(message("chat-b", "wait-4"))
}

// cells splits a table's line.
func cells(line string) []string { return strings.Fields(line) }

func TestListShowsWhatWaitsAndWhatIsDead(t *testing.T) {
	onEveryStore(t, func(t *testing.T, f *fixture) {
		busy(f)
		text := f.ok("list")
		lines := strings.Split(text, "\n")
		if got, want := cells(lines[1]), []string{"chat-a", "3", "5m", "wait-1", "router-1"}; !slices.Equal(got, want) {
			t.Errorf("first chat %q, want %q", got, want)
		}
		has(t, lines[2], "chat-b", "wait-4")
		has(t, text, "4 messages in 2 chats.", "3 dead letters.")
		ids := f.letterIDs()
		for i, line := range lines[6:9] {
			has(t, line, ids[i], fmt.Sprint("dead-", i+1), "USER", "Z  chat-")
		}
		has(t, lines[6], "REJECTED", "too long by far")
		has(t, lines[7], "chat-c", "CHAT_NOT_FOUND", "no such chat")
		hasNot(t, text, "words of", "REJECTED:")
		has(t, f.ok("list", "-content"), "words of wait-1", "words of wait-4", "words of dead-1", "words of dead-3")
	})
}

func TestListOfPart(t *testing.T) {
	f := onMemory(t)
	has(t, f.ok("list"), "No message waits.", "No dead letters.")
	busy(f)
	hasNot(t, f.ok("list", "-dead"), "wait-", "messages")
	hasNot(t, f.ok("list", "-queued"), "dead")
	text := f.ok("list", "-chat", "chat-c")
	has(t, text, "No message waits.", "dead-2", "1 dead letter.")
	hasNot(t, text, "chat-a", "chat-b")
	has(t, f.ok("list", "-chat", "nobody"), "No message waits.", "No dead letters.")
}

func TestListForMachines(t *testing.T) {
	onEveryStore(t, func(t *testing.T, f *fixture) {
		busy(f)
		objects := f.lines("list", "-json")
		if len(objects) != 5 {
			t.Fatalf("%d lines: %v", len(objects), objects)
		}
		a := objects[0]
		if a["state"] != "queued" || a["chatId"] != "chat-a" || a["messages"] != 3.0 || a["holder"] != "router-1" || a["oldest"].(map[string]any)["id"] != "wait-1" {
			t.Errorf("first chat %v", a)
		}
		d := objects[2]
		if d["state"] != "dead" || d["chatId"] != "chat-a" || d["id"] != "dead-1" || d["role"] != "USER" || d["code"] != "REJECTED" || d["reason"] != "too long by far" {
			t.Errorf("first letter %v", d)
		}
		for _, key := range []string{"letterId", "refusedAt", "sentAt"} {
			if d[key] == "" || d[key] == nil {
				t.Errorf("%s is not told", key)
			}
		}
		hasNot(t, f.ok("list", "-json"), "content")
		if got := f.lines("list", "-json", "-content", "-dead")[1]["content"]; got != "words of dead-2" {
			t.Errorf("content %v", got)
		}
	})
}

func TestEverythingIsPagedThrough(t *testing.T) {
	f := onMemory(t)
	const chats, dead = 2*chatPage + 7, 2*letterPage + 7
	for i := range dead {
		f.refuse(message("chat", fmt.Sprint("dead-", i)), "REJECTED: no")
	}
	for i := range chats {
		f.queue(message(fmt.Sprintf("chat-%03d", i), fmt.Sprint("wait-", i)))
	}
	has(t, f.ok("list"), fmt.Sprintf("%d messages in %d chats.", chats, chats), fmt.Sprintf("%d dead letters.", dead))
	if got := len(f.lines("list", "-json")); got != chats+dead {
		t.Errorf("%d lines, want %d", got, chats+dead)
	}
	if got := len(f.lines("export")); got != chats+dead {
		t.Errorf("%d exported, want %d", got, chats+dead)
	}
}

// Whoever writes a message must not write to the terminal of who looks after it.
func TestTerminalIsSafe(t *testing.T) {
	f := onMemory(t)
	m := message("chat", "dead-1")
	m.Id, m.Content = "id\nwith a line", "\x1b[2Jgone\u202e"
	f.refuse(m, "REJECTED: \x1b[31mred\t"+strings.Repeat("x", 2*reasonShown))
	text := f.ok("list", "-content")
	hasNot(t, text, "\x1b", "\u202e", "id\nwith", strings.Repeat("x", reasonShown+1))
	has(t, text, `"id\nwith a line"`, `\x1b[2Jgone\u202e`, `\x1b[31mred\t`, "…")
	if got := f.lines("export")[0]["content"]; got != m.Content {
		t.Errorf("exported %q", got)
	}
}

func TestMessageThatCannotBeRead(t *testing.T) {
	f := onMemory(t)
	f.append(chatlog.Append{ChatID: "chat", Queue: &chatlog.Item{Name: "name-1", Data: []byte{0xff, 0xff}}})
	text := f.ok("list", "-content")
	has(t, text, "name-1", "cannot be read")
	object := f.lines("export")[0]
	if object["name"] != "name-1" || object["unreadable"] != "//8=" {
		t.Errorf("exported %v", object)
	}
}

func TestAge(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for d, want := range map[time.Duration]string{
		-time.Minute: "0s", 59 * time.Second: "59s", 119 * time.Second: "1m", 47 * time.Hour: "47h", 49 * time.Hour: "2d",
	} {
		if got := age(timestamp(now.Add(-d)), now); got != want {
			t.Errorf("%v is shown as %s, want %s", d, got, want)
		}
	}
	if got := age("", now); got != "-" {
		t.Errorf("no time is shown as %s", got)
	}
}
