package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/mattn/go-isatty"
	"golang.org/x/term"

	"eclipse/loadtest/internal/host"
	"eclipse/loadtest/internal/inside"
	"eclipse/loadtest/internal/page"
	"eclipse/loadtest/internal/relay"
	"eclipse/loadtest/internal/report"
	"eclipse/loadtest/internal/scenario"
	"eclipse/loadtest/internal/work"
)

const (
	exitBroken = 1 // a promise was broken
	exitUnable = 2 // it could not be run
)

// roleVariable makes this program a process of sockets or the relay instead.
const roleVariable = "ECLIPSE_LOADTEST_ROLE"

func main() {
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(play(role, os.Args[len(os.Args)-1]))
	}
	os.Exit(run(untilSignal(), os.Args[1:], os.Stdout, os.Stderr))
}

// untilSignal ends at the first signal that asks for it, in peace; the second one ends the process at once. A hangup that
// nohup ignores stays ignored.
func untilSignal() context.Context {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	context.AfterFunc(ctx, stop)
	return ctx
}

// play runs one of the roles until its input ends, which is when the parent has gone.
func play(role, port string) int {
	var err error
	switch role {
	case "sockets":
		err = work.Serve(context.Background(), os.Stdin, os.Stdout)
	case "relay":
		var l net.Listener
		if l, err = net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			server := &http.Server{Handler: relay.New(), ReadHeaderTimeout: 10 * time.Second}
			go func() { _, _ = io.Copy(io.Discard, os.Stdin); _ = server.Close() }()
			if err = server.Serve(l); errors.Is(err, http.ErrServerClosed) {
				err = nil
			}
		}
	default:
		err = fmt.Errorf("no role %q", role)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "loadtest:", err)
		return exitUnable
	}
	return 0
}

// as is this program in another role.
func as(role string) func() *exec.Cmd {
	return func() *exec.Cmd {
		self, err := os.Executable()
		if err != nil {
			self = os.Args[0]
		}
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), roleVariable+"="+role)
		return cmd
	}
}

// run is the command without the process around it.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err == nil {
		var r *report.Report
		if r, err = o.run(ctx, stderr); r != nil && len(r.Results) > 0 {
			err = errors.Join(err, r.Write(stdout, o.tolerant), o.save(r))
			if err == nil && broken(r, o.tolerant) {
				return exitBroken
			}
		}
	}
	if err != nil {
		fmt.Fprintln(stderr, "loadtest:", err)
		return exitUnable
	}
	return 0
}

func broken(r *report.Report, tolerant bool) bool {
	for _, result := range r.Results {
		if len(result.Problems(tolerant)) > 0 {
			return true
		}
	}
	return false
}

// run plays the scenario on the yardstick, where that is asked, and on the server.
func (o *options) run(ctx context.Context, terminal io.Writer) (*report.Report, error) {
	r := &report.Report{
		Version: report.Version, Started: time.Now().UTC().Truncate(time.Second), Command: o.command,
		Machine: report.Machine{OS: runtime.GOOS, Arch: runtime.GOARCH, CPUs: runtime.NumCPU(), Go: runtime.Version(), Pins: o.pin},
	}
	stop, err := o.build(ctx, terminal)
	defer stop()
	if err != nil {
		return r, err
	}
	switch o.scenario.Kind {
	case scenario.Outage:
		result, err := o.outage(ctx, terminal)
		return r, add(ctx, r, result, err)
	case scenario.Actors:
		result, err := inside.Run(ctx, o.plan, o.profile, o.progress(terminal, "this process"))
		return r, add(ctx, r, result, err)
	}
	var pins host.Pins
	if o.pin {
		if pins, err = host.Pin(); err != nil {
			return r, err
		}
	}
	for _, at := range o.turns(&pins) {
		result, err := o.on(ctx, at, terminal)
		if err := add(ctx, r, result, err); err != nil {
			return r, err
		}
	}
	if o.relay && len(r.Results) == 2 {
		r.Ratios = report.Compare(r.Results[1], r.Results[0])
	}
	return r, nil
}

// errInterrupted ends what a signal ended.
var errInterrupted = errors.New("interrupted")

// add puts a result into the report, with the error that ended it early, which it returns.
func add(ctx context.Context, r *report.Report, result *report.Result, err error) error {
	if err != nil && ctx.Err() != nil {
		err = errInterrupted // whatever came of that
	}
	if err != nil {
		result.Error = err.Error()
	}
	r.Results = append(r.Results, result)
	return err
}

// progress is shown on a terminal only.
func (o *options) progress(terminal io.Writer, target string) *report.Progress {
	if f, ok := terminal.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		return report.NewProgress(f, func() int { return columns(f) }, o.scenario.Name+" on "+target)
	}
	return &report.Progress{}
}

// columns is the width of a terminal, that of old when it does not tell.
func columns(terminal *os.File) int {
	width, _, err := term.GetSize(int(terminal.Fd()))
	if err != nil || width <= 0 {
		return 80
	}
	return width
}

// save writes the files that were asked for.
func (o *options) save(r *report.Report) error {
	var faults []error
	if o.json != "" {
		p, err := json.MarshalIndent(r, "", "  ")
		if err == nil {
			err = os.WriteFile(o.json, append(p, '\n'), 0o644)
		}
		faults = append(faults, err)
	}
	if o.html != "" {
		var p bytes.Buffer
		err := page.Write(&p, r, o.tolerant)
		if err == nil {
			err = os.WriteFile(o.html, p.Bytes(), 0o644)
		}
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}
