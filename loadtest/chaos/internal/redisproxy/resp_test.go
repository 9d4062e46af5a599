package redisproxy

import "testing"

func TestRepliesAreCutApart(t *testing.T) {
	for _, reply := range []string{
		"+OK\r\n", "-ERR no\r\n", ":12\r\n", "$-1\r\n", "$0\r\n\r\n", "$5\r\nab\r\nc\r\n", "*-1\r\n", "*0\r\n", "_\r\n", "#t\r\n", ",1.5\r\n",
		"*2\r\n$1\r\na\r\n*1\r\n:1\r\n", "%1\r\n+a\r\n$1\r\nb\r\n", ">3\r\n$7\r\nmessage\r\n$6\r\nchat:a\r\n$2\r\n{}\r\n",
		"|1\r\n+a\r\n+b\r\n:1\r\n", "~1\r\n:1\r\n", "=5\r\ntxt:a\r\n",
	} {
		for cut := range len(reply) {
			if n := replyLen([]byte(reply[:cut])); n != 0 {
				t.Errorf("%q is called complete at %d", reply[:cut], n)
			}
		}
		if n := replyLen([]byte(reply + "+more\r\n")); n != len(reply) {
			t.Errorf("%q: length %d, want %d", reply, n, len(reply))
		}
	}
}

func TestPublishedEntriesAreRead(t *testing.T) {
	push := func(channel, payload string) []byte {
		return []byte(">3\r\n$7\r\nmessage\r\n$1\r\n" + channel + "\r\n$1\r\n" + payload + "\r\n")
	}
	for _, tc := range []struct {
		reply []byte
		want  Place
		ok    bool
	}{
		{push("chat:abc", `{"type":"message","offset":12,"epoch":"0f"}`), Place{"abc", "0f", 12}, true},
		{push("chat:abc", `{"type":"message"}`), Place{Chat: "abc"}, true},
		{push("chat::instances", `x`), Place{}, false},
		{push("probe:1", `x`), Place{}, false},
		{[]byte("+OK\r\n"), Place{}, false},
	} {
		if at, ok := published(tc.reply); at != tc.want || ok != tc.ok {
			t.Errorf("%q: %+v %v", tc.reply, at, ok)
		}
	}
}
