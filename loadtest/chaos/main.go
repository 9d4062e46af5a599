package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"eclipse/loadtest/chaos/internal/play"
	"eclipse/loadtest/internal/host"
)

const (
	exitBroken = 1 // a promise was broken
	exitUnable = 2 // it could not be run
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the command without the process around it.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err == nil {
		var r *play.Result
		if r, err = o.run(ctx, stderr); err == nil {
			if err = errors.Join(o.write(r, stdout), o.save(r)); err == nil && o.broken(r) {
				return exitBroken
			}
		}
	}
	if err != nil {
		fmt.Fprintln(stderr, "chaos:", err)
		return exitUnable
	}
	return 0
}

// run plays once.
func (o *options) run(ctx context.Context, stderr io.Writer) (*play.Result, error) {
	if o.play.Router == "" {
		dir, err := os.MkdirTemp("", "eclipse-chaos-router-")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		if o.play.Router, err = host.Build(ctx, dir); err != nil {
			return nil, err
		}
	}
	if !o.quiet {
		o.play.Log = stderr
	}
	return play.Run(ctx, o.play)
}

func (o *options) write(r *play.Result, stdout io.Writer) error {
	fmt.Fprintf(stdout, "seed %d; timers are shorter by a factor of %v\n\n", r.Seed, o.play.Scale)
	return r.Write(stdout)
}

func (o *options) broken(r *play.Result) bool { return !r.OK() || o.strict && len(r.Slow()) > 0 }

func (o *options) save(r *play.Result) error {
	if o.json == "" {
		return nil
	}
	p, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(o.json, append(p, '\n'), 0o644)
}
