package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"eclipse/loadtest/internal/host"
	"eclipse/loadtest/internal/outage"
	"eclipse/loadtest/internal/plan"
	"eclipse/loadtest/internal/report"
	"eclipse/loadtest/internal/scenario"
)

// build builds the router, once, where one is started and none was given. stop removes it.
func (o *options) build(ctx context.Context, terminal io.Writer) (stop func(), err error) {
	stop = func() {}
	if !o.startsRouter() {
		return stop, nil
	}
	if o.router.Binary != "" {
		path, err := exec.LookPath(o.router.Binary)
		if err != nil {
			return stop, fmt.Errorf("-router: %w", err)
		}
		o.router.Binary, err = filepath.Abs(path) // it runs in a directory of its own
		return stop, err
	}
	progress := o.progress(terminal, "router")
	defer progress.Clear()
	progress.Stage("building the router")
	dir, err := host.ScratchDir()
	if err != nil {
		return stop, err
	}
	stop = func() { _ = os.RemoveAll(dir) }
	o.router.Binary, err = host.Build(ctx, dir)
	if ctx.Err() != nil {
		err = errInterrupted
	}
	return stop, err
}

// startsRouter tells whether a run has a router of its own.
func (o *options) startsRouter() bool {
	return o.scenario.Kind != scenario.Actors && !o.onlyRelay && o.url == ""
}

// turn is one run of the scenario.
type turn struct {
	name  string // of what it runs on
	plan  plan.Plan
	start func(context.Context) (*host.Target, error)
}

// turns lists what to run on, the yardstick first.
func (o *options) turns(pins *host.Pins) []turn {
	var list []turn
	if o.relay || o.onlyRelay {
		list = append(list, turn{"relay", o.plan, func(ctx context.Context) (*host.Target, error) { return host.Relay(ctx, pins, as("relay")) }})
	}
	switch {
	case o.onlyRelay:
	case o.scenario.Kind == scenario.Scale:
		for _, n := range o.plan.Instances {
			p, router := o.plan, o.router
			p.Chats, p.Rate, router.Instances, router.Redis = p.Chats*n, p.Rate*float64(n), n, "start"
			list = append(list, turn{fmt.Sprintf("%d routers", n), p, func(ctx context.Context) (*host.Target, error) { return host.Router(ctx, pins, router) }})
		}
	case o.url != "":
		list = append(list, turn{host.WithoutSecrets(o.url), o.plan, func(context.Context) (*host.Target, error) { return host.Remote(o.url, o.secret, o.metrics) }})
	default:
		list = append(list, turn{"router", o.plan, func(ctx context.Context) (*host.Target, error) { return host.Router(ctx, pins, o.router) }})
	}
	return list
}

// on plays the scenario on one server. There is a result in any case.
func (o *options) on(ctx context.Context, at turn, terminal io.Writer) (*report.Result, error) {
	progress := o.progress(terminal, at.name)
	defer progress.Clear()
	progress.Stage("starting")
	target, err := at.start(ctx)
	if err != nil {
		return &report.Result{Target: at.name, Plan: at.plan}, err
	}
	defer target.Stop()
	return scenario.Run(ctx, o.scenario, at.plan, target, scenario.Options{
		Processes: o.procs, Sources: o.sources, Dialers: o.dialers, Apart: o.pin, Known: o.known, Command: as("sockets"),
		Progress: progress,
	})
}

// outage plays the faults on two routers. There is a result in any case.
func (o *options) outage(ctx context.Context, terminal io.Writer) (*report.Result, error) {
	progress := o.progress(terminal, "two routers")
	defer progress.Clear()
	progress.Stage("starting")
	cluster, err := host.Routers(ctx, o.router)
	if err != nil {
		return &report.Result{Target: "two routers", Plan: o.plan}, err
	}
	defer cluster.Stop()
	return outage.Run(ctx, o.plan, cluster, progress)
}
