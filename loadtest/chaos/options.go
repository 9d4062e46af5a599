package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"eclipse/internal/fakeapi"
	"eclipse/loadtest/chaos/internal/play"
	"eclipse/loadtest/chaos/internal/schedule"
)

// options are the command line.
type options struct {
	play          play.Options
	quiet, strict bool
	json          string
}

func parse(args []string, stderr io.Writer) (*options, error) {
	o := &options{}
	p, s := &o.play, &o.play.Schedule
	s.Redis = true
	f := flag.NewFlagSet("chaos", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() { usage(f) }
	f.Uint64Var(&s.Seed, "seed", 0, "decides the schedule; 0 = any, and it is printed")
	f.DurationVar(&s.Duration, "duration", time.Minute, "for which faults strike")
	f.DurationVar(&s.Gap, "gap", time.Second, "mean time between two faults")
	f.IntVar(&s.Instances, "instances", 2, "of the router")
	f.IntVar(&p.Chats, "chats", 40, "chats")
	f.IntVar(&p.Clients, "clients", 160, "clients in all, each a sender of its own")
	f.Float64Var(&p.Rate, "rate", 300, "messages per second in all")
	f.IntVar(&p.Size, "size", 40, "bytes of a message's content besides its tag")
	f.Float64Var(&p.Scale, "scale", 5, "by which timers are shorter than real ones")
	f.StringVar(&p.Router, "router", "", "`path` of a router to start instead of building one")
	f.StringVar(&p.Keep, "dir", "", "`directory` for data and output (default: a temporary one, kept after a failure)")
	f.StringVar(&o.json, "json", "", "`file` to write the result to")
	f.BoolVar(&s.Redis, "redis", true, "false: one instance that keeps log and outbox in its file")
	f.DurationVar(&s.Lasts, "lasts", 0, "how long each fault lasts (default: what suits its kind, by chance)")
	f.Float64Var(&p.Old, "old-clients", 0.25, "share of the clients that speak the old protocol")
	f.BoolVar(&o.quiet, "quiet", false, "do not tell what happens")
	f.BoolVar(&o.strict, "strict", false, "a time beyond its goal is a failure too")
	f.Func("api", "`which` API: batch (default) or old", func(text string) error {
		mode, err := fakeapi.ParseMode(text)
		s.Old = mode == fakeapi.Old
		return err
	})
	f.BoolVar(&p.History, "history", false, "the old API has the history route")
	f.Func("delivery", "`when` messages are shown: confirmed (default) or live", func(text string) error {
		p.Live = text == "live"
		if text != "live" && text != "confirmed" {
			return errors.New("confirmed or live")
		}
		return nil
	})
	f.Func("faults", "`kinds`, separated by commas (default: all that fit)", func(text string) (err error) {
		s.Kinds, err = schedule.ParseKinds(text)
		return err
	})
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("what is %q? There are flags only", f.Arg(0))
	}
	if s.Seed == 0 {
		s.Seed = rand.Uint64()
	}
	if !s.Redis {
		s.Instances = 1
	}
	return o, o.validate()
}

func (o *options) validate() error {
	p, s := &o.play, &o.play.Schedule
	switch {
	case s.Instances < 1 || p.Chats < 1 || p.Clients < p.Chats:
		return errors.New("at least one instance, one chat, and one client in each chat are needed")
	case p.Old < 0 || p.Old > 1 || s.Lasts < 0:
		return errors.New("old-clients is a share, 0 to 1, and lasts is not negative")
	case p.Rate <= 0 || p.Scale < 1 || s.Gap <= 0 || s.Duration <= 0:
		return errors.New("rate, gap and duration must be positive, and scale at least 1")
	}
	return nil
}

func usage(f *flag.FlagSet) {
	w := f.Output()
	fmt.Fprintf(w, "Usage: chaos [flags]\n\nExit status 0: every promise was kept; 1: one was broken, and the seed is printed; 2: it could not be run.\n\nFaults:\n ")
	column := 1
	for _, k := range schedule.All() {
		if column += len(k) + 1; column > 100 {
			column, _ = fmt.Fprint(w, "\n ")
		}
		fmt.Fprintf(w, " %s", k)
	}
	fmt.Fprint(w, "\n\nFlags:\n")
	f.PrintDefaults()
}
