package e2e

import (
	"strings"
	"testing"

	"eclipse/internal/fakeapi"
)

// A router without Redis keeps its log in a file, so a client goes on where it was, however the process ended.
func TestResumeOverARestartWithoutRedis(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*Router){
		"killed":  func(r *Router) { r.Kill() },
		"stopped": func(r *Router) { r.Term(); r.wait() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data, chat := "DATA_DIR="+t.TempDir(), newChat()
			r, api := alone(t, fakeapi.Options{}, data)
			reader, writer := r.dial(t, opening{chat: chat, user: "user_reader", v1: true}), r.old(t, chat, "user_writer")
			writer.say(words("before"))
			reader.has(words("before"))
			epoch, offset := reader.position()
			missed := sayAll(writer, "missed", 3)
			writer.has(missed[2])
			end(r)

			r = startRouter(t, "NEXT_API_URL="+api.URL, data)
			back := r.dial(t, opening{chat: chat, user: "user_reader", v1: true, epoch: epoch, offset: offset})
			equal(t, "recovered", back.next("resumed").at("recovered"), any(true))
			same(t, "what was missed", back.contents(), missed)
			back.say(words("after"))
			back.has(words("after"))
			again, next := back.position()
			equal(t, "epoch", again, epoch)
			equal(t, "offset", next, offset+4)
			equal(t, "rows", len(api.RowsOf(chat)), 5)
		})
	}
}

// What a router without Redis has accepted during an outage of the API, it stores after it was killed.
func TestAcceptedMessagesOutliveTheProcess(t *testing.T) {
	t.Parallel()
	data, chat := "DATA_DIR="+t.TempDir(), newChat()
	r, api := alone(t, fakeapi.Options{}, data, "ACCEPT_PATIENCE=100ms")
	up := api.Inject(fakeapi.Fault{Kind: fakeapi.Status})
	sender := r.v1(t, chat, "user_1")
	for _, id := range []string{"id-1", "id-2"} {
		sender.sayAs("USER", words("%s", id), id)
	}
	sender.wait("acceptances", func() bool { return acksOf(sender.frames, "accepted") == 2 })
	r.Kill()
	up()

	r = startRouter(t, "NEXT_API_URL="+api.URL, data)
	eventually(t, "both are stored", func() bool { return len(api.RowsOf(chat)) >= 2 })
	back := r.v1(t, chat, "user_1")
	back.sayAs("USER", words("id-1"), "id-1")
	ack := back.next("ack")
	if ack.str("status") == "accepted" { // the API has it, and its answer is on the way to the outbox
		ack = back.next("ack")
	}
	equal(t, "a repeat is", ack.str("status"), "stored")
	equal(t, "its id", ack.str("id"), api.RowsOf(chat)[0].ID)
	equal(t, "rows", len(api.RowsOf(chat)), 2)
}

func TestTwoRoutersDoNotShareAFile(t *testing.T) {
	t.Parallel()
	data := "DATA_DIR=" + t.TempDir()
	alone(t, fakeapi.Options{}, data)
	code, output := run(t, []string{"PORT=0", "METRICS_PORT=0", data})
	if code == 0 || !strings.Contains(output, "in use by another router") || !strings.Contains(output, "DATA_DIR") {
		t.Errorf("the second ended with code %d:\n%s", code, output)
	}
}
