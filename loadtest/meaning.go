package main

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"

	"eclipse/loadtest/internal/scenario"
)

// only says which scenarios take a flag; what is not listed most of them do.
var only = map[string][]string{
	"steps":      {"idle"},
	"instances":  {"scale"},
	"share":      {"reconnect", "day"},
	"spread":     {"reconnect"},
	"busy":       {"day"},
	"busy-rate":  {"day"},
	"cpuprofile": {"actors"},
}

// limit says which further flags a kind of scenario does not take, and why.
type limit struct {
	why   string
	flags []string
}

var limits = map[scenario.Kind]limit{
	scenario.Outage: {
		"outages start two routers, a Redis and an API of their own",
		[]string{
			"url", "jwt-secret", "metrics", "relay", "only-relay", "old-api", "redis", "pin", "procs", "sources", "dialers",
			"allow-refused", "window", "senders", "v1", "settle", "hold",
		},
	},
	scenario.Scale: {
		"scale starts routers and a Redis of its own",
		[]string{"url", "jwt-secret", "metrics", "relay", "only-relay", "redis"},
	},
	scenario.Actors: {
		"actors run in this process, without sockets",
		[]string{
			"url", "jwt-secret", "metrics", "relay", "only-relay", "router", "api-latency", "old-api", "redis", "env", "procs", "sources",
			"dialers", "pin", "allow-refused", "sockets", "senders", "rate", "patience", "settle", "hold",
		},
	},
}

// needsResume are the scenarios whose sockets come back, which the relay does not know.
var needsResume = []string{"reconnect", "day"}

// meaning reports every flag that was given and that this scenario does not take.
func meaning(s scenario.Scenario, f *flag.FlagSet) error {
	var faults []error
	f.Visit(func(g *flag.Flag) {
		takers, special := only[g.Name]
		switch {
		case special && !slices.Contains(takers, s.Name):
			faults = append(faults, fmt.Errorf("-%s is for %s", g.Name, strings.Join(takers, " and ")))
		case slices.Contains(limits[s.Kind].flags, g.Name):
			faults = append(faults, fmt.Errorf("-%s has no meaning here: %s", g.Name, limits[s.Kind].why))
		case slices.Contains(needsResume, s.Name) && (g.Name == "relay" || g.Name == "only-relay"):
			faults = append(faults, errors.New("the bare relay knows no resume, so sockets cannot come back to it"))
		}
	})
	return errors.Join(faults...)
}
