// Command eclipse is the chat router: sockets on one side, Redis and the Next.js API on the other.
//
// With nothing configured it starts on embedded defaults: an ordered log in a file, a stand-in for the Next.js API, and
// a demo. "eclipse outbox" looks after messages that wait or were refused. See README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	"eclipse/internal/app"
	"eclipse/internal/config"
	"eclipse/internal/outboxcmd"
)

// version is set by the build: -ldflags "-X main.version=…".
var version = ""

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

// run is main without the process around it. It returns the exit code: 0, 1 for a failure, 2 for wrong arguments or
// configuration.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	load := func() (config.Config, error) { return config.Load(environ, ".env") }
	if len(args) > 0 && args[0] == "outbox" {
		return outboxcmd.Run(ctx, args[1:], load, stdout, stderr)
	}
	flags := flag.NewFlagSet("eclipse", flag.ContinueOnError)
	flags.SetOutput(stderr)
	showVersion := flags.Bool("version", false, "print the version and exit")
	checkHealth := flags.Bool("healthcheck", false, "ask the router on this machine whether it is healthy, and exit with 0 or 1")
	flags.Usage = func() { usage(flags, stderr) }
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	if flags.NArg() > 0 { // a mistyped command must not start a router
		fmt.Fprintf(stderr, "the command %q is unknown; see eclipse -help\n", flags.Arg(0))
		return 2
	}
	if *showVersion {
		fmt.Fprintln(stdout, "eclipse", buildVersion())
		return 0
	}
	cfg, err := load()
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 2
	}
	if *checkHealth {
		return healthcheck(ctx, &cfg, stderr)
	}
	log := newLogger(&cfg, stderr)
	app.LimitMemory(log)
	router, err := app.New(cfg, app.Options{Log: log, Out: stdout, Version: buildVersion()})
	if err != nil {
		log.Error("cannot start", "error", err)
		return 1
	}
	if err := router.Run(ctx); err != nil {
		log.Error("stopped", "error", err)
		return 1
	}
	return 0
}

func usage(flags *flag.FlagSet, w io.Writer) {
	fmt.Fprint(w, "eclipse routes support chats between browsers, Redis and the Next.js API.\n\nUsage: eclipse [flag]\n"+
		"       eclipse outbox list|retry|discard|export   messages that wait or were refused: eclipse outbox -h\n\n")
	flags.PrintDefaults()
	fmt.Fprint(w, "\nEnvironment (also read from .env):\n\n")
	_ = config.Usage(w)
}

func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return "unknown"
}

// newLogger writes JSON in production and readable text in development.
func newLogger(cfg *config.Config, w io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{Level: cfg.LogLevel}
	if cfg.Production() {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// healthTimeout is how long the container's health check waits.
const healthTimeout = 3 * time.Second

func healthcheck(ctx context.Context, cfg *config.Config, stderr io.Writer) int {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	host := cfg.Host
	if host == "" || host == "0.0.0.0" || host == "::" {
		host = "127.0.0.1"
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, strconv.Itoa(cfg.Port))+"/health", nil)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		fmt.Fprintln(stderr, "not healthy:", err)
		return 1
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		fmt.Fprintln(stderr, "not healthy: status", response.StatusCode)
		return 1
	}
	return 0
}
