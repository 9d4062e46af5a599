package chatlog

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

func TestEveryCharacterOfAChatID(t *testing.T) {
	onEveryStore(t, 100, func(t *testing.T, f fixture) {
		log, other := f.connect(t), f.connect(t)
		var ears heard
		feed := mustDial(t, other, ears.deliver)
		mustSubscribe(t, feed, allCharacters()...)
		for _, chatID := range allCharacters() {
			got := mustAppend(t, log, event(chatID, "k"))
			if got.Position.Offset != 1 || len(readAll(t, log, chatID)) != 1 {
				t.Fatalf("%q: %+v", chatID, got)
			}
			eventually(t, "the feed hears "+chatID, func() bool { return slices.Equal(ears.of(chatID), []string{string(got.Payload)}) })
		}
	})
}

func TestFeedHearsAppendsAndPublications(t *testing.T) {
	onEveryStore(t, 1000, func(t *testing.T, f fixture) {
		here, there := f.connect(t), f.connect(t)
		chatID, silent := newChat(), newChat()
		var ears heard
		feed := mustDial(t, there, ears.deliver)
		mustSubscribe(t, feed, chatID)
		var want []string
		for i := range 50 {
			want = append(want, string(mustAppend(t, here, event(chatID, fmt.Sprint("k", i))).Payload))
			if i%10 == 0 {
				mustAppend(t, here, event(chatID, fmt.Sprint("k", i))) // a repeat is not published
			}
		}
		typing := `{"type":"typing"}`
		if err := here.Publish(soon(t), []Publication{{ChatID: silent, Payload: []byte("x")}, {ChatID: chatID, Payload: []byte(typing)}}); err != nil {
			t.Fatal(err)
		}
		mustAppend(t, here, event(silent, "k"))
		want = append(want, typing)
		eventually(t, "the feed hears all", func() bool { return len(ears.of(chatID)) >= len(want) })
		if err := feed.Probe(soon(t)); err != nil {
			t.Fatal(err)
		}
		if got := ears.of(chatID); !slices.Equal(got, want) {
			t.Errorf("heard %q, want %q", got, want)
		}
		if got := ears.of(silent); got != nil {
			t.Errorf("heard %q on a channel without subscription", got)
		}
	})
}

func TestPublishTellsHowManyListen(t *testing.T) {
	onEveryStore(t, 100, func(t *testing.T, f fixture) {
		here, there := f.connect(t), f.connect(t)
		chatID := newChat()
		listeners := func() int {
			items := []Publication{{ChatID: newChat(), Payload: []byte("x")}, {ChatID: chatID, Payload: []byte("y")}}
			if err := here.Publish(soon(t), items); err != nil {
				t.Fatal(err)
			}
			if items[0].Heard != 0 {
				t.Errorf("%d listen to nobody's chat", items[0].Heard)
			}
			return items[1].Heard
		}
		if n := listeners(); n != 0 {
			t.Errorf("%d listen before anybody does", n)
		}
		for i, on := range []client{here, there} {
			mustSubscribe(t, mustDial(t, on, func(string, []byte) {}), chatID)
			if n := listeners(); n != i+1 {
				t.Errorf("%d listen, want %d", n, i+1)
			}
		}
	})
}

func TestUnsubscribedFeedHearsNothing(t *testing.T) {
	onEveryStore(t, 100, func(t *testing.T, f fixture) {
		here, there := f.connect(t), f.connect(t)
		stays, goes := newChat(), newChat()
		var ears heard
		feed := mustDial(t, there, ears.deliver)
		mustSubscribe(t, feed, goes, stays, goes)
		for round := range 3 {
			if err := feed.Unsubscribe(soon(t), []string{goes, "never-subscribed"}); err != nil {
				t.Fatal(err)
			}
			if err := here.Publish(soon(t), []Publication{{ChatID: goes, Payload: []byte("x")}, {ChatID: stays, Payload: []byte("y")}}); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the other chat is heard", func() bool { return len(ears.of(stays)) == 2*round+1 })
			mustSubscribe(t, feed, goes)
			if err := here.Publish(soon(t), []Publication{{ChatID: goes, Payload: []byte("z")}, {ChatID: stays, Payload: []byte("y")}}); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the other chat is heard", func() bool { return len(ears.of(stays)) == 2*round+2 })
		}
		if got := ears.of(goes); !slices.Equal(got, []string{"z", "z", "z"}) {
			t.Errorf("heard %q", got)
		}
	})
}

func TestFeedEnds(t *testing.T) {
	onEveryStore(t, 100, func(t *testing.T, f fixture) {
		c := f.connect(t)
		feed := mustDial(t, c, func(string, []byte) {})
		if feed.Err() != nil {
			t.Fatalf("an open feed has an error: %v", feed.Err())
		}
		if err := feed.Subscribe(soon(t), make([]string, MaxChats+1)); !errors.Is(err, ErrRefused) {
			t.Fatalf("too many chats: %v", err)
		}
		feed.Close()
		feed.Close()
		<-feed.Done()
		if !errors.Is(feed.Err(), ErrClosed) {
			t.Errorf("a closed feed's reason: %v", feed.Err())
		}
		for what, err := range map[string]error{
			"subscribe": feed.Subscribe(soon(t), []string{"a"}), "probe": feed.Probe(soon(t)),
		} {
			if err == nil {
				t.Errorf("%s on a closed feed has no error", what)
			}
		}
		second := mustDial(t, c, func(string, []byte) {})
		c.Close()
		<-second.Done()
		if !errors.Is(second.Err(), ErrClosed) {
			t.Errorf("the reason of a feed whose bus was closed: %v", second.Err())
		}
	})
}
