package host

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// Target is a server under load.
type Target struct {
	Name   string        // router, relay or the host of a URL
	URLs   []string      // ws:// or wss://; more than one: routers on one Redis
	Secret string        // signs tokens; "" for the relay
	Room   bool          // it is the relay: rooms by query, no tokens, no acks
	Local  bool          // it is on loopback
	Ready  time.Duration // from its start until it answered; 0 when it was there already
	API    *API          // the fake API behind it, nil = none of ours

	meter    Meter
	commands func(context.Context) (map[string]int64, error)
	stops    []func()
}

// Commands counts the calls of each command at the server's Redis so far, those inside of scripts too. nil: it has none, or
// none that tells.
func (t *Target) Commands(ctx context.Context) map[string]int64 {
	if t.commands == nil {
		return nil
	}
	calls, err := t.commands(ctx)
	if err != nil {
		return nil // a hosted Redis may have no such statistics
	}
	return calls
}

// Usage reads what the server has used so far. ErrUnknown: it cannot be read.
func (t *Target) Usage(ctx context.Context) (Usage, error) {
	if t.meter == nil {
		return Usage{At: time.Now()}, ErrUnknown
	}
	return t.meter(ctx)
}

// ErrUnknown says that it cannot be read what a target uses.
var ErrUnknown = errors.New("its usage cannot be read")

// Stop ends what was started for the target, the last first.
func (t *Target) Stop() {
	for i := len(t.stops) - 1; i >= 0; i-- {
		t.stops[i]()
	}
	t.stops = nil
}

func (t *Target) onStop(f func()) { t.stops = append(t.stops, f) }

// Remote is a server that runs already. metrics are the URLs of the metrics of each of its machines, none = unknown.
func Remote(server, secret string, metrics []string) (*Target, error) {
	u, err := url.Parse(server)
	if err != nil || (u.Scheme != "ws" && u.Scheme != "wss") || u.Host == "" {
		return nil, fmt.Errorf("%q is no ws:// or wss:// URL", WithoutSecrets(server))
	}
	if secret == "" {
		return nil, errors.New("give -jwt-secret: the JWT_SECRET of the server of -url, to sign tokens with")
	}
	t := &Target{Name: u.Host, URLs: []string{server}, Secret: secret, Local: Loopback(u.Hostname())}
	var meters []Meter
	for _, m := range metrics {
		meters = append(meters, scrape(m))
	}
	if len(meters) > 0 {
		t.meter = sum(meters)
	}
	return t, nil
}

// WithoutSecrets is a URL without its user and its query, either of which may hold a password or a token.
func WithoutSecrets(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" {
		return "…"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// Loopback tells whether a host is this machine by its name.
func Loopback(host string) bool {
	return host == "localhost" || strings.HasPrefix(host, "127.")
}

// Relay starts the bare relay: command is this program in that role, listening on the port that it gets as its last
// argument.
func Relay(ctx context.Context, pins *Pins, command func() *exec.Cmd) (*Target, error) {
	ports, err := freePorts(1)
	if err != nil {
		return nil, err
	}
	cmd := command()
	cmd.Args = append(cmd.Args, strconv.Itoa(ports[0]))
	if _, err := cmd.StdinPipe(); err != nil { // it ends when this end is gone
		return nil, fmt.Errorf("starting the relay: %w", err)
	}
	began := time.Now()
	c, err := start("the relay", cmd, pins)
	if err != nil {
		return nil, err
	}
	address := "127.0.0.1:" + strconv.Itoa(ports[0])
	t := &Target{Name: "relay", URLs: []string{"ws://" + address}, Room: true, Local: true, meter: process(c.cmd.Process.Pid)}
	t.onStop(c.stop)
	// It answers 400 to what is no upgrade: good enough to know that it is there.
	if err := answers(ctx, c, "http://"+address+"/", http.StatusBadRequest); err != nil {
		t.Stop()
		return nil, err
	}
	t.Ready = time.Since(began)
	return t, nil
}

// startTime bounds how long a server may take to answer for the first time.
const startTime = 20 * time.Second

// answers waits until a server answers with a status.
func answers(ctx context.Context, c *child, url string, status int) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		if err := c.alive(); err != nil {
			return err
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if answer, err := client.Do(request); err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == status {
				return nil
			}
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w\n%s", c.name, ctx.Err(), c.output)
		}
	}
}
