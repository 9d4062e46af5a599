package chatlog

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	defaultWindow    = 1000
	defaultRetention = 48 * time.Hour

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
	return o
}

// slack is how stale the expiry of a log may become before it is set again; a log lives for Retention and up to slack.
func (o Options) slack() time.Duration { return o.Retention / 16 }

// newEpoch is twelve hex digits of milliseconds and eight random ones, so that later epochs are greater as text.
func newEpoch(ms int64) string { return fmt.Sprintf("%012x%s", ms, randomDigits()) }

func randomDigits() string { return fmt.Sprintf("%08x", rand.Uint32()) }

// check refuses what no log could keep.
func (a *Append) check() error {
	if a.Key == "" {
		return fmt.Errorf("%w: an event without a key", ErrRefused)
	}
	if _, ok := unclosed(a.Body); !ok {
		return fmt.Errorf("%w: a body that is no JSON object", ErrRefused)
	}
	return nil
}

func checkChats(chatIDs []string) error {
	if len(chatIDs) > MaxChats {
		return fmt.Errorf("%w: %d chats in one call, at most %d", ErrRefused, len(chatIDs), MaxChats)
	}
	return nil
}
