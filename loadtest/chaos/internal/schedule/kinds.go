package schedule

import "time"

// Kind of a fault.
type Kind string

// Faults of an instance.
const (
	Kill            Kind = "kill"              // kill -9, then a new one
	KillAfterAck    Kind = "kill-after-ack"    // when the next client has read an ack from it
	KillAfterCommit Kind = "kill-after-commit" // when the API has stored the next batch, before it answers
	KillDraining    Kind = "kill-draining"     // while it drains
	KillAll         Kind = "kill-all"          // every instance at once
	Stop            Kind = "stop"              // SIGSTOP, and SIGCONT later
	StopLong        Kind = "stop-long"         // for longer than others wait before they take over
	StopAfterAck    Kind = "stop-after-ack"
	StopAfterCommit Kind = "stop-after-commit"
	Restart         Kind = "restart" // planned: it drains, and a new one starts beside it
	RestartAll      Kind = "restart-all"
)

// Faults of Redis and of an instance's connections to it.
const (
	RedisKill    Kind = "redis-kill" // kill -9, then again from its append-only file
	RedisPause   Kind = "redis-pause"
	RedisWipe    Kind = "redis-wipe"
	RedisCut     Kind = "redis-cut"     // all connections of an instance, and no new ones
	RedisSilent  Kind = "redis-silent"  // all connections of an instance are up and carry nothing
	RedisSlow    Kind = "redis-slow"    // each transfer of an instance takes longer
	ReplyLost    Kind = "reply-lost"    // a script ran, and its reply is lost with the connection
	FeedCut      Kind = "feed-cut"      // the pub/sub connection of an instance
	FeedSilent   Kind = "feed-silent"   // it is up and carries nothing
	EntryLost    Kind = "entry-lost"    // published entries do not reach an instance
	EntryDoubled Kind = "entry-doubled" // or twice
	EntrySwapped Kind = "entry-swapped" // or in another order
)

// Faults of the API.
const (
	API500         Kind = "api-500"
	API503         Kind = "api-503"
	API429         Kind = "api-429"
	API401         Kind = "api-401"
	APIHang        Kind = "api-hang"
	APISlow        Kind = "api-slow"
	APIDown        Kind = "api-down"      // it does not listen
	CommitHang     Kind = "commit-hang"   // it stores and never answers
	CommitFail     Kind = "commit-500"    // it stores and answers 500
	HalfAnswer     Kind = "half-answer"   // it stores, and its answer breaks off
	Reject         Kind = "api-reject"    // some messages are refused for good
	PublishLost    Kind = "publish-lost"  // the old API's own
	PublishDoubled Kind = "publish-twice" // the same
	PublishSwapped Kind = "publish-late"  // the same
)

// Faults of clients.
const (
	Drop     Kind = "client-drop" // some connections break
	HalfOpen Kind = "half-open"   // some clients go on elsewhere and leave their sockets open and unread
	SlowRead Kind = "slow-client" // some clients stop reading for a while
	Storm    Kind = "storm"       // all clients come back at once
	AwayEach Kind = "away-spread" // every client is away for two seconds, beginning within half a minute
	AwayAll  Kind = "away-at-once"
)

// Faults of the database file of an instance without Redis.
const (
	FileDamaged Kind = "file-damaged"
	DiskFull    Kind = "disk-full"
)

// Target is what a fault is about; faults of one target do not overlap.
type Target uint8

const (
	Instance Target = iota
	Redis
	Link // of an instance to Redis
	Feed // of an instance
	API
	Clients
)

// Trait is what the schedule has to know of a kind.
type trait struct {
	kind   Kind
	target Target
	least  time.Duration // how long it lasts
	most   time.Duration
	deadly bool // an instance ends or stops
	all    bool // of all instances
	old    bool // with the old API only
	named  bool // only when it is asked for by its name
	needs  need
}

type need uint8

const (
	redis   need = 1 << iota // an instance with Redis
	noRedis                  // an instance without
)

const ms = time.Millisecond

var traits = []trait{
	{kind: Kill, target: Instance, least: 100 * ms, most: 3000 * ms, deadly: true},
	{kind: KillAfterAck, target: Instance, least: 100 * ms, most: 2000 * ms, deadly: true},
	{kind: KillAfterCommit, target: Instance, least: 100 * ms, most: 2000 * ms, deadly: true},
	{kind: KillDraining, target: Instance, least: 50 * ms, most: 1500 * ms, deadly: true},
	{kind: KillAll, target: Instance, least: 100 * ms, most: 1500 * ms, deadly: true, all: true},
	{kind: Stop, target: Instance, least: 200 * ms, most: 4000 * ms, deadly: true},
	{kind: StopLong, target: Instance, least: 12_000 * ms, most: 16_000 * ms, deadly: true},
	{kind: StopAfterAck, target: Instance, least: 200 * ms, most: 4000 * ms, deadly: true},
	{kind: StopAfterCommit, target: Instance, least: 200 * ms, most: 4000 * ms, deadly: true},
	{kind: Restart, target: Instance, least: 500 * ms, most: 1000 * ms, deadly: true},
	{kind: RestartAll, target: Instance, least: 500 * ms, most: 1000 * ms, deadly: true, all: true},

	{kind: RedisKill, target: Redis, least: 50 * ms, most: 4000 * ms, needs: redis},
	{kind: RedisPause, target: Redis, least: 200 * ms, most: 7000 * ms, needs: redis},
	{kind: RedisWipe, target: Redis, least: 100 * ms, most: 100 * ms, needs: redis},
	{kind: RedisCut, target: Link, least: 100 * ms, most: 7000 * ms, needs: redis},
	{kind: RedisSilent, target: Link, least: 200 * ms, most: 8000 * ms, needs: redis},
	{kind: RedisSlow, target: Link, least: 500 * ms, most: 3000 * ms, needs: redis},
	{kind: ReplyLost, target: Link, least: 200 * ms, most: 1000 * ms, needs: redis},
	{kind: FeedCut, target: Feed, least: 100 * ms, most: 500 * ms, needs: redis},
	{kind: FeedSilent, target: Feed, least: 3000 * ms, most: 10_000 * ms, needs: redis},
	{kind: EntryLost, target: Feed, least: 200 * ms, most: 1000 * ms, needs: redis},
	{kind: EntryDoubled, target: Feed, least: 200 * ms, most: 1000 * ms, needs: redis},
	{kind: EntrySwapped, target: Feed, least: 200 * ms, most: 1000 * ms, needs: redis},

	{kind: API500, target: API, least: 200 * ms, most: 3000 * ms},
	{kind: API503, target: API, least: 200 * ms, most: 3000 * ms},
	{kind: API429, target: API, least: 200 * ms, most: 2000 * ms},
	{kind: API401, target: API, least: 200 * ms, most: 2000 * ms},
	{kind: APIHang, target: API, least: 200 * ms, most: 4000 * ms},
	{kind: APISlow, target: API, least: 500 * ms, most: 3000 * ms},
	{kind: APIDown, target: API, least: 200 * ms, most: 4000 * ms},
	{kind: CommitHang, target: API, least: 200 * ms, most: 3000 * ms},
	{kind: CommitFail, target: API, least: 200 * ms, most: 2000 * ms},
	{kind: HalfAnswer, target: API, least: 200 * ms, most: 2000 * ms},
	{kind: Reject, target: API, least: 200 * ms, most: 1000 * ms},
	{kind: PublishLost, target: API, least: 200 * ms, most: 1000 * ms, old: true},
	{kind: PublishDoubled, target: API, least: 200 * ms, most: 1000 * ms, old: true},
	{kind: PublishSwapped, target: API, least: 200 * ms, most: 1000 * ms, old: true},

	{kind: Drop, target: Clients, least: 100 * ms, most: 100 * ms},
	{kind: HalfOpen, target: Clients, least: 100 * ms, most: 100 * ms},
	{kind: SlowRead, target: Clients, least: 500 * ms, most: 4000 * ms},
	{kind: Storm, target: Clients, least: 100 * ms, most: 100 * ms},
	{kind: AwayEach, target: Clients, least: 30_000 * ms, most: 30_000 * ms, named: true},
	{kind: AwayAll, target: Clients, least: 10_000 * ms, most: 10_000 * ms, named: true},
	{kind: FileDamaged, target: Instance, least: 200 * ms, most: 500 * ms, deadly: true, needs: noRedis},
	{kind: DiskFull, target: Instance, least: 1000 * ms, most: 3000 * ms, needs: noRedis},
}
