package main

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"eclipse/loadtest/chaos/internal/play"
	"eclipse/loadtest/chaos/internal/schedule"
	"eclipse/loadtest/internal/host"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// seed is of every run in this file.
const seed = 1

// bounded is a run that a test suite can afford: each fault once or twice.
func bounded(t *testing.T, o play.Options) *play.Result {
	t.Helper()
	if testing.Short() {
		t.Skip("takes a quarter of a minute")
	}
	binary, err := host.Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	o.Router, o.Size, o.Scale, o.Log = binary, 40, 5, t.Output()
	o.Chats, o.Clients, o.Rate = 10, 40, 100
	o.Schedule.Seed, o.Schedule.Gap, o.Schedule.Instances, o.Schedule.Redis = seed, 500*time.Millisecond, 2, true
	r, err := play.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	var table bytes.Buffer
	if err := r.Write(&table); err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", table.String())
	if !r.OK() {
		t.Errorf("broken: %v %v", r.Verdict.Broken, r.Problems)
	}
	return r
}

func TestEverythingArrivesOnceThroughAnyCrash(t *testing.T) {
	for name, live := range map[string]bool{"confirmed": false, "live": true} {
		t.Run(name, func(t *testing.T) {
			r := bounded(t, play.Options{Live: live, Schedule: schedule.Options{Duration: 10 * time.Second, Kinds: kinds(t, "kill,kill-after-ack,"+
				"kill-after-commit,stop,restart,redis-kill,redis-pause,redis-cut,redis-wipe,reply-lost,feed-cut,entry-lost,entry-doubled,entry-swapped,api-500,"+
				"api-hang,api-down,commit-500,half-answer,api-reject,client-drop,storm")}})
			if r.Verdict.Stored < 500 || len(r.Faults) < 10 {
				t.Errorf("only %d messages and %d kinds of faults", r.Verdict.Stored, len(r.Faults))
			}
		})
	}
}

func kinds(t *testing.T, names string) []schedule.Kind {
	t.Helper()
	list, err := schedule.ParseKinds(names)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestTheCommandLine(t *testing.T) {
	var out bytes.Buffer
	if code := run(t.Context(), []string{"-h"}, &out, &out); code != 0 || !strings.Contains(out.String(), string(schedule.KillAfterCommit)) {
		t.Errorf("%d: %s", code, out.String())
	}
	for _, args := range []string{"-faults earthquake", "-api none", "-delivery late", "-rate 0", "-clients 1 -chats 2", "-instances 0", "-old-clients 2", "-lasts -1s", "x"} {
		if code := run(t.Context(), strings.Fields(args), &out, &out); code != exitUnable {
			t.Errorf("%s: %d", args, code)
		}
	}
	if o, err := parse([]string{"-redis=false"}, os.Stderr); err != nil || o.play.Schedule.Redis || o.play.Schedule.Instances != 1 {
		t.Errorf("%+v %v", o, err)
	}
	o, err := parse(strings.Fields("-api old -delivery live -faults kill,restart -seed 7"), os.Stderr)
	if err != nil || !o.play.Schedule.Old || !o.play.Live || len(o.play.Schedule.Kinds) != 2 || o.play.Schedule.Seed != 7 {
		t.Errorf("%+v %v", o, err)
	}
	if _, err := parse([]string{"-h"}, &out); err != flag.ErrHelp {
		t.Errorf("%v", err)
	}
}
