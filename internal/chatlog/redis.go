package chatlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

const (
	defaultDialTimeout = 5 * time.Second
	// callTimeout bounds a call whose context has no deadline.
	callTimeout = 10 * time.Second
	// flushDelay gathers commands of concurrent calls into one write; a lone call does not wait.
	flushDelay = 100 * time.Microsecond
)

// RedisOptions say which server, and how. Only URL is needed.
type RedisOptions struct {
	URL         string        // redis://[user:password@]host[:port][/db], or rediss:// for TLS
	Options                   // of the log
	ClientName  string        // shown by CLIENT LIST
	DialTimeout time.Duration // TCP, TLS and login together, default 5 s
	Logger      *slog.Logger  // default: none
}

// Redis is the log, the bus and the outbox on one Redis server (7, or 6.2 and compatible; not Redis Cluster). It
// connects when it is first used, and again after a break on the next call, so it can be made while the server is down;
// it never retries a command. All commands share one connection, in order; each feed has one of its own.
//
// Calls block up to their context's deadline, or ten seconds without one. Errors name what Redis answered but carry
// neither payloads nor credentials.
type Redis struct {
	client  rueidis.Client
	dialer  *dialer
	option  rueidis.ClientOption // for the feeds' own clients
	options Options
	shared  []string // what every script is given first, without the epoch
	further []string // what the append script is given after that and the channel
	log     *slog.Logger
	latest  atomic.Int64 // of the epochs that were seen, ms

	closed context.Context // ends feeds
	cancel context.CancelFunc
}

var (
	_ Log = (*Redis)(nil)
	_ Bus = (*Redis)(nil)
)

// NewRedis fails only when the URL is malformed; it does not connect.
func NewRedis(o RedisOptions) (*Redis, error) {
	option, err := clientOption(o)
	if err != nil {
		return nil, err
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	client, dialer, err := newClient(option, o.Logger)
	if err != nil {
		return nil, fmt.Errorf("chatlog: redis client: %w", err)
	}
	r := &Redis{client: client, dialer: dialer, option: option, options: o.Options.withDefaults(), log: o.Logger}
	r.closed, r.cancel = context.WithCancel(context.Background())
	slack := r.options.slack()
	r.shared = []string{millis(r.options.Retention + slack), millis(slack)}
	r.further = []string{strconv.Itoa(r.options.Window), millis(KeyAge)}
	return r, nil
}

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// errURL does not show the URL: it may hold a password.
var errURL = errors.New("chatlog: malformed Redis URL: want redis://[user:password@]host[:port][/db] or rediss://…")

func clientOption(o RedisOptions) (rueidis.ClientOption, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Hostname() == "" || (u.Scheme != "redis" && u.Scheme != "rediss") {
		return rueidis.ClientOption{}, errURL
	}
	option, err := rueidis.ParseURL(o.URL)
	if err != nil {
		return rueidis.ClientOption{}, errURL
	}
	if o.DialTimeout <= 0 {
		o.DialTimeout = defaultDialTimeout
	}
	if o.ClientName != "" {
		option.ClientName = o.ClientName
	}
	option.Dialer = net.Dialer{Timeout: o.DialTimeout, KeepAlive: keepAlive}
	option.ConnWriteTimeout = pingWithin
	option.ForceSingleClient = true
	option.PipelineMultiplex = -1 // one connection (0 means one per core), since order is kept within a connection only
	option.BlockingPipeline = -1  // large batches too stay on it
	option.AlwaysPipelining = true
	option.MaxFlushDelay = flushDelay
	option.DisableRetry = true
	option.DisableCache = true
	option.ReadBufferEachConn = connBuffer
	option.WriteBufferEachConn = connBuffer
	option.RingScaleEachConn = ringScale
	return option, nil
}

// do runs commands in order on the shared connection. It returns at the deadline even while the library waits for
// a connection that another call is opening, or for room in a stopped server's queue.
func (r *Redis) do(ctx context.Context, commands []rueidis.Completed) []rueidis.RedisResult {
	ctx, cancel := bounded(ctx)
	done := make(chan []rueidis.RedisResult, 1)
	go func() {
		defer cancel()
		done <- r.client.DoMulti(ctx, commands...)
	}()
	select {
	case results := <-done:
		return results
	case <-ctx.Done():
	}
	select { // the results, if both came at once
	case results := <-done:
		return results
	default:
	}
	failed := make([]rueidis.RedisResult, len(commands))
	for i := range failed {
		failed[i] = rueidis.NewErrorResult(ctx.Err())
	}
	return failed
}

func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, callTimeout)
}

// Ping implements Bus.
func (r *Redis) Ping(ctx context.Context) error {
	return named("ping", r.do(ctx, []rueidis.Completed{r.client.B().Ping().Build()})[0].Error())
}

// Evicting tells the server's eviction policy, and whether it may drop a chat's keys when its memory is full. An error
// means that it cannot be asked (managed services forbid it), which says nothing about its policy.
func (r *Redis) Evicting(ctx context.Context) (policy string, evicting bool, err error) {
	config, err := r.do(ctx, []rueidis.Completed{r.client.B().ConfigGet().Parameter("maxmemory", "maxmemory-policy").Build()})[0].AsStrMap()
	if err != nil || config["maxmemory-policy"] == "" {
		config, err = r.memoryInfo(ctx)
	}
	if err != nil {
		return "", false, named("eviction policy", err)
	}
	policy = config["maxmemory-policy"]
	if policy == "" {
		return "", false, errors.New("chatlog: eviction policy: the server does not tell")
	}
	return policy, policy != "noeviction" && config["maxmemory"] != "0", nil
}

// memoryInfo asks INFO, whose names have other dashes.
func (r *Redis) memoryInfo(ctx context.Context) (map[string]string, error) {
	text, err := r.do(ctx, []rueidis.Completed{r.client.B().Info().Section("memory").Build()})[0].ToString()
	if err != nil {
		return nil, err
	}
	config := make(map[string]string)
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			config[strings.ReplaceAll(name, "_", "-")] = value
		}
	}
	return config, nil
}

// Close ends every feed and drops the connections without waiting for answers: what is in flight has an unknown
// outcome.
func (r *Redis) Close() error {
	r.cancel()
	r.dialer.cut()
	r.client.Close()
	return nil
}
