package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"eclipse/loadtest/internal/host"
	"eclipse/loadtest/internal/outage"
	"eclipse/loadtest/internal/plan"
	"eclipse/loadtest/internal/scenario"
	"eclipse/loadtest/internal/work"
)

// options are the command line.
type options struct {
	command  []string // as given, without secrets
	scenario scenario.Scenario
	plan     plan.Plan

	url, secret      string
	metrics          []string
	chatIDs          string       // a file
	known            []work.Known // what stands in it
	relay, onlyRelay bool
	router           host.RouterOptions

	procs, sources, dialers int
	pin, tolerant           bool
	json, html, profile     string
}

// parse reads the command line. The scenario is the first argument, unless that is a flag; its defaults hold for every
// flag of the plan that is not given.
func parse(args []string, stderr io.Writer) (*options, error) {
	o := &options{}
	name, rest := "chat", args
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		name, rest = args[0], args[1:]
	}
	var found bool
	if o.scenario, found = scenario.ByName(name); !found {
		return nil, fmt.Errorf("no scenario %q; -h lists them", name)
	}
	o.plan = o.scenario.Plan
	o.plan.Scenario = name
	f := flag.NewFlagSet("loadtest", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() { usage(f) }
	o.planFlags(f)
	o.targetFlags(f)
	o.loadFlags(f)
	if err := f.Parse(rest); err != nil {
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("what is %q? The scenario comes first, then the flags", f.Arg(0))
	}
	o.command = append([]string{name}, o.withoutSecrets(f)...)
	err := o.meaning(f)
	if o.scenario.Kind == scenario.Outage {
		err = errors.Join(err, outage.Check(o.plan))
	}
	if err != nil {
		return nil, err
	}
	return o, o.finish()
}

func (o *options) planFlags(f *flag.FlagSet) {
	p := &o.plan
	f.IntVar(&p.Chats, "chats", p.Chats, "chats")
	f.IntVar(&p.Sockets, "sockets", p.Sockets, "sockets per chat")
	f.IntVar(&p.Senders, "senders", p.Senders, "of these, senders that take turns")
	f.IntVar(&p.Size, "size", p.Size, "bytes of a message's content")
	f.BoolVar(&p.V1, "v1", p.V1, "clients of the second part of the protocol: clientMessageId and acks")
	f.Float64Var(&p.Rate, "rate", p.Rate, "open loop: messages per second in all, latency from the scheduled time; 0 = closed loop")
	f.IntVar(&p.Window, "window", p.Window, "closed loop: messages on their way per chat; actors: in all")
	f.DurationVar(&p.Warmup, "warmup", p.Warmup, "sending before it counts")
	f.DurationVar(&p.Duration, "duration", p.Duration, "sending that counts; outage: of a phase, restarts take a third")
	f.DurationVar(&p.Patience, "patience", p.Patience, "for what is on its way afterwards")
	f.DurationVar(&p.Settle, "settle", p.Settle, "idle: quiet time before memory is read")
	f.DurationVar(&p.Hold, "hold", p.Hold, "idle: quiet time over which processor time is taken; day, chat, routing, fanout, scale: before memory is read, once before and once after the traffic")
	f.Var((*numbers)(&p.Steps), "steps", "idle: `sockets` open at each step, whole chats, such as 5000,10000,15000; none = thirds of all")
	f.Var((*numbers)(&p.Instances), "instances", "scale: `routers` of each turn")
	f.Float64Var(&p.Share, "share", p.Share, "of the sockets that drop and come back, 0 to 1")
	f.DurationVar(&p.Spread, "spread", p.Spread, "reconnect: over which the sockets drop, at most -duration (default: all at once)")
	f.IntVar(&p.Busy, "busy", p.Busy, "day: busy chats, part of -chats")
	f.Float64Var(&p.BusyRate, "busy-rate", p.BusyRate, "day: messages per second of all busy chats; -rate is of the quiet ones")
}

// numbers is a flag of whole numbers.
type numbers []int

func (n *numbers) String() string {
	var list []string
	for _, x := range *n {
		list = append(list, strconv.Itoa(x))
	}
	return strings.Join(list, ",")
}

// Set reads them; what was there before is gone.
func (n *numbers) Set(s string) error {
	*n = nil
	for _, text := range strings.Split(s, ",") {
		x, err := strconv.Atoi(text)
		if err != nil {
			return errors.New("give whole numbers with commas between them")
		}
		*n = append(*n, x)
	}
	return nil
}

func (o *options) targetFlags(f *flag.FlagSet) {
	f.StringVar(&o.url, "url", "", "a `server` that runs already, ws:// or wss:// (default: start the router)")
	f.StringVar(&o.secret, "jwt-secret", "", "signs the tokens for -url")
	f.Func("metrics", "`URL` of the metrics of -url, for processor time and memory; once for each machine behind it", func(s string) error {
		if u, err := url.Parse(s); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return errors.New("give an http:// or https:// URL, such as http://localhost:9091/metrics")
		}
		o.metrics = append(o.metrics, s)
		return nil
	})
	f.StringVar(&o.chatIDs, "chat-ids", "", "`file` of chats that the app behind -url knows: a chat id a line, and after a space, if you like, the user id of its agents; empty lines and # are skipped")
	f.BoolVar(&o.relay, "relay", false, "run on a bare relay first and print the ratio to it")
	f.BoolVar(&o.onlyRelay, "only-relay", false, "run on the bare relay only")
	f.StringVar(&o.router.Binary, "router", "", "`path` of a router to start instead of building one")
	f.DurationVar(&o.router.APILatency, "api-latency", 20*time.Millisecond, "of the fake API behind the router that is started")
	f.BoolVar(&o.router.OldAPI, "old-api", false, "the fake API has no batch route")
	f.StringVar(&o.router.Redis, "redis", "", "`URL` of a Redis for the router that is started, or \"start\" to start one too")
	f.Func("env", "`KEY=value` for the router that is started, as often as needed", func(s string) error {
		if !strings.Contains(s, "=") {
			return errors.New("give KEY=value")
		}
		o.router.Env = append(o.router.Env, s)
		return nil
	})
}

func (o *options) loadFlags(f *flag.FlagSet) {
	f.IntVar(&o.procs, "procs", 0, "processes of sockets (default: as many as file descriptors demand)")
	f.IntVar(&o.sources, "sources", 0, "source addresses 127.0.0.x (default: one for every 10,000 sockets)")
	f.IntVar(&o.dialers, "dialers", dialers(o.scenario.Plan), "sockets that are opened, or come back, at once; more that drop wait for their turn, which is part of their time")
	f.BoolVar(&o.pin, "pin", false, "the server on one processor of its own, all else on the others")
	f.BoolVar(&o.tolerant, "allow-refused", false, "messages that the server refuses by name, with an error, are no failure")
	f.StringVar(&o.json, "json", "", "`file` to write the report to, for machines")
	f.StringVar(&o.html, "html", "", "`file` to write the report to as a page with plots; actors have none")
	f.StringVar(&o.profile, "cpuprofile", "", "actors: `prefix` of files to write a processor profile of each part to")
}

// dialers is the default of -dialers. Sockets that all drop at once are to come back at once, not through a queue of ours;
// more than 1,000 handshakes at once would measure this machine.
func dialers(p plan.Plan) int {
	if p.Share == 1 {
		return 1000
	}
	return 64
}

// socketsPerSource keeps each address well below its about 28,000 ports.
const socketsPerSource = 10_000

// finish checks what was given and fills in what depends on the machine.
func (o *options) finish() error {
	if err := o.plan.Validate(); err != nil {
		return err
	}
	if (o.relay || o.onlyRelay) && o.plan.Typing && o.plan.Senders > 1 {
		return errors.New("the bare relay names no typist, so typing there needs -senders 1")
	}
	if o.scenario.Kind == scenario.Actors {
		return nil
	}
	if n := len(o.plan.Steps); n > 0 {
		o.plan.Chats = o.plan.Steps[n-1] / o.plan.Sockets
	}
	each := o.plan.Total() // of a server
	total := each
	if n := len(o.plan.Instances); n > 0 {
		total *= o.plan.Instances[n-1]
	}
	if err := o.knownChats(); err != nil {
		return err
	}
	if o.sources == 0 {
		o.sources = 1 + (total-1)/socketsPerSource
	}
	if o.sources < 1 || o.sources > 254 {
		return fmt.Errorf("-sources is 1 to 254, and not %d; more sockets than %d need a second machine", o.sources, 254*socketsPerSource)
	}
	room, err := host.SocketsPerProcess()
	if err != nil {
		return err
	}
	if o.procs == 0 {
		o.procs = 1 + (total-1)/room
	}
	o.procs = min(o.procs, o.plan.Chats) // a chat is whole in one process
	switch share := (total/o.plan.Sockets + o.procs - 1) / o.procs * o.plan.Sockets; {
	case o.procs < 1:
		return errors.New("-procs must be at least 1")
	case o.dialers < 1:
		return errors.New("-dialers must be at least 1")
	case share > room:
		return fmt.Errorf("%d sockets in one process, and it may have %d: raise -procs, or lower -sockets", share, room)
	case o.url == "" && each > room:
		return fmt.Errorf("%d sockets at one server, and one of this machine may have %d: lower -chats or -sockets, or raise the limit (ulimit -n)", each, room)
	}
	return nil
}

// withoutSecrets lists the flags that were given.
func (o *options) withoutSecrets(f *flag.FlagSet) []string {
	var list []string
	f.Visit(func(g *flag.Flag) {
		switch g.Name {
		case "jwt-secret", "env", "redis":
			list = append(list, "-"+g.Name+"=…")
		case "url":
			list = append(list, "-url="+host.WithoutSecrets(o.url))
		case "metrics":
			for _, m := range o.metrics {
				list = append(list, "-metrics="+host.WithoutSecrets(m))
			}
		default:
			list = append(list, "-"+g.Name+"="+g.Value.String())
		}
	})
	return list
}

const examples = `
Examples:
  loadtest                                            the router of this directory, a fake API of 20 ms, 500 messages/s
  loadtest chat -rate 0 -relay -html report.html      as fast as it goes, beside the bare relay, with plots
  loadtest reconnect -redis start -spread 5s          every socket drops within five seconds and resumes
  loadtest scale -instances 1,2,4                     routers on one Redis
  loadtest actors -chats 1000000 -cpuprofile actors   memory of a million chats, a processor profile of each part
  loadtest idle -senders 0 -url wss://chat.example.com -jwt-secret "$JWT_SECRET" -metrics http://localhost:9091/metrics
  loadtest chat -chats 50 -rate 20 -url wss://chat.example.com -jwt-secret "$JWT_SECRET" -chat-ids chats.txt

Off Linux the processor time and the memory of what is started here are unknown, and actors cannot run.
With -url, messages are stored by the app behind the server, which refuses chats and agents that it does not know: chat, fanout,
idle, reconnect and day need -chat-ids, or an app that takes any. routing, storm and idle -senders 0 store nothing and need none.
Nothing of what is stored is cleaned up: without -chat-ids the chats are called load-…, and the app sees every message.
`

func usage(f *flag.FlagSet) {
	w := f.Output()
	fmt.Fprintf(w, "Usage: loadtest [scenario] [flags]\n\nScenarios (default chat):\n")
	for _, s := range scenario.All() {
		fmt.Fprintf(w, "  %-10s %s\n", s.Name, s.Summary)
	}
	fmt.Fprint(w, examples)
	fmt.Fprintf(w, "\nExit status 0: all that was sent arrived once and in order; 1: something did not; 2: it could not be run.\n"+
		"\nFlags (defaults are those of the scenario named before -h):\n")
	f.PrintDefaults()
}
