package report

import (
	"fmt"
	"sort"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"eclipse/loadtest/internal/check"
	"eclipse/loadtest/internal/plan"
)

// Version of the JSON; it rises when a field changes its meaning or goes.
const Version = 1

// Report is one run of the command.
type Report struct {
	Version int       `json:"version"`
	Started time.Time `json:"started"`
	Command []string  `json:"command"` // without secrets
	Machine Machine   `json:"machine"`
	Results []*Result `json:"results"`
	Ratios  []Ratio   `json:"ratios,omitempty"`
}

// Machine that the load came from.
type Machine struct {
	OS   string `json:"os"`
	Arch string `json:"arch"`
	CPUs int    `json:"cpus"`
	Go   string `json:"go"`
	Pins bool   `json:"pinned"` // server and load on processors of their own
}

// Result of one scenario on one server. What could not be measured is absent.
type Result struct {
	Error     string    `json:"error,omitempty"` // why it was not finished; the rest is as far as it came
	Target    string    `json:"target"`
	Plan      plan.Plan `json:"plan"`
	Processes int       `json:"processes"`         // of sockets, 0 = they lived in the command's own
	Servers   int       `json:"servers,omitempty"` // routers on one Redis
	ReadyMs   float64   `json:"readyMs,omitempty"` // from the server's start to its first answer
	APIMs     *Latency  `json:"apiMs,omitempty"`   // what the fake API took itself, per call that stores
	LoadCPU   float64   `json:"loadCpuSeconds"`    // of all processes of sockets, from start to end
	RSSBytes  int64     `json:"rssBytesAtStart,omitempty"`

	Opening   Opening    `json:"opening"`
	Traffic   *Traffic   `json:"traffic,omitempty"`
	Idle      *Idle      `json:"idle,omitempty"`
	Outage    *Outage    `json:"outage,omitempty"`
	Actors    *Actors    `json:"actors,omitempty"`
	Reconnect *Reconnect `json:"reconnect,omitempty"`
	Quiet     *Quiet     `json:"quiet,omitempty"`

	Verdict  check.Verdict    `json:"verdict"`
	Unacked  int64            `json:"unacked"`            // messages neither acknowledged nor refused
	Unstored int64            `json:"unstored,omitempty"` // messages accepted and then neither stored nor refused
	Errors   map[string]int64 `json:"errors,omitempty"`   // error frames by code, and what else was wrong with frames
	Refusals map[string]int64 `json:"refusals,omitempty"` // of the errors, those that refused a message by name
	Closes   map[string]int64 `json:"closes,omitempty"`   // sockets that the server ended, by code
	Refused  map[string]int64 `json:"refused,omitempty"`  // sockets that did not open, by reason

	Notes  []string `json:"notes,omitempty"` // what is to be known about the figures
	Series []Point  `json:"series,omitempty"`
}

// Opening of all sockets.
type Opening struct {
	Sockets    int      `json:"sockets"`
	Seconds    float64  `json:"seconds"`
	PerSecond  float64  `json:"perSecond"`
	CPUSeconds *float64 `json:"cpuSeconds,omitempty"` // of the server
	ConnectMs  *Latency `json:"connectMs,omitempty"`  // from the dial to the connected frame
}

// Traffic of the measured stretch.
type Traffic struct {
	Seconds            float64  `json:"seconds"`
	Sent               int64    `json:"sent"`
	Delivered          int64    `json:"delivered"`
	Stored             int64    `json:"acksStored"`
	Accepted           int64    `json:"acksAccepted"`
	SentPerSecond      float64  `json:"sentPerSecond"`
	DeliveredPerSecond float64  `json:"deliveredPerSecond"`
	LatencyMs          *Latency `json:"latencyMs,omitempty"` // from the scheduled time to each delivery
	AckMs              *Latency `json:"ackMs,omitempty"`     // from the scheduled time to the first ack
	LagMs              *Latency `json:"lagMs,omitempty"`     // the generator's own lateness, part of the two above

	CPUSeconds              *float64           `json:"cpuSeconds,omitempty"`              // of the server
	CPUUsPerMessage         *float64           `json:"cpuUsPerMessage,omitempty"`         // of the server, per message sent
	CPUUsPerDelivery        *float64           `json:"cpuUsPerDelivery,omitempty"`        // of the server, per delivery
	RedisUsPerMessage       *float64           `json:"redisCpuUsPerMessage,omitempty"`    // of Redis, per message sent
	RedisCommandsPerMessage *float64           `json:"redisCommandsPerMessage,omitempty"` // all calls, those inside of scripts too
	RedisCommands           map[string]float64 `json:"redisCommands,omitempty"`           // calls per message sent, by command
	LoadUsPerDelivery       float64            `json:"loadCpuUsPerDelivery"`              // of the processes of sockets
	LoadBusy                float64            `json:"loadBusy"`                          // processors that they kept busy
	ControlCPUSeconds       *float64           `json:"controlCpuSeconds,omitempty"`       // of the command's own process: API double and control
	ControlUsPerMessage     *float64           `json:"controlCpuUsPerMessage,omitempty"`  // the same, per message sent
	Occupied                float64            `json:"occupied"`                          // share of the load's processors that was in use by all that is known, 0 to 1
	RSSBytes                int64              `json:"rssBytes,omitempty"`                // of the server at the end of the stretch
}

// Idle sockets.
type Idle struct {
	Steps           []Step   `json:"steps"`
	BytesPerSocket  *float64 `json:"bytesPerSocket,omitempty"`       // slope over the steps
	KernelPerSocket *float64 `json:"kernelBytesPerSocket,omitempty"` // by which the kernel's memory of all processes grew, per end of a socket; slope
	KernelObjects   int64    `json:"kernelObjectBytes,omitempty"`    // what the objects of one socket take in this kernel
	HoldSeconds     float64  `json:"holdSeconds"`
	HoldCPUSeconds  *float64 `json:"holdCpuSeconds,omitempty"` // of the server while nothing was said
	RSSBytesAfter   int64    `json:"rssBytesAfterHold,omitempty"`
}

// Reconnect is what came of sockets that dropped and came back with resume while traffic went on.
type Reconnect struct {
	Sockets        int              `json:"sockets"`
	Dialers        int              `json:"dialers"`                  // so many dial at once; what the others wait is part of their time
	NotBack        int              `json:"notBack,omitempty"`        // of these, given up a minute after their drop
	Seconds        float64          `json:"seconds"`                  // from the first drop until the last was back or given up
	BackMs         *Latency         `json:"backMs,omitempty"`         // from a drop until its socket had all that it had missed
	CalmCPUSeconds *float64         `json:"calmCpuSeconds,omitempty"` // of the server in a stretch as long as the measured one, with the same traffic and no drops
	Retries        map[string]int64 `json:"retries,omitempty"`        // dials that failed, by reason
}

// Quiet is the server's memory while nothing was said, before and after traffic.
type Quiet struct {
	BeforeBytes int64 `json:"beforeBytes"`
	AfterBytes  int64 `json:"afterBytes"`
}

// Step is the server's memory with so many sockets open.
type Step struct {
	Sockets     int   `json:"sockets"`
	RSSBytes    int64 `json:"rssBytes,omitempty"`
	KernelBytes int64 `json:"kernelBytes,omitempty"` // of both ends of the sockets, where both are on this machine
}

// Point is one second of a run.
type Point struct {
	Second    float64 `json:"second"`           // since the scenario began
	Opened    int64   `json:"opened,omitempty"` // sockets, those that came back too
	Sent      int64   `json:"sent"`
	Delivered int64   `json:"delivered"`
	P50Ms     float64 `json:"p50Ms"` // 0 when nothing measured was delivered
	P90Ms     float64 `json:"p90Ms"`
	P99Ms     float64 `json:"p99Ms"`
	CPU       float64 `json:"cpuSeconds"`                // of the server, in this second, 0 when unknown
	RedisCPU  float64 `json:"redisCpuSeconds,omitempty"` // of a Redis that was started for it
	RSSBytes  int64   `json:"rssBytes"`                  // of the server, 0 when unknown
	Doing     string  `json:"doing"`                     // what the run was at
}

// Latency is a distribution in milliseconds. P99 of fewer than 1,000 samples says little, and so does P999 of fewer than 10,000.
type Latency struct {
	Count int64   `json:"count"`
	Mean  float64 `json:"mean"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p999"`
	Max   float64 `json:"max"`
}

// Summarize returns the distribution of a histogram in µs, nil when it is empty.
func Summarize(h *hdrhistogram.Histogram) *Latency {
	if h == nil || h.TotalCount() == 0 {
		return nil
	}
	ms := func(us int64) float64 { return float64(us) / 1000 }
	return &Latency{
		Count: h.TotalCount(), Mean: h.Mean() / 1000, Max: ms(h.Max()),
		P50: ms(h.ValueAtQuantile(50)), P90: ms(h.ValueAtQuantile(90)), P99: ms(h.ValueAtQuantile(99)), P999: ms(h.ValueAtQuantile(99.9)),
	}
}

// Problems names all that must not be, in words for a person. With tolerant, errors that refused a message by name are
// none.
func (r *Result) Problems(tolerant bool) []string {
	var found []string
	if r.Error != "" {
		found = append(found, "not finished: "+r.Error)
	}
	found = append(found, r.Verdict.Violations()...)
	if r.Unacked > 0 {
		found = append(found, fmt.Sprintf("%d messages without an ack", r.Unacked))
	}
	if r.Unstored > 0 {
		found = append(found, fmt.Sprintf("%d messages accepted and not stored in time", r.Unstored))
	}
	if r.Verdict.Sent > 0 && r.Verdict.Received == 0 {
		found = append(found, "nothing of what was sent was delivered")
	}
	found = append(found, named("error", r.errors(tolerant))...)
	if r.Outage != nil {
		found = append(found, r.Outage.problems()...)
	}
	if r.Reconnect != nil && r.Reconnect.NotBack > 0 {
		found = append(found, fmt.Sprintf("%d sockets that dropped and did not come back", r.Reconnect.NotBack))
	}
	found = append(found, named("socket closed by the server:", r.Closes)...)
	return append(found, named("socket not opened:", r.Refused)...)
}

// errors are those that are a problem.
func (r *Result) errors(tolerant bool) map[string]int64 {
	if !tolerant {
		return r.Errors
	}
	rest := map[string]int64{}
	for name, n := range r.Errors {
		if n -= r.Refusals[name]; n > 0 {
			rest[name] = n
		}
	}
	return rest
}

func named(what string, counts map[string]int64) []string {
	var list []string
	for name, n := range counts {
		list = append(list, fmt.Sprintf("%d × %s %s", n, what, name))
	}
	sort.Strings(list)
	return list
}
