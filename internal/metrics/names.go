package metrics

// KindInvalid is the kind of a frame that could not be decoded; it follows the last kind of the wire format.
const KindInvalid uint8 = 10

// kindNames is in the order of the wire format's kinds, with KindInvalid last.
var kindNames = []string{
	"ignored", "message", "typing", "agent_joined", "ping",
	"resume", "subscribe", "unsubscribe", "auth", "read",
	"invalid",
}

// classNames is in the order of the wire format's frame classes.
var classNames = []string{"sequenced", "control", "ephemeral"}

// outcomeNames is in the order of the API client's outcome classes.
var outcomeNames = []string{"stored", "rejected", "retry", "ambiguous", "denied", "missing"}

// codeNames are the error codes that clients may be told.
var codeNames = []string{
	"BAD_FRAME", "UNKNOWN_TYPE", "MISSING_FIELD", "CONTENT_TOO_LONG", "ROLE_FORBIDDEN", "RATE_LIMITED",
	"CHAT_NOT_FOUND", "NOT_SUBSCRIBED", "TOKEN_INVALID", "API_REJECTED", "API_UNAVAILABLE",
	"LOG_UNAVAILABLE", "OVERLOADED", "INTERNAL",
}

// closeCodes are the codes that a socket may close with: ours, and those that a peer or the protocol brings about.
var closeCodes = []int{
	1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1011, 1012,
	4000, 4001, 4002, 4003, 4008, 4009,
}

// DropReason says why something was discarded in silence.
type DropReason uint8

// What is dropped, by whom, and why that is right.
const (
	DropSlowReaderEphemeral DropReason = iota // typing, presence or read for a socket whose backlog is long
	DropSlowReaderClosed                      // what was queued for a socket that was closed as too slow
	DropSocketGone                            // what was queued for a socket whose peer went away
	DropBusNotOurs                            // a payload on Redis that is no frame
	DropBusTooLarge                           // a payload on Redis over the size limit
	DropBusOverflow                           // a payload on Redis while the bridge's queue is full; the log fills the hole
	DropOwnEcho                               // what this instance itself published
	DropStaleEpoch                            // a payload of an epoch that has ended
	DropOldOffset                             // a sequenced payload that was delivered before
	DropKnownKey                              // a raw payload whose event was delivered before
	DropNotMember                             // a payload for a chat that has no socket here
	DropTypingRateLimited                     // typing over the rate limit
	DropTypingUnchanged                       // typing that says what is known
	DropReadNotNewer                          // a read mark that is not past the last one
	DropPublishFailed                         // typing, presence or read that could not be published
	DropUnstoredOverflow                      // a message refused since too many wait for the API
	DropUnloggedOverflow                      // a stored message that found no room while the log was away
	DropDeadLetter                            // an actor's message that arrived after the actor had stopped
)

var dropNames = []string{
	DropSlowReaderEphemeral: "slow_reader_ephemeral",
	DropSlowReaderClosed:    "slow_reader_closed",
	DropSocketGone:          "socket_gone",
	DropBusNotOurs:          "bus_not_ours",
	DropBusTooLarge:         "bus_too_large",
	DropBusOverflow:         "bus_overflow",
	DropOwnEcho:             "own_echo",
	DropStaleEpoch:          "stale_epoch",
	DropOldOffset:           "old_offset",
	DropKnownKey:            "known_key",
	DropNotMember:           "not_member",
	DropTypingRateLimited:   "typing_rate_limited",
	DropTypingUnchanged:     "typing_unchanged",
	DropReadNotNewer:        "read_not_newer",
	DropPublishFailed:       "publish_failed",
	DropUnstoredOverflow:    "unstored_overflow",
	DropUnloggedOverflow:    "unlogged_overflow",
	DropDeadLetter:          "dead_letter",
}

// UpgradeOutcome is how a request to open a socket ended.
type UpgradeOutcome uint8

// Outcomes of an upgrade; all but the first are answered over HTTP.
const (
	UpgradeAccepted     UpgradeOutcome = iota
	UpgradeBadRequest                  // no valid WebSocket handshake
	UpgradeBadOrigin                   // 403
	UpgradeDraining                    // 503
	UpgradeLimitTotal                  // 503
	UpgradeLimitAddress                // 503
	UpgradeLimitUser                   // 503
	UpgradeFailed                      // the peer went away during the handshake
)

var upgradeNames = []string{
	UpgradeAccepted:     "accepted",
	UpgradeBadRequest:   "bad_request",
	UpgradeBadOrigin:    "bad_origin",
	UpgradeDraining:     "draining",
	UpgradeLimitTotal:   "limit_total",
	UpgradeLimitAddress: "limit_address",
	UpgradeLimitUser:    "limit_user",
	UpgradeFailed:       "failed",
}

// TokenFault is why a token was refused.
type TokenFault uint8

// Faults of a token.
const (
	TokenMissing TokenFault = iota // no token at all
	TokenExpired                   // valid once
	TokenInvalid                   // unsigned, forged, of another algorithm, oversized
	TokenPayload                   // signed by us, without userId or chatId
	TokenForeign                   // valid, for another chat or sender than the socket's
)

var tokenFaultNames = []string{
	TokenMissing: "missing",
	TokenExpired: "expired",
	TokenInvalid: "invalid",
	TokenPayload: "payload",
	TokenForeign: "foreign",
}

// Route is a route of the Next.js API.
type Route uint8

// Routes of the API.
const (
	RouteBatch Route = iota
	RouteSingle
	RouteUser
	RouteHistory
)

var routeNames = []string{RouteBatch: "batch", RouteSingle: "single", RouteUser: "user", RouteHistory: "history"}

// AppendOutcome is how an append to the log ended.
type AppendOutcome uint8

// Outcomes of an append.
const (
	AppendNew    AppendOutcome = iota // logged and published
	AppendRepeat                      // the event was logged before
	AppendError                       // refused, or the outcome is unknown
	AppendAgain                       // fenced, or in a log that has ended: it is logged again
)

var appendNames = []string{AppendNew: "new", AppendRepeat: "repeat", AppendError: "error", AppendAgain: "again"}

// Link is one of the two kinds of Redis connection.
type Link uint8

// Links to Redis.
const (
	LinkCommands Link = iota
	LinkPubSub
)

var linkNames = []string{LinkCommands: "commands", LinkPubSub: "pubsub"}

// Actor is a kind of actor.
type Actor uint8

// Kinds of actor.
const (
	ActorRoot Actor = iota
	ActorConnection
	ActorChat
	ActorBridge
	ActorPersistence
)

var actorNames = []string{
	ActorRoot:        "root",
	ActorConnection:  "connection",
	ActorChat:        "chat",
	ActorBridge:      "bridge",
	ActorPersistence: "persistence",
}

// KindNames returns the label values of frame kinds, indexed by the wire format's number.
func KindNames() []string { return append([]string(nil), kindNames...) }

// ClassNames returns the label values of frame classes, indexed by the wire format's number.
func ClassNames() []string { return append([]string(nil), classNames...) }

// OutcomeNames returns the label values of API outcomes, indexed by the API client's number.
func OutcomeNames() []string { return append([]string(nil), outcomeNames...) }

// CodeNames returns the error codes that are counted by name.
func CodeNames() []string { return append([]string(nil), codeNames...) }

// CloseCodes returns the close codes that are counted by number.
func CloseCodes() []int { return append([]int(nil), closeCodes...) }
