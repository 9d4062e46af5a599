package metrics

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const namespace = "eclipse"

// Metrics is every collector of one router. Gauges and plain counters are fields; what has a label is a method.
type Metrics struct {
	registry *prometheus.Registry

	// Sockets and chats of this instance.
	Connections prometheus.Gauge // sockets that are open and have a valid token
	Chats       prometheus.Gauge // chats that have an actor
	HeldSockets prometheus.Gauge // sockets with a bad token, kept for a while before they are closed
	QueueBytes  prometheus.Gauge // bytes queued for all sockets

	// A frame's way.
	Deliveries      prometheus.Counter   // sequenced frames handed to a socket
	DeliveryLatency prometheus.Histogram // seconds from a message frame's receipt to its hand-over to the chat's sockets
	framesIn        grid[uint8]          // kind × outcome
	framesOut       family[uint8]
	drops           family[DropReason]
	refusals        map[string]prometheus.Counter

	// Opening and closing.
	upgrades  family[UpgradeOutcome]
	closes    map[int]prometheus.Counter
	badTokens family[TokenFault]
	panics    family[Actor]

	// The Next.js API.
	BatchSize    prometheus.Histogram // messages in one call of the batch route
	APIQueued    prometheus.Gauge     // messages that wait for the API, those in flight included
	BreakerOpen  prometheus.Gauge     // 1 while the circuit breaker lets no call through
	APIFallbacks prometheus.Counter   // batches stored one by one, since the API lacks the batch route
	APIOverdue   prometheus.Counter   // calls that gave their slot up, since they took much longer than usual
	APISuspects  prometheus.Gauge     // chats for which the API may hang, stored apart from the others
	APIReposted  prometheus.Counter   // messages posted again apart, since they shared a call with a suspect
	apiCalls     grid[uint8]          // route × outcome
	apiLatency   []prometheus.Observer
	apiRetries   family[uint8]

	// The ordered log.
	LogHoles       prometheus.Counter // holes seen in a chat's offsets
	LogReads       prometheus.Counter // reads of a chat's log, to fill a hole or to begin
	LogHeadChecks  prometheus.Counter // comparisons of chats' heads with the log
	LogEpochs      prometheus.Counter // times that a chat moved to a new epoch
	LogUnsequenced prometheus.Counter // frames served without an offset while the log was away
	LogGaps        prometheus.Counter // times that a chat came back to a log that no longer kept what it had missed
	LogReconciled  prometheus.Counter // messages that the API had and the log had not
	LogUnasked     prometheus.Counter // messages posted to an API that stores repeats again, the log being away
	appends        family[AppendOutcome]

	// The outbox.
	OutboxHeld       prometheus.Gauge   // accepted messages that this instance keeps until they are stored
	OutboxLeases     prometheus.Gauge   // chats whose queue this instance posts
	OutboxAccepted   prometheus.Counter // messages acknowledged as accepted
	OutboxTaken      prometheus.Counter // messages taken over that another instance, or an earlier process, had accepted
	OutboxTakeovers  prometheus.Counter // chats whose queue had no holder any more
	OutboxFenced     prometheus.Counter // leases found lost to another instance
	OutboxReentered  prometheus.Counter // messages entered again after the outbox was lost with its log
	OutboxReposted   prometheus.Counter // messages posted again to the old API after a call without an answer: each may be a duplicate
	OutboxHeldBack   prometheus.Counter // tries put off because the API has lost the batch route that the message needs
	OutboxDead       prometheus.Counter // accepted messages refused for good
	OutboxExpired    prometheus.Counter // dead letters discarded that nobody had decided about in time
	OutboxUnreadable prometheus.Counter // queued messages that could not be read

	// Redis.
	RedisReconnects    prometheus.Counter // pub/sub connections opened after the first
	RedisProbesFailed  prometheus.Counter // probes that did not come back: the connection was up and silent
	RedisSubscriptions prometheus.Gauge   // channels subscribed to
	redisUp            []prometheus.Gauge

	build *prometheus.GaugeVec
}

// New makes the collectors and registers them, with those of the Go runtime and of the process.
func New() *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewBuildInfoCollector(),
	)
	r := register{m.registry}
	m.sockets(r)
	m.frames(r)
	m.api(r)
	m.log(r)
	m.outbox(r)
	m.redis(r)
	m.build = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "Always 1; the label tells the version that runs.",
	}, []string{"version"})
	r.MustRegister(m.build)
	return m
}

func (m *Metrics) sockets(r register) {
	m.Connections = r.gauge("connections", "Open sockets with a valid token.")
	m.Chats = r.gauge("chats", "Chats that have an actor on this instance.")
	m.HeldSockets = r.gauge("held_sockets", "Sockets with a bad token, held for a while before they are closed.")
	m.QueueBytes = r.gauge("queue_bytes", "Bytes queued for all sockets.")
	m.upgrades = newFamily[UpgradeOutcome](r, "upgrades_total", "Requests to open a socket, by outcome.", "outcome", upgradeNames)
	m.badTokens = newFamily[TokenFault](r, "bad_tokens_total", "Tokens refused, by reason.", "reason", tokenFaultNames)
	m.panics = newFamily[Actor](r, "panics_total", "Panics that supervision caught, by kind of actor.", "actor", actorNames)
	closes := r.vector("closes_total", "Sockets closed, by close code.", "code")
	m.closes = make(map[int]prometheus.Counter, len(closeCodes)+1)
	for _, code := range closeCodes {
		m.closes[code] = closes.WithLabelValues(strconv.Itoa(code))
	}
	m.closes[0] = closes.WithLabelValues(other)
}

func (m *Metrics) frames(r register) {
	m.framesIn = newGrid[uint8](r, "frames_in_total", "Frames from clients, by type and outcome.",
		[2]string{"type", "outcome"}, kindNames, []string{"accepted", "refused"})
	m.framesOut = newFamily[uint8](r, "frames_out_total", "Frames queued for sockets, by class.", "class", classNames)
	m.Deliveries = r.counter("deliveries_total", "Sequenced frames handed to a socket.")
	m.DeliveryLatency = r.histogram("delivery_latency_seconds",
		"From a message frame's receipt to its hand-over to the sockets of its chat.",
		[]float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10})
	m.drops = newFamily[DropReason](r, "drops_total", "What was discarded in silence, by reason.", "reason", dropNames)
	refusals := r.vector("refusals_total", "Error frames to clients, by code.", "code")
	m.refusals = make(map[string]prometheus.Counter, len(codeNames)+1)
	for _, code := range withOther(codeNames) {
		m.refusals[code] = refusals.WithLabelValues(code)
	}
}

func (m *Metrics) api(r register) {
	m.BatchSize = r.histogram("api_batch_size", "Messages in one call of the batch route.",
		[]float64{1, 2, 4, 8, 16, 32, 64, 100, 250, 1000})
	m.APIQueued = r.gauge("api_queued", "Messages that wait for the API, those in flight included.")
	m.BreakerOpen = r.gauge("api_breaker_open", "1 while the circuit breaker lets no call through.")
	m.APIFallbacks = r.counter("api_fallbacks_total", "Batches stored one by one, since the API lacks the batch route.")
	m.APIOverdue = r.counter("api_overdue_total", "Calls that gave their slot up, since they took much longer than usual.")
	m.APISuspects = r.gauge("api_suspect_chats", "Chats for which the API may hang, stored apart from the others.")
	m.APIReposted = r.counter("api_reposted_total", "Messages posted again apart, since they shared a call that is overdue with another chat.")
	m.apiCalls = newGrid[uint8](r, "api_calls_total", "Calls of the API, by route and outcome.",
		[2]string{"route", "outcome"}, routeNames, outcomeNames)
	m.apiRetries = newFamily[uint8](r, "api_retries_total", "Messages tried again, by the outcome before.", "reason", outcomeNames)
	latency := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: namespace, Name: "api_latency_seconds", Help: "Time of one call of the API, by route.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
	}, []string{"route"})
	r.MustRegister(latency)
	for _, route := range withOther(routeNames) {
		m.apiLatency = append(m.apiLatency, latency.WithLabelValues(route))
	}
}

func (m *Metrics) log(r register) {
	m.appends = newFamily[AppendOutcome](r, "log_appends_total", "Appends to the log, by outcome.", "outcome", appendNames)
	m.LogHoles = r.counter("log_holes_total", "Holes seen in the offsets of a chat.")
	m.LogReads = r.counter("log_reads_total", "Reads of the log of a chat.")
	m.LogHeadChecks = r.counter("log_head_checks_total", "Comparisons of the heads of chats with the log.")
	m.LogEpochs = r.counter("log_epochs_total", "Times that a chat moved to a new epoch.")
	m.LogGaps = r.counter("log_gaps_total", "Times that a chat came back to a log that no longer kept what it had missed.")
	m.LogUnasked = r.counter("log_unasked_total", "Messages posted without asking the log, which was away, whether they are repeats.")
	m.LogReconciled = r.counter("log_reconciled_total", "Messages that the API had and the log had not.")
	m.LogUnsequenced = r.counter("log_unsequenced_total", "Frames served without an offset while the log was away.")
}

func (m *Metrics) outbox(r register) {
	m.OutboxHeld = r.gauge("outbox_held", "Accepted messages that this instance keeps until they are stored.")
	m.OutboxLeases = r.gauge("outbox_leases", "Chats whose queue this instance posts.")
	m.OutboxAccepted = r.counter("outbox_accepted_total", "Messages acknowledged as accepted.")
	m.OutboxTaken = r.counter("outbox_taken_total", "Messages taken over that another process had accepted.")
	m.OutboxTakeovers = r.counter("outbox_takeovers_total", "Chats whose queue had no holder any more.")
	m.OutboxFenced = r.counter("outbox_fenced_total", "Leases found lost to another instance.")
	m.OutboxReentered = r.counter("outbox_reentered_total", "Messages entered again after the outbox was lost with its log.")
	m.OutboxReposted = r.counter("outbox_reposted_total", "Messages posted again to an old API that gave no answer; each may be a duplicate.")
	m.OutboxHeldBack = r.counter("outbox_held_back_total", "Tries put off because the API has lost the batch route that the message needs.")
	m.OutboxDead = r.counter("outbox_dead_total", "Accepted messages refused for good.")
	m.OutboxExpired = r.counter("outbox_expired_total", "Dead letters discarded that nobody had decided about in time.")
	m.OutboxUnreadable = r.counter("outbox_unreadable_total", "Queued messages that could not be read.")
}

func (m *Metrics) redis(r register) {
	m.RedisReconnects = r.counter("redis_reconnects_total", "Pub/sub connections opened after the first.")
	m.RedisProbesFailed = r.counter("redis_probes_failed_total", "Probes of a pub/sub connection that did not come back.")
	m.RedisSubscriptions = r.gauge("redis_subscriptions", "Channels subscribed to.")
	up := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: namespace, Name: "redis_up", Help: "1 while the link to Redis works, by link.",
	}, []string{"link"})
	r.MustRegister(up)
	for _, link := range linkNames {
		m.redisUp = append(m.redisUp, up.WithLabelValues(link))
	}
}

// Handler serves the metrics in Prometheus' text format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
}
