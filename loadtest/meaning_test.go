package main

import (
	"flag"
	"io"
	"slices"
	"strings"
	"testing"

	"eclipse/loadtest/internal/scenario"
)

func TestAFlagThatWouldBeIgnoredIsRefused(t *testing.T) {
	const running = " -url ws://127.0.0.1:1 -jwt-secret s"
	tests := []struct {
		command string
		refused string // flags
	}{
		{"chat -rate 0 -window 2 -warmup 1s -duration 1s -hold 1s -size 70 -pin -sources 2 -relay -router r -api-latency 1s -old-api -redis start -env A=b", ""},
		{"chat" + running + " -relay -metrics http://h/metrics -procs 2 -sources 2 -dialers 3", ""},
		{"chat" + running + " -router r -api-latency 1s -old-api -redis start -env A=b -pin", "api-latency env old-api pin redis router"},
		{"chat -url wss://chat.example.com -jwt-secret s -sources 2", "sources"},
		{"chat -jwt-secret s -metrics http://h/metrics -chat-ids f", "chat-ids jwt-secret metrics"},
		{"chat -url= -jwt-secret s", "jwt-secret url"},
		{"chat -only-relay -pin -sources 2", ""},
		{"chat -only-relay -relay -router r -api-latency 1s -old-api -redis start -env A=b", "api-latency env old-api redis relay router"},
		{"chat -only-relay" + running + " -metrics http://h/metrics -chat-ids f", "chat-ids jwt-secret metrics url"},
		{"chat -window 2", "window"},
		{"chat -settle 1s -steps 4 -instances 2 -share 1 -spread 1s -busy 1 -busy-rate 1 -cpuprofile p", "busy busy-rate cpuprofile instances settle share spread steps"},
		{"routing -size 100", "size"},
		{"fanout -rate 0 -window 2", ""},
		{"idle -steps 4,8 -settle 1s -hold 1s -rate 10 -senders 1 -size 70 -patience 1s", ""},
		{"idle -steps 4,8 -chats 4", "chats"},
		{"idle -warmup 1s -duration 1s -window 2", "duration warmup window"},
		{"storm -chats 2 -sockets 2 -v1 -relay", ""},
		{
			"storm -senders 1 -size 70 -rate 1 -window 1 -warmup 1s -duration 1s -patience 1s -hold 1s -settle 1s -allow-refused",
			"allow-refused duration hold patience rate senders settle size warmup window",
		},
		{"reconnect -share 0.5 -spread 1s -warmup 1s -duration 1s", ""},
		{"reconnect -hold 1s -settle 1s -relay -only-relay", "hold only-relay relay settle"},
		{"day -hold 1s -duration 1s -busy 2 -busy-rate 4 -share 0", ""},
		{"day -warmup 1s -window 1 -spread 1s -relay", "relay spread warmup window"},
		{"scale -instances 1,2 -pin -old-api -hold 1s", ""},
		{"scale" + running + " -redis start -relay", "jwt-secret redis relay url"},
		{"outage -router r -api-latency 1s -env A=b -size 70", ""},
		{"outage" + running + " -pin -v1 -window 1", "jwt-secret pin url v1 window"},
		{"actors -chats 10 -window 3 -size 70 -cpuprofile p", ""},
		{"actors -rate 1 -sockets 2 -hold 1s -pin", "hold pin rate sockets"},
	}
	for _, tt := range tests {
		t.Run(tt.command, func(t *testing.T) {
			_, err := parse(strings.Fields(tt.command), io.Discard)
			var refused []string
			if err != nil {
				for line := range strings.Lines(err.Error()) {
					name, _, _ := strings.Cut(strings.TrimPrefix(line, "-"), " ")
					refused = append(refused, name)
				}
			}
			if got := strings.Join(refused, " "); got != tt.refused {
				t.Errorf("refused %q, want %q: %v", got, tt.refused, err)
			}
		})
	}
}

// A flag that is misspelt in the lists would be taken.
func TestOnlyFlagsAndScenariosThatExistAreRefused(t *testing.T) {
	o := &options{}
	f := flag.NewFlagSet("loadtest", flag.ContinueOnError)
	o.planFlags(f)
	o.targetFlags(f)
	o.loadFlags(f)
	kinds := []string{onRelay, onRunning, onFar, onStarted, openLoop, inSteps}
	for _, s := range scenario.All() {
		kinds = append(kinds, s.Name)
	}
	for _, r := range refusals {
		if !slices.Contains(kinds, r.in) {
			t.Errorf("no kind of run is %q", r.in)
		}
		for _, name := range strings.Fields(r.flags) {
			if f.Lookup(name) == nil {
				t.Errorf("no flag -%s", name)
			}
		}
	}
	for name, takers := range only {
		for _, s := range takers {
			if _, found := scenario.ByName(s); !found || f.Lookup(name) == nil {
				t.Errorf("-%s of %s", name, s)
			}
		}
	}
}
