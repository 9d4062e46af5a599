package main

import (
	"errors"
	"flag"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"eclipse/loadtest/internal/host"
	"eclipse/loadtest/internal/scenario"
)

// only says which scenarios take a flag; what is not listed all of them do, unless refusals says otherwise.
var only = map[string][]string{
	"steps":      {"idle"},
	"settle":     {"idle"},
	"instances":  {"scale"},
	"share":      {"reconnect", "day"},
	"spread":     {"reconnect"},
	"busy":       {"day"},
	"busy-rate":  {"day"},
	"cpuprofile": {"actors"},
	"chat-ids":   {"chat", "fanout", "idle", "reconnect", "day"},
}

// What a run may be besides its scenario.
const (
	onRelay   = "only the relay"
	onRunning = "a server that runs already"
	onFar     = "a server on another machine"
	onStarted = "a router that is started"
	openLoop  = "an open loop"
	inSteps   = "steps"
)

// refusal says which flags mean nothing in a run of a kind, and why.
type refusal struct {
	in    string // the name of a scenario, or one of the above
	flags string
	why   string
}

var refusals = []refusal{
	{
		"outage", "url jwt-secret metrics relay only-relay old-api redis pin procs sources dialers allow-refused window senders v1 hold",
		"outages start two routers, a Redis and an API of their own",
	},
	{"scale", "url jwt-secret metrics relay only-relay redis", "scale starts routers and a Redis of its own"},
	{
		"actors", "url jwt-secret metrics relay only-relay router api-latency old-api redis env procs sources dialers pin allow-refused " +
			"sockets senders rate patience hold",
		"actors run in this process, without sockets",
	},
	{"routing", "size", "typing has no content"},
	{"idle", "window warmup duration", "each sender speaks once, at -rate"},
	{"storm", "senders size rate window warmup duration patience hold allow-refused", "a storm opens sockets and says nothing"},
	{"reconnect", "relay only-relay", "the bare relay knows no resume, so sockets cannot come back to it"},
	{"reconnect", "hold", "it reads no memory; day does"},
	{"day", "relay only-relay", "the bare relay knows no resume, so sockets cannot come back to it"},
	{"day", "warmup", "a day is measured from its first message"},
	{onRelay, "url jwt-secret metrics chat-ids relay router api-latency old-api redis env", "-only-relay runs on nothing but the bare relay"},
	{onRunning, "router api-latency old-api redis env", "the server of -url runs already"},
	{onRunning, "pin", "the server of -url runs where it does"},
	{onFar, "sources", "addresses 127.0.0.x do not reach another machine"},
	{onStarted, "jwt-secret metrics chat-ids", "it is for the server of -url, which is not given"},
	{openLoop, "window", "a -rate above 0 waits for nothing; give -rate 0 for a closed loop"},
	{inSteps, "chats", "-steps says how many sockets there are"},
}

// kinds are what a run is.
func (o *options) kinds() []string {
	list := []string{o.scenario.Name}
	if o.scenario.Kind == scenario.OnServer {
		switch {
		case o.onlyRelay:
			list = append(list, onRelay)
		case o.url != "":
			list = append(list, onRunning)
			if u, err := url.Parse(o.url); err == nil && !host.Loopback(u.Hostname()) {
				list = append(list, onFar)
			}
		default:
			list = append(list, onStarted)
		}
	}
	if o.plan.Rate > 0 {
		list = append(list, openLoop)
	}
	if len(o.plan.Steps) > 0 {
		list = append(list, inSteps)
	}
	return list
}

// meaning reports every flag that was given and that this run does not take.
func (o *options) meaning(f *flag.FlagSet) error {
	kinds := o.kinds()
	var faults []error
	f.Visit(func(g *flag.Flag) {
		if err := refuse(g.Name, o.scenario.Name, kinds); err != nil {
			faults = append(faults, err)
		} else if g.Name == "url" && o.url == "" {
			faults = append(faults, errors.New("-url is empty: give a ws:// or wss:// URL, or leave it out to start the router"))
		}
	})
	return errors.Join(faults...)
}

func refuse(name, scenario string, kinds []string) error {
	if takers := only[name]; takers != nil && !slices.Contains(takers, scenario) {
		return fmt.Errorf("-%s is for %s", name, strings.Join(takers, " and "))
	}
	for _, r := range refusals {
		if slices.Contains(kinds, r.in) && slices.Contains(strings.Fields(r.flags), name) {
			return fmt.Errorf("-%s has no meaning here: %s", name, r.why)
		}
	}
	return nil
}
