package chatlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestDiskGoesOnAfterARestart(t *testing.T) {
	path, o := diskPath(t), Options{Window: 3, Holder: "first"}
	chatID, silent := newChat(), newChat()
	d := openDiskAt(t, path, o)
	for i := range 5 {
		mustAppend(t, d, event(chatID, fmt.Sprint("k", i), fmt.Sprint("alias-", i)))
	}
	step := mustAppend(t, d, Append{ChatID: chatID, Key: "q", Aliases: []string{"name"}, Queue: &Item{Name: "name", Data: []byte("data")}})
	other := mustAppend(t, d, Append{ChatID: silent, Key: "r", Aliases: []string{"bad"}, Queue: &Item{Name: "bad", Data: []byte("letter")}})
	mustAppend(t, d, Append{ChatID: silent, Done: &Done{Name: "bad", Fence: other.Outbox.Fence, Reason: "refused"}})
	before := mustRead(t, d, chatID, Position{}, 10)
	begun := mustHead(t, d, silent)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}

	o.Holder = "second"
	d = openDiskAt(t, path, o)
	if head := mustHead(t, d, silent); head != begun {
		t.Errorf("the epoch of a chat without entries became %+v, was %+v", head, begun)
	}
	after := mustRead(t, d, chatID, Position{}, 10)
	if after.Head != before.Head || !slices.EqualFunc(after.Entries, before.Entries, func(a, b Entry) bool { return bytes.Equal(a.Payload, b.Payload) && a.Key == b.Key }) {
		t.Errorf("the log is %+v, was %+v", after, before)
	}
	if again := mustAppend(t, d, event(chatID, "other", "alias-0")); !again.Repeat || again.Position.Offset != 1 {
		t.Errorf("a repeat by alias = %+v", again)
	}
	if got := mustAppend(t, d, event(chatID, "new")); got.Position != (Position{before.Head.Epoch, 6}) {
		t.Errorf("the next entry = %+v", got)
	}
	claim, err := d.Claim(soon(t), chatID, 0, 10)
	if err != nil || claim.Fence <= step.Outbox.Fence || len(claim.Items) != 1 || claim.Items[0].Name != "name" || string(claim.Items[0].Data) != "data" {
		t.Errorf("claim = %+v, %v; fence before %d", claim, err, step.Outbox.Fence)
	}
	letters, err := d.Letters(soon(t), "", 10)
	if err != nil || len(letters) != 1 || letters[0].Reason != "refused" || letters[0].Name != "bad" || string(letters[0].Data) != "letter" {
		t.Errorf("letters = %+v, %v", letters, err)
	}
}

// What is beside the file when a process is killed, is what the next one finds.
func TestDiskKeepsWhatItAnsweredForThroughACrash(t *testing.T) {
	path, crashed, chatID := diskPath(t), diskPath(t), newChat()
	d := openDiskAt(t, path, Options{})
	var last Position
	for i := range 50 {
		last = mustAppend(t, d, event(chatID, fmt.Sprint("k", i))).Position
	}
	copyFile(t, path, crashed)
	copyFile(t, path+"-wal", crashed+"-wal")
	if head := mustHead(t, openDiskAt(t, crashed, Options{}), chatID); head != last {
		t.Errorf("head = %+v, want %+v", head, last)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(to), 0o700)
	}
	if err == nil {
		err = os.WriteFile(to, content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestDiskGroupsCommits(t *testing.T) {
	const callers = 20
	d := openDiskAt(t, diskPath(t), Options{})
	mustAppend(t, d, event(newChat(), "k"))
	var ears heard
	chatID := newChat()
	mustSubscribe(t, mustDial(t, diskHandle(t, d, "other"), ears.deliver), chatID)

	release := holdWriter(t, d)
	var group sync.WaitGroup
	for i := range callers {
		group.Go(func() { mustAppend(t, d, event(chatID, fmt.Sprint("k", i))) })
	}
	eventually(t, "the calls wait", func() bool { return d.file.queued() == callers })
	if got := ears.of(chatID); got != nil {
		t.Errorf("heard %q before it was committed", got)
	}
	if head := mustHead(t, d, chatID); head.Offset != 0 {
		t.Errorf("head = %+v before it was committed", head)
	}
	release()
	group.Wait()
	eventually(t, "all is heard", func() bool { return len(ears.of(chatID)) == callers })
	d.Close()
	if n := d.file.transactions; n != 3 { // the first event's, the one that was held, that of all others
		t.Errorf("%d transactions", n)
	}
}

// queued is how many calls wait for the next transaction.
func (c *commits) queued() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.waiting)
}

// holdWriter keeps the writer in a transaction until release.
func holdWriter(t *testing.T, d *Disk) (release func()) {
	t.Helper()
	held, end, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- d.file.commit(soon(t), "hold", func(*transaction) error { close(held); <-end; return nil }, nil)
	}()
	<-held
	return func() {
		close(end)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// holdWrites keeps writers waiting, as a slow disk does, until release.
func holdWrites(t *testing.T, path string) (release func()) {
	t.Helper()
	f, err := connectFile(path)
	if err == nil {
		_, err = f.writer.exec("BEGIN IMMEDIATE")
	}
	if err != nil {
		t.Fatal(err)
	}
	return sync.OnceFunc(func() {
		if _, err := f.writer.exec("ROLLBACK"); err != nil {
			t.Error(err)
		}
		if err := f.disconnect(); err != nil {
			t.Error(err)
		}
	})
}

func TestDiskCallsEndWithTheirContext(t *testing.T) {
	path, chatID := diskPath(t), newChat()
	d := openDiskAt(t, path, Options{})
	release := holdWrites(t, path)
	defer release()
	ctx, cancel := context.WithCancel(t.Context())
	items := []Append{event(chatID, "k")}
	answer := make(chan Appended)
	go func() { answer <- d.Append(ctx, items)[0] }()
	eventually(t, "the writer waits", func() bool { return d.file.queued() == 0 })
	cancel()
	got := <-answer
	items[0] = Append{} // ours again
	if !errors.Is(got.Err, context.Canceled) || errors.Is(got.Err, ErrRefused) {
		t.Errorf("append = %+v", got)
	}
	release()
	if again := mustAppend(t, d, event(chatID, "k")); again.Position.Offset != 1 {
		t.Errorf("the same again = %+v", again)
	}
}

func TestDiskClosed(t *testing.T) {
	path, chatID := diskPath(t), newChat()
	d := openDiskAt(t, path, Options{})
	release := holdWrites(t, path)
	answer, closed := make(chan Appended), make(chan error)
	go func() { answer <- d.Append(soon(t), []Append{event(chatID, "k")})[0] }()
	eventually(t, "the writer waits", func() bool { return d.file.queued() == 0 })
	go func() { closed <- d.Close() }()
	release()
	if got := <-answer; got.Err != nil && !errors.Is(got.Err, ErrClosed) {
		t.Errorf("an append while it was closed = %+v", got)
	}
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	_, readErr := d.Read(soon(t), chatID, Position{}, 1)
	for what, err := range map[string]error{
		"append": d.Append(soon(t), []Append{event(chatID, "k")})[0].Err, "read": readErr, "ping": d.Ping(soon(t)),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s after Close: %v", what, err)
		}
	}
}

func TestDiskForgetsAfterRetention(t *testing.T) {
	path := diskPath(t)
	synctest.Test(t, func(t *testing.T) {
		d := openDiskAt(t, path, Options{Retention: 48 * time.Hour})
		asked, begun := newChat(), newChat()
		mustAppend(t, d, event(asked, "k"))
		idle := make([]string, 2*sweptAtOnce+1)
		for i := range idle {
			idle[i] = newChat()
			mustAppend(t, d, event(idle[i], "k"))
		}
		before, silent := mustHead(t, d, asked), mustHead(t, d, begun)
		for range 11 {
			time.Sleep(5 * time.Hour)
			mustHead(t, d, asked)
		}
		for range 4 { // each forgets some
			mustAppend(t, d, event(newChat(), "k"))
		}
		if head := mustHead(t, d, asked); head != before {
			t.Errorf("a log that is asked for became %+v, was %+v", head, before)
		}
		if head := mustHead(t, d, begun); head.Epoch <= silent.Epoch {
			t.Errorf("a chat that had not begun is still %+v", head)
		}
		for _, chatID := range idle {
			if again := mustAppend(t, d, event(chatID, "k")); again.Repeat || again.Position.Offset != 1 || again.Position.Epoch <= before.Epoch {
				t.Fatalf("append to a forgotten log = %+v", again)
			}
		}
		d.Close()
	})
}

func TestDiskPrunesOldKeys(t *testing.T) {
	path := diskPath(t)
	synctest.Test(t, func(t *testing.T) {
		d, chatID := openDiskAt(t, path, Options{}), newChat()
		known := func(key string) bool {
			t.Helper()
			found, err := d.Lookup(soon(t), chatID, []string{key, "alias-" + key})
			if err != nil || (found[0] == nil) != (found[1] == nil) {
				t.Fatalf("lookup of %s = %v, %v", key, found, err)
			}
			return found[0] != nil
		}
		start := time.Now()
		for hour := range 120 {
			mustAppend(t, d, event(chatID, fmt.Sprint("k", hour), fmt.Sprint("alias-k", hour)))
			for _, old := range []int{hour - 52, hour - 23, hour} {
				age := time.Since(start.Add(time.Duration(old) * time.Hour))
				if there := old >= 0 && known(fmt.Sprint("k", old)); (old >= 0 && age < KeyAge && !there) || (age > 2*KeyAge+2*time.Hour && there) {
					t.Fatalf("after %v: known %v", age, there)
				}
			}
			time.Sleep(time.Hour)
		}
		d.Close()
	})
}

func TestDiskRandomOperations(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	d := openDiskAt(t, diskPath(t), Options{Window: modelWindow})
	w := &walk{t: t, rng: rand.New(rand.NewPCG(seed, 4)), clients: []Log{d, diskHandle(t, d, "other")}}
	w.run(2000)
}
