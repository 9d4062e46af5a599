package e2e

import (
	"strings"
	"sync"
	"testing"

	"eclipse/internal/fakeapi"
)

// TestEphemeralFramesGoFirst: a slow reader loses typing before it loses its socket.
func TestEphemeralFramesGoFirst(t *testing.T) {
	t.Parallel()
	r, _ := alone(t, fakeapi.Options{}, "MAX_QUEUE_BYTES=65536")
	chat := newChat()
	slow := r.dial(t, opening{chat: chat, user: "user_slow", small: true})
	talker := r.old(t, chat, "user_"+strings.Repeat("t", 120)) // large frames fill the kernel's buffers before the write times out
	resume := sync.OnceFunc(slow.pause())
	t.Cleanup(resume)
	for r.metric(`drops_total{reason="slow_reader_ephemeral"}`) == 0 {
		for range 2000 {
			talker.send(`{"type":"typing","isTyping":true}`)
		}
		talker.settle()
	}
	resume()
	talker.say(words("still here"))
	slow.has(words("still here"))
}
