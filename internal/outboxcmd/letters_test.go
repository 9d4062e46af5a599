package outboxcmd

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"testing"

	"eclipse/internal/chatlog"
)

func TestRetry(t *testing.T) {
	onEveryStore(t, func(t *testing.T, f *fixture) {
		busy(f)
		ids := f.letterIDs()
		text := f.ok("retry", ids[2], ids[0], ids[2])
		has(t, text, "2 messages", "within seconds")
		if got, want := f.queued("chat-a"), []string{"key-wait-1", "key-wait-2", "key-wait-3", "key-dead-3", "key-dead-1"}; !slices.Equal(got, want) {
			t.Errorf("queue %q, want %q", got, want)
		}
		if got := f.letterIDs(); !slices.Equal(got, ids[1:2]) {
			t.Errorf("left %q, want %q", got, ids[1:2])
		}
		o := f.outbox("retry", ids[0], "nonsense", ids[1])
		if o.code != 1 {
			t.Errorf("unknown ids end with %d", o.code)
		}
		has(t, o.out, "1 message.")
		has(t, o.notes, ids[0]+": there is no such dead letter", "nonsense: there is no", "failed for 2 of 3 ids", "list -dead")
		if got := f.queued("chat-c"); !slices.Equal(got, []string{"key-dead-2"}) {
			t.Errorf("the known one is not back: %q", got)
		}
	})
}

func TestRetryAll(t *testing.T) {
	onEveryStore(t, func(t *testing.T, f *fixture) {
		has(t, f.ok("retry", "-all"), "No dead letters.")
		busy(f)
		has(t, f.ok("retry", "-all", "-chat", "chat-a"), "2 messages")
		if got := len(f.letterIDs()); got != 1 {
			t.Errorf("%d letters left", got)
		}
		has(t, f.ok("retry", "-all"), "1 message.")
		has(t, f.ok("list", "-dead"), "No dead letters.")
	})
}

// again refuses each message anew as soon as it is back.
type again struct {
	store
	f *fixture
}

func (a again) Revive(ctx context.Context, id string) (bool, error) {
	ok, err := a.store.Revive(ctx, id)
	claim, _ := a.f.router.Claim(ctx, "chat", 0, 100)
	for _, q := range claim.Items {
		a.f.append(chatlog.Append{ChatID: "chat", Done: &chatlog.Done{Name: q.Name, Fence: claim.Fence, Reason: "REJECTED: still"}})
	}
	return ok, err
}

func TestRetryAllEndsWhenAllAreRefusedAgain(t *testing.T) {
	memory := chatlog.NewMemory(longLease)
	a := again{store: memory}
	f := onStore(t, memory, &a)
	a.f = f
	for _, id := range []string{"dead-1", "dead-2", "dead-3"} {
		f.refuse(message("chat", id), "REJECTED: no")
	}
	has(t, f.ok("retry", "-all"), "3 messages")
	has(t, f.ok("list", "-dead"), "3 dead letters", "still")
}

func TestDiscard(t *testing.T) {
	onEveryStore(t, func(t *testing.T, f *fixture) {
		busy(f)
		ids := f.letterIDs()
		o := f.outbox("discard", ids[0], ids[1])
		if o.code != 2 || len(f.letterIDs()) != 3 {
			t.Errorf("without -yes: code %d, %d letters left", o.code, len(f.letterIDs()))
		}
		has(t, o.notes, "nothing was discarded", "-yes", "2 dead letters", "export")
		has(t, f.ok("discard", ids[0], ids[1], "-yes"), "2 dead letters")
		if got := f.letterIDs(); !slices.Equal(got, ids[2:]) {
			t.Errorf("left %q, want %q", got, ids[2:])
		}
		o = f.outbox("discard", "-yes", ids[0])
		if o.code != 1 {
			t.Errorf("an unknown id ends with %d", o.code)
		}
		has(t, o.notes, "there is no such dead letter")
		if got := f.queued("chat-a"); len(got) != 3 {
			t.Errorf("the queue has changed: %q", got)
		}
	})
}

// failing is a store that answers some questions with an error.
type failing struct {
	store
	revive, letters error
	good            int // letters are read so often before that
}

func (s *failing) Revive(ctx context.Context, id string) (bool, error) {
	if s.revive != nil {
		return false, s.revive
	}
	return s.store.Revive(ctx, id)
}

func (s *failing) Letters(ctx context.Context, after string, limit int) ([]chatlog.Letter, error) {
	if s.good--; s.letters != nil && s.good < 0 {
		return nil, s.letters
	}
	return s.store.Letters(ctx, after, limit)
}

func TestStoreThatFails(t *testing.T) {
	memory := chatlog.NewMemory(longLease)
	s := &failing{store: memory}
	f := onStore(t, memory, s)
	busy(f)
	ids := f.letterIDs()
	s.revive = chatlog.ErrFull
	o := f.outbox("retry", ids[0])
	has(t, o.notes, ids[0]+": its chat has 10000 queued messages", "try again when")
	if o.code != 1 {
		t.Errorf("a full queue ends with %d", o.code)
	}
	s.revive = errors.Join(chatlog.ErrRefused, errors.New("LOADING"))
	has(t, f.outbox("retry", "-all").notes, "retrying "+ids[0], "LOADING", "it was not done, so try again")
	s.letters, s.good = errors.New("gone away"), 1
	for _, args := range [][]string{{"list"}, {"list", "-json"}, {"export"}, {"retry", "-all"}} {
		s.good = 1
		o := f.outbox(args...)
		if o.code != 1 {
			t.Errorf("%v ends with %d", args, o.code)
		}
		has(t, o.notes, "reading the dead letters: gone away")
	}
	has(t, f.outbox("export").notes, "not complete")
}

// Another process may write into the file for long, such as a backup: after five seconds the command says so.
func TestFileThatIsLocked(t *testing.T) {
	t.Parallel()
	f, path := onDisk(t)
	busy(f)
	ids := f.letterIDs()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	o := f.outbox("retry", ids[0])
	if o.code != 1 {
		t.Errorf("code %d", o.code)
	}
	has(t, o.notes, "retrying "+ids[0], "locked", "it was not done, so try again")
	if _, err := db.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	has(t, f.ok("retry", ids[0]), "1 message.")
}
