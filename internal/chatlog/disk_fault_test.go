package chatlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// limitPages makes the file as full as a disk without room, or gives it room again.
func limitPages(t *testing.T, d *Disk, pages int) {
	t.Helper()
	err := d.file.commit(soon(t), "limit", func(tx *transaction) error {
		_, err := tx.row(fmt.Sprintf("PRAGMA max_page_count = %d", pages), nil, new(int))
		return err
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
}

func TestDiskRefusesWhileItIsFull(t *testing.T) {
	d, chatID := openDiskAt(t, diskPath(t), Options{}), newChat()
	var ears heard
	listener := mustDial(t, diskHandle(t, d, "other"), ears.deliver)
	mustSubscribe(t, listener, chatID)
	head := mustAppend(t, d, event(chatID, "k")).Position
	limitPages(t, d, 1)

	large := event(chatID, "large", "alias")
	large.Body = fmt.Appendf(nil, `{"content":%q}`, strings.Repeat("x", 1<<20))
	queue := Append{ChatID: chatID, Key: "q", Queue: &Item{Name: "q", Data: large.Body}}
	for range 3 {
		for i, got := range d.Append(soon(t), []Append{event(chatID, "small"), large, queue, {ChatID: chatID, Key: "bad", Body: []byte("[]")}}) {
			if !errors.Is(got.Err, ErrRefused) || got.Position != (Position{}) || got.Payload != nil {
				t.Fatalf("item %d while the disk is full = %+v", i, got)
			}
		}
	}
	found, err := d.Lookup(soon(t), chatID, []string{"small", "large", "alias"})
	if err != nil || found[0] != nil || found[1] != nil || found[2] != nil {
		t.Errorf("the log knows %+v of what it refused, %v", found, err)
	}
	if got := mustHead(t, d, chatID); got != head {
		t.Errorf("head = %+v, was %+v", got, head)
	}

	limitPages(t, d, 1<<20)
	if got := mustAppend(t, d, large); got.Position.Offset != 2 {
		t.Errorf("append when there is room = %+v", got)
	}
	if err := listener.Probe(soon(t)); err != nil {
		t.Fatal(err)
	}
	if n := len(ears.of(chatID)); n != 2 {
		t.Errorf("%d payloads were heard, want those of the two that were logged", n)
	}
	if infos, err := d.Queues(soon(t), "", 10); err != nil || len(infos) != 0 {
		t.Errorf("queues = %+v, %v", infos, err)
	}
}

func TestDiskRefusesAWholeGroup(t *testing.T) {
	d := openDiskAt(t, diskPath(t), Options{})
	mustAppend(t, d, event(newChat(), "k"))
	limitPages(t, d, 1)
	release := holdWriter(t, d)
	var group sync.WaitGroup
	for range 4 {
		item := event(newChat(), "k")
		item.Body = fmt.Appendf(nil, `{"content":%q}`, strings.Repeat("x", 1<<18))
		group.Go(func() {
			if got := d.Append(soon(t), []Append{item})[0]; !errors.Is(got.Err, ErrRefused) {
				t.Errorf("append = %+v", got)
			}
		})
	}
	eventually(t, "the calls wait", func() bool { return d.file.queued() == 4 })
	release()
	group.Wait()
}

func TestDiskSetsADamagedFileAside(t *testing.T) {
	for name, spoil := range map[string]func(content []byte) []byte{
		"no database": func([]byte) []byte { return bytes.Repeat([]byte("garbage "), 1000) },
		"a page":      func(content []byte) []byte { return overwrite(content, 4096*3) },
		"the schema":  func(content []byte) []byte { return overwrite(content, 100) },
		"cut short":   func(content []byte) []byte { return content[:len(content)/2] },
	} {
		t.Run(name, func(t *testing.T) {
			path, chatID := diskPath(t), newChat()
			d := openDiskAt(t, path, Options{})
			for i := range 200 {
				mustAppend(t, d, event(chatID, fmt.Sprint("k", i)))
			}
			before := mustHead(t, d, chatID)
			d.Close()
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			spoilt := spoil(content)
			if err := os.WriteFile(path, spoilt, 0o600); err != nil {
				t.Fatal(err)
			}

			var log diskLog
			d, err = OpenDisk(path, Options{}, log.logger())
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			aside, err := filepath.Glob(path + ".damaged-*Z")
			if err != nil || len(aside) != 1 {
				t.Fatalf("set aside: %q, %v", aside, err)
			}
			if kept, err := os.ReadFile(aside[0]); err != nil || !bytes.Equal(kept, spoilt) {
				t.Errorf("what was set aside is not what was found (%v)", err)
			}
			if text := log.String(); strings.Count(text, "level=ERROR") != 1 || !strings.Contains(text, aside[0]) {
				t.Errorf("logged: %s", text)
			}
			if head := mustHead(t, d, chatID); head.Epoch <= before.Epoch || head.Offset != 0 {
				t.Errorf("head = %+v, was %+v", head, before)
			}
			mustAppend(t, d, event(chatID, "k0"))
		})
	}
}

func overwrite(content []byte, at int) []byte {
	copy(content[at:], bytes.Repeat([]byte{0xa5}, 2000))
	return content
}

func TestDiskTellsOfDamageOnce(t *testing.T) {
	path, chatID := diskPath(t), newChat()
	d := openDiskAt(t, path, Options{})
	for i := range 500 {
		mustAppend(t, d, event(chatID, fmt.Sprint("k", i)))
	}
	d.Close()
	var log diskLog
	d, err := OpenDisk(path, Options{}, log.logger())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close() // may fail too
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for page := 4096; page < len(content); page += 4096 {
		overwrite(content[:page+4096], page)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := d.Read(soon(t), chatID, Position{}, 1000); err == nil || errors.Is(err, ErrRefused) {
			t.Errorf("reading what is damaged: %v", err)
		}
	}
	if text := log.String(); strings.Count(text, "level=ERROR") != 1 || !strings.Contains(text, path) {
		t.Errorf("logged: %s", text)
	}
}

func TestDiskIsOneRouters(t *testing.T) {
	path := diskPath(t)
	d := openDiskAt(t, path, Options{})
	var log diskLog
	if _, err := OpenDisk(path, Options{}, log.logger()); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), path) {
		t.Fatalf("a second router's open: %v", err)
	}
	d.Close()
	openDiskAt(t, path, Options{})
}

func TestDiskLeavesOtherFilesAlone(t *testing.T) {
	for name, spoil := range map[string]string{
		"another application's": "CREATE TABLE IF NOT EXISTS other (x); PRAGMA application_id = 7",
		"a newer version's":     "PRAGMA user_version = 1000",
	} {
		t.Run(name, func(t *testing.T) {
			path := diskPath(t)
			openDiskAt(t, path, Options{}).Close()
			f, err := connectFile(path)
			if err == nil {
				err = errors.Join(f.writer.script(spoil), f.disconnect())
			}
			if err != nil {
				t.Fatal(err)
			}
			var log diskLog
			for range 2 { // the lock is given back
				if _, err := OpenDisk(path, Options{}, log.logger()); err == nil || errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), path) {
					t.Errorf("open: %v", err)
				}
			}
			if _, err := VisitDisk(path, Options{}, log.logger()); err == nil {
				t.Error("a guest may open it")
			}
			if aside, _ := filepath.Glob(path + ".damaged*"); len(aside) != 0 {
				t.Errorf("set aside: %q", aside)
			}
		})
	}
}

// A file that an older build wrote is brought up to date, with what is queued in it.
func TestDiskOfAnOlderVersion(t *testing.T) {
	path, chatID := diskPath(t), newChat()
	d := openDiskAt(t, path, Options{})
	mustAppend(t, d, waiting(chatID, "a"))
	d.Close()
	f, err := connectFile(path)
	if err == nil {
		err = errors.Join(f.writer.script("ALTER TABLE queued DROP COLUMN sent; PRAGMA user_version = 1"), f.disconnect())
	}
	if err != nil {
		t.Fatal(err)
	}
	d = openDiskAt(t, path, Options{})
	again := waiting(chatID, "a")
	again.Queue.Sent = 7
	if got := mustAppend(t, d, again).Outbox; !got.Queued || got.Sent != 7 || got.Left != 1 {
		t.Errorf("%+v", got)
	}
}

func TestDiskHasGuests(t *testing.T) {
	path, chatID := diskPath(t), newChat()
	var log diskLog
	if _, err := VisitDisk(path, Options{}, log.logger()); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("visiting a file that is not there: %v", err)
	}
	d := openDiskAt(t, path, Options{Holder: "router"})
	fence := mustAppend(t, d, Append{ChatID: chatID, Queue: &Item{Name: "bad"}}).Outbox.Fence
	mustAppend(t, d, Append{ChatID: chatID, Queue: &Item{Name: "waits", Data: []byte("data")}})
	mustAppend(t, d, Append{ChatID: chatID, Done: &Done{Name: "bad", Fence: fence, Reason: "refused"}})

	guest, err := VisitDisk(path, Options{}, log.logger())
	if err != nil {
		t.Fatal(err)
	}
	defer guest.Close()
	infos, err := guest.Queues(soon(t), "", 10)
	if err != nil || len(infos) != 1 || infos[0].Holder != "router" || infos[0].Left != 1 || infos[0].Items[0].Name != "waits" {
		t.Errorf("queues = %+v, %v", infos, err)
	}
	letters, err := guest.Letters(context.Background(), "", 10)
	if err != nil || len(letters) != 1 {
		t.Fatalf("letters = %+v, %v", letters, err)
	}
	if ok, err := guest.Revive(soon(t), letters[0].ID); !ok || err != nil {
		t.Errorf("revive = %v, %v", ok, err)
	}
	claim, err := d.Claim(soon(t), chatID, 0, 10)
	if err != nil || claim.Fence != fence || len(claim.Items) != 2 || claim.Items[1].Name != "bad" {
		t.Errorf("the router's claim = %+v, %v", claim, err)
	}
}

// The default folder, ./.eclipse, is a relative one.
func TestDiskGuestComesByARelativePath(t *testing.T) {
	path := diskPath(t)
	openDiskAt(t, path, Options{})
	t.Chdir(filepath.Dir(filepath.Dir(path)))
	var log diskLog
	guest, err := VisitDisk(filepath.Join("data", "router.db"), Options{}, log.logger())
	if err != nil {
		t.Fatal(err)
	}
	defer guest.Close()
	if _, err := guest.Queues(soon(t), "", 10); err != nil {
		t.Error(err)
	}
}
