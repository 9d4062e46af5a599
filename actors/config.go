package actors

import (
	"log/slog"
	"time"

	"eclipse/internal/chatlog"
	"eclipse/internal/metrics"
	"eclipse/internal/nextapi"
)

// Config tunes the router. Zero values mean the defaults.
type Config struct {
	Instance string // this process's id among all instances; random when empty

	MaxQueueBytes int // bytes queued per socket before it counts as too slow, default 1 MiB

	Linger         time.Duration // how long an empty chat stays, default 30 s
	WelcomeTimeout time.Duration // how long `connected` waits for the log before it goes without a position, default 2 s
	TypingTimeout  time.Duration // silence after which typing ends, default 6 s
	OfflineGrace   time.Duration // how long a user without sockets counts as online, default 5 s
	LogPatience    time.Duration // how long a stored message waits for the log before it is served without an offset, default 5 s

	PublishPatience time.Duration // how long what the old API publishes of a message waits for its answer, which names the sender's id too, default 50 ms

	ReplayAge time.Duration // of the entries that an old client is sent when it connects, 0 = none
	ReplayMax int           // how many at most

	Live           bool          // messages are shown before they are stored, where the API has the batch route
	AcceptPatience time.Duration // how long the API may take before a message enters the outbox, default 2 s, negative: it never does, and is refused
	AcceptCheck    time.Duration // how often accepted messages that another instance posts are asked after, default 5 s
	Lease          time.Duration // how long a lease lasts, the same as the store's; renewed at a third, default 5 s
	OrphanCheck    time.Duration // how often queues without a holder are looked for, default 2 s

	BatchMax        int           // messages in one call of the batch route, default 100
	APIConcurrency  int           // calls of the API under way at once, eight times as many by the old route; default 16
	SaveTimeout     time.Duration // one call of the API, default 15 s
	SavePatience    time.Duration // how long a save that is not accepted is tried again before its sender is told, default 10 s
	MaxSaves        int           // saves waiting for the API, all chats together, accepted ones not counted, default 10,000
	MaxSavesPerChat int           // the same for one chat, accepted ones counted, default 2,000

	LogTimeout  time.Duration // one call of the log, default 3 s
	MaxAppends  int           // appends waiting for the log, default 20,000
	HeadCheck   time.Duration // how often the heads of all chats are compared with the log, default 30 s
	ProbeAfter  time.Duration // silence of the pub/sub connection after which it is probed, default 30 s
	AliveEvery  time.Duration // how often an instance tells the others that it lives, default 5 s
	AliveWithin time.Duration // silence after which another instance counts as dead, default 15 s
}

// Deps are the services that the router works with.
type Deps struct {
	Log     chatlog.Log
	Outbox  chatlog.Outbox
	Bus     chatlog.Bus
	API     nextapi.API
	Metrics *metrics.Metrics
	Logger  *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.Instance == "" {
		c.Instance = randomID()
	}
	defaultTo(&c.MaxQueueBytes, 1<<20)
	defaultTo(&c.Linger, 30*time.Second)
	defaultTo(&c.WelcomeTimeout, 2*time.Second)
	defaultTo(&c.TypingTimeout, 6*time.Second)
	defaultTo(&c.OfflineGrace, 5*time.Second)
	defaultTo(&c.LogPatience, 5*time.Second)
	defaultTo(&c.PublishPatience, 50*time.Millisecond)
	defaultTo(&c.BatchMax, 100)
	defaultTo(&c.APIConcurrency, 16)
	defaultTo(&c.SaveTimeout, 15*time.Second)
	defaultTo(&c.SavePatience, 10*time.Second)
	defaultTo(&c.MaxSaves, 10_000)
	defaultTo(&c.MaxSavesPerChat, 2000)
	defaultTo(&c.AcceptPatience, 2*time.Second)
	defaultTo(&c.AcceptCheck, 5*time.Second)
	defaultTo(&c.Lease, 5*time.Second)
	defaultTo(&c.OrphanCheck, 2*time.Second)
	defaultTo(&c.LogTimeout, 3*time.Second)
	defaultTo(&c.MaxAppends, 20_000)
	defaultTo(&c.HeadCheck, 30*time.Second)
	defaultTo(&c.ProbeAfter, 30*time.Second)
	defaultTo(&c.AliveEvery, 5*time.Second)
	defaultTo(&c.AliveWithin, 15*time.Second)
	return c
}

func defaultTo[T int | time.Duration](value *T, def T) {
	if *value == 0 {
		*value = def
	}
}
