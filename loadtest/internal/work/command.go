package work

import (
	"time"

	"eclipse/loadtest/internal/check"
)

// Action names a Command.
type Action string

const (
	SetUp Action = "setup" // Setup: once, first
	Open  Action = "open"  // Chats: open the sockets of that many more chats
	Say   Action = "say"   // Talk: send
	Drain Action = "drain" // Timeout: wait for what is on its way
	Close Action = "close" // say goodbye; the answer carries the verdict
)

// Command is one line from the parent.
type Command struct {
	Do      Action        `json:"do"`
	Setup   *Setup        `json:"setup,omitempty"`
	Chats   int           `json:"chats,omitempty"`
	Talk    *Talk         `json:"talk,omitempty"`
	Timeout time.Duration `json:"timeout,omitempty"`
}

// Setup tells whom to speak to, and how the chats of this process look.
type Setup struct {
	Run       uint64   `json:"run"`             // random, the same for all processes
	URLs      []string `json:"urls"`            // ws:// or wss://; the sockets of a chat are spread over them
	Room      bool     `json:"room"`            // the relay: ?room=, no token
	Secret    string   `json:"secret"`          // signs the tokens
	Sources   int      `json:"sources"`         // source addresses 127.0.0.1 … 127.0.0.n, 0 = the kernel's choice
	Dialers   int      `json:"dialers"`         // sockets that are opened, or come back, at once
	FirstChat int      `json:"firstChat"`       // number of this process's first chat
	Known     []Known  `json:"known,omitempty"` // the chats of this process, where the server's app must know them
	Sockets   int      `json:"sockets"`         // per chat; the first is an anonymous visitor, the others are agents
	Senders   int      `json:"senders"`         // the first so many sockets of a chat take turns
	Typing    bool     `json:"typing"`          // typing instead of messages
	Size      int      `json:"size"`            // bytes of a message's content
	V1        bool     `json:"v1"`              // a part-2 client
	Acks      bool     `json:"acks"`            // every message must be acknowledged, as stored in the end
	Types     bool     `json:"types"`           // messages are preceded by typing, which is load only: what comes of it is not checked
	Resume    bool     `json:"resume"`          // sockets keep their place in the log, so that they can come back
}

// Known is a chat that the app behind a server knows.
type Known struct {
	Chat  string `json:"chat"`
	Agent string `json:"agent,omitempty"` // user id of all of its agents, "" = any will do
}

// Talk is a stretch of sending over all open chats.
type Talk struct {
	Rate     float64       `json:"rate,omitempty"`   // open loop: messages per second of this process
	Offset   time.Duration `json:"offset,omitempty"` // open loop: of the first message
	Window   int           `json:"window,omitempty"` // closed loop (Rate 0): messages on their way per chat
	For      time.Duration `json:"for,omitempty"`
	Once     bool          `json:"once,omitempty"` // open loop: each sender of the chats that the last open opened, once
	Measured bool          `json:"measured"`       // its latencies count

	Busy     int     `json:"busy,omitempty"`     // open loop: the first so many chats are not sent to at Rate but at
	BusyRate float64 `json:"busyRate,omitempty"` // this one, messages per second of this process
	Bounce   *Bounce `json:"bounce,omitempty"`
}

// Bounce has sockets drop without a word while the talk goes on, and come back with resume. What a socket has to say
// meanwhile, and what was not acknowledged, it says when it is back.
type Bounce struct {
	Share    float64       `json:"share"`    // of all sockets
	Spread   time.Duration `json:"spread"`   // over which they drop; 0 = all at once
	Patience time.Duration `json:"patience"` // after its drop, until a socket is back or given up
}

// Event is one line to the parent: exactly one field is set.
type Event struct {
	Tick   *Tick  `json:"tick,omitempty"`
	Done   *Done  `json:"done,omitempty"`
	Failed string `json:"failed,omitempty"` // the command could not be carried out
}

// Tick is what happened since the tick before. The histograms are HdrHistogram V2 compressed, in µs, absent when
// empty; they hold measured messages only.
type Tick struct {
	Measured  bool   `json:"measured"`
	Sent      int64  `json:"sent"`
	Delivered int64  `json:"delivered"`
	Stored    int64  `json:"stored"`            // acks
	Accepted  int64  `json:"accepted"`          // acks
	Latency   []byte `json:"latency,omitempty"` // from the scheduled time to each delivery
	Ack       []byte `json:"ack,omitempty"`     // from the scheduled time to the first ack
	Lag       []byte `json:"lag,omitempty"`     // from the scheduled time until the kernel had it: our own lateness
	Connect   []byte `json:"connect,omitempty"` // from the dial to the connected frame
	Back      []byte `json:"back,omitempty"`    // from the drop until all that was missed is here
}

// Done answers a command.
type Done struct {
	CPU       time.Duration    `json:"cpu"`                 // of this process since its start
	Sockets   int              `json:"sockets,omitempty"`   // open: so many have opened in all
	NotOpened map[string]int64 `json:"notOpened,omitempty"` // by reason
	Bounced   *Bounced         `json:"bounced,omitempty"`   // say, with a bounce
	Pending   int64            `json:"pending,omitempty"`   // drain: deliveries and acks that did not come in time
	Final     *Final           `json:"final,omitempty"`     // close
}

// Bounced is how a bounce went.
type Bounced struct {
	Sockets int              `json:"sockets"`
	Dialers int              `json:"dialers"`           // of these, so many may dial at once
	NotBack int              `json:"notBack,omitempty"` // of these, given up
	Took    time.Duration    `json:"took"`              // from the first drop until the last one was back or given up
	Retries map[string]int64 `json:"retries,omitempty"` // dials that failed and were tried again, by reason
}

// Final is the account of a process.
type Final struct {
	Verdict  check.Verdict    `json:"verdict"`
	Unacked  int64            `json:"unacked"`            // messages neither acknowledged nor refused
	Unstored int64            `json:"unstored"`           // messages accepted and then neither stored nor refused
	Errors   map[string]int64 `json:"errors,omitempty"`   // error frames by code, and frames that can be none of a server's
	Refusals map[string]int64 `json:"refusals,omitempty"` // of these, those that refused a message by name
	Closes   map[string]int64 `json:"closes,omitempty"`   // sockets that the server ended, by close code
}
