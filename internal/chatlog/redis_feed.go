package chatlog

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/rueidis"
)

// Publish implements Bus.
func (r *Redis) Publish(ctx context.Context, items []Publication) error {
	if len(items) == 0 {
		return nil
	}
	commands := make([]rueidis.Completed, len(items))
	for i, item := range items {
		// Copied, since after a missed deadline the library may still be sending it.
		commands[i] = r.client.B().Publish().Channel(channelPrefix + item.ChatID).Message(string(item.Payload)).Build()
	}
	for i, result := range r.do(ctx, commands) {
		heard, err := result.AsInt64()
		if err != nil {
			return named("publish", err)
		}
		items[i].Heard = int(heard)
	}
	return nil
}

// Dial implements Bus. A feed also breaks by itself when its connection is silent for ten seconds.
func (r *Redis) Dial(ctx context.Context, deliver func(chatID string, payload []byte)) (Feed, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	option := r.option
	option.MaxFlushDelay = 0
	client, dialer, err := newClient(option, r.log)
	if err != nil {
		return nil, fmt.Errorf("chatlog: feed: %w", err)
	}
	f := &redisFeed{
		client:  client,
		dialer:  dialer,
		probe:   "probe:" + randomDigits() + randomDigits(),
		deliver: deliver,
		turn:    make(chan struct{}, 1),
		probes:  make(map[string]chan struct{}),
		done:    make(chan struct{}),
	}
	stop := context.AfterFunc(ctx, func() { f.end(ctx.Err()) }) // also in the midst of the handshake
	f.conn, _ = client.Dedicate()
	broken := f.conn.SetPubSubHooks(rueidis.PubSubHooks{OnMessage: f.onMessage, OnSubscription: f.onSubscription})
	forget := context.AfterFunc(r.closed, func() { f.end(ErrClosed) })
	go f.watch(broken, forget)
	err = f.change(ctx, "subscribe", []string{f.probe})
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		f.Close()
		return nil, named("feed", err)
	}
	return f, nil
}

// redisFeed is one pub/sub connection. The hooks run on the connection's reading goroutine: they never block and
// never send a command.
type redisFeed struct {
	client  rueidis.Client
	dialer  *dialer
	conn    rueidis.DedicatedClient
	probe   string // its own channel
	deliver func(chatID string, payload []byte)
	buffer  []byte        // the payload in delivery; the hooks' own
	turn    chan struct{} // holds the one Subscribe or Unsubscribe that is under way
	done    chan struct{}

	mu      sync.Mutex
	waiting *confirmation
	probes  map[string]chan struct{} // under way, by payload
	probed  uint64
	err     error // why it ends; the first reason stays
}

// confirmation is what a Subscribe or Unsubscribe waits for.
type confirmation struct {
	kind     string
	channels map[string]struct{} // not confirmed yet
	all      chan struct{}       // closed when none is left
}

func (f *redisFeed) onMessage(m rueidis.PubSubMessage) {
	if chatID, ok := strings.CutPrefix(m.Channel, channelPrefix); ok {
		f.buffer = append(f.buffer[:0], m.Message...)
		f.deliver(chatID, f.buffer)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if back, ok := f.probes[m.Message]; ok {
		delete(f.probes, m.Message)
		close(back)
	}
}

func (f *redisFeed) onSubscription(s rueidis.PubSubSubscription) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := f.waiting
	if w == nil || w.kind != s.Kind {
		return
	}
	delete(w.channels, s.Channel)
	if len(w.channels) == 0 {
		close(w.all)
		f.waiting = nil
	}
}

// Subscribe implements Feed. When its context ends first, what the server has heard is not known, so the feed ends too.
func (f *redisFeed) Subscribe(ctx context.Context, chatIDs []string) error {
	return f.changeChats(ctx, "subscribe", chatIDs)
}

// Unsubscribe implements Feed. When its context ends first the feed ends too.
func (f *redisFeed) Unsubscribe(ctx context.Context, chatIDs []string) error {
	return f.changeChats(ctx, "unsubscribe", chatIDs)
}

func (f *redisFeed) changeChats(ctx context.Context, kind string, chatIDs []string) error {
	if len(chatIDs) == 0 {
		return nil
	}
	if err := checkChats(chatIDs); err != nil {
		return err
	}
	channels := make([]string, len(chatIDs))
	for i, chatID := range chatIDs {
		channels[i] = channelPrefix + chatID
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	return named(kind, f.change(ctx, kind, channels))
}

func (f *redisFeed) change(ctx context.Context, kind string, channels []string) error {
	select {
	case f.turn <- struct{}{}:
		defer func() { <-f.turn }()
	case <-ctx.Done():
		return ctx.Err()
	case <-f.done:
		return f.Err()
	}
	confirmed := f.await(kind, channels)
	err := f.conn.Do(ctx, f.command(kind, channels)).Error()
	if _, refused := rueidis.IsRedisErr(err); refused {
		f.await("", nil) // nothing is confirmed
		return err
	}
	if err != nil {
		return f.end(err)
	}
	select {
	case <-confirmed:
		return nil
	case <-f.done:
		return f.Err()
	case <-ctx.Done():
		return f.end(ctx.Err())
	}
}

func (f *redisFeed) command(kind string, channels []string) rueidis.Completed {
	if kind == "subscribe" {
		return f.conn.B().Subscribe().Channel(channels...).Build()
	}
	return f.conn.B().Unsubscribe().Channel(channels...).Build()
}

func (f *redisFeed) await(kind string, channels []string) <-chan struct{} {
	w := &confirmation{kind: kind, channels: make(map[string]struct{}, len(channels)), all: make(chan struct{})}
	for _, channel := range channels {
		w.channels[channel] = struct{}{}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waiting = w
	return w.all
}

// Probe implements Feed. A failed probe leaves the feed as it is: the caller closes it.
func (f *redisFeed) Probe(ctx context.Context) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	payload, back := f.expectProbe()
	defer f.forgetProbe(payload)
	if err := f.conn.Do(ctx, f.conn.B().Publish().Channel(f.probe).Message(payload).Build()).Error(); err != nil {
		return named("probe", err)
	}
	select {
	case <-back:
		return nil
	case <-f.done:
		return named("probe", f.Err())
	case <-ctx.Done():
		return named("probe", ctx.Err())
	}
}

func (f *redisFeed) expectProbe() (payload string, back <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.probed++
	payload = strconv.FormatUint(f.probed, 10)
	arrived := make(chan struct{})
	f.probes[payload] = arrived
	return payload, arrived
}

func (f *redisFeed) forgetProbe(payload string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.probes, payload)
}

// watch waits for the connection's end, after which no hook runs any more.
func (f *redisFeed) watch(broken <-chan error, forget func() bool) {
	err := <-broken
	if err == nil {
		err = ErrClosed
	}
	f.end(err)
	forget()
	f.conn.Close()
	f.client.Close()
	close(f.done)
}

// end breaks the feed for a reason, unless it ends for another one already, and returns the one that holds.
func (f *redisFeed) end(reason error) error {
	f.mu.Lock()
	if f.err == nil {
		f.err = reason
	}
	reason = f.err
	f.mu.Unlock()
	f.dialer.cut()
	return reason
}

// Done implements Feed.
func (f *redisFeed) Done() <-chan struct{} { return f.done }

// Err implements Feed.
func (f *redisFeed) Err() error {
	select {
	case <-f.done:
	default:
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// Close implements Feed. It does not wait for the server.
func (f *redisFeed) Close() error {
	f.end(ErrClosed)
	<-f.done
	return nil
}
