package chatlog

import (
	"crypto/rand"
	"errors"
	"fmt"
	random "math/rand/v2"
	"time"
)

const (
	defaultWindow    = 1000
	defaultRetention = 48 * time.Hour
	defaultLease     = 5 * time.Second

	// KeyAge is how long an event key is known at least: a repeat within it finds its entry.
	KeyAge = 24 * time.Hour

	// MaxChats is the most chats in one call of Subscribe and Unsubscribe.
	MaxChats = 512

	channelPrefix = "chat:"
)

// ErrClosed is what a Feed ends with that was closed from this side.
var ErrClosed = errors.New("chatlog: closed")

// withDefaults fills zero values and raises what is too small to be safe.
func (o Options) withDefaults() Options {
	if o.Window <= 0 {
		o.Window = defaultWindow
	}
	if o.Retention <= 0 {
		o.Retention = defaultRetention
	}
	o.Retention = max(o.Retention, KeyAge)
	if o.Holder == "" {
		o.Holder = newHolder()
	}
	if o.Lease <= 0 {
		o.Lease = defaultLease
	}
	o.Lease = max(o.Lease, time.Millisecond) // what Redis counts in
	return o
}

// slack is how stale the expiry of a log may become before it is set again; a log lives for Retention and up to slack.
func (o Options) slack() time.Duration { return o.Retention / 16 }

// newEpoch is twelve hex digits of milliseconds and eight random ones, so that later epochs are greater as text.
func newEpoch(ms int64) string { return fmt.Sprintf("%012x%08x", ms, random.Uint32()) }

func randomDigits() string { return fmt.Sprintf("%08x", random.Uint32()) }

// newHolder names a handle that was given no name.
func newHolder() string { return rand.Text() }

// check refuses what no log could keep, and what asks for nothing.
func (a *Append) check() error {
	switch {
	case a.Body == nil && a.Queue == nil && a.Done == nil:
		return fmt.Errorf("%w: a step that asks for nothing", ErrRefused)
	case a.Queue != nil && a.Queue.Name == "", a.Done != nil && a.Done.Name == "":
		return fmt.Errorf("%w: a message without a name", ErrRefused)
	case a.Body == nil:
		return nil
	case a.Key == "":
		return fmt.Errorf("%w: an event without a key", ErrRefused)
	}
	if _, ok := unclosed(a.Body); !ok {
		return fmt.Errorf("%w: a body that is no JSON object", ErrRefused)
	}
	return nil
}

// names are all that shall find the entry; a step that only queues may have no event key.
func (a *Append) names() []string {
	if a.Key == "" {
		return a.Aliases
	}
	return append([]string{a.Key}, a.Aliases...)
}

func checkChats(chatIDs []string) error {
	if len(chatIDs) > MaxChats {
		return fmt.Errorf("%w: %d chats in one call, at most %d", ErrRefused, len(chatIDs), MaxChats)
	}
	return nil
}
