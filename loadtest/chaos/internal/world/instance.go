package world

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"syscall"
	"time"

	"eclipse/loadtest/chaos/internal/redisproxy"
)

// Instance is a place for one running router. The process in it changes; its address for clients changes with it, its
// ways to Redis and to the API stay.
type Instance struct {
	Number int
	Proxy  *redisproxy.Proxy // nil without Redis

	world   *World
	front   *front
	dir     string // its data
	acked   onAck
	mounted bool       // dir is a file system of its own
	mu      sync.Mutex // guards what follows
	proc    *process
	runs    int
	address string // host and port for clients, "" = it is known to be down
	metrics string // URL
	away    time.Time
}

var (
	healthLine  = regexp.MustCompile(`Health +http://([\d.:]+)/health`)
	metricsLine = regexp.MustCompile(`Metrics +(http://[\d.:]+/metrics)`)
)

// running is a process that answers.
type running struct {
	proc             *process
	address, metrics string
}

// launch starts a process and waits until it says where it listens.
func (i *Instance) launch(ctx context.Context) (running, error) {
	i.mu.Lock()
	i.runs++
	name := fmt.Sprintf("instance-%d-%d", i.Number, i.runs)
	i.mu.Unlock()
	cmd := exec.Command(i.world.options.Router)
	cmd.Dir = i.dir // so that no .env of ours is read
	cmd.Env = i.env()
	p, err := start(name, filepath.Join(i.world.dir, name+".log"), cmd)
	if err != nil {
		return running{}, err
	}
	stop := context.AfterFunc(ctx, func() { p.signal(syscall.SIGKILL) })
	defer stop()
	late := time.AfterFunc(patience, func() { p.signal(syscall.SIGKILL) })
	defer late.Stop()
	r := running{proc: p, metrics: p.prints(metricsLine), address: p.prints(healthLine)}
	if r.address == "" || r.metrics == "" {
		p.kill()
		return r, errors.Join(ctx.Err(), fmt.Errorf("%s did not start:\n%s", name, p.printed()))
	}
	return r, nil
}

// env are the settings of its processes.
func (i *Instance) env() []string {
	env := append([]string{"PATH=" + os.Getenv("PATH"), "HOST=127.0.0.1", "PORT=0", "METRICS_PORT=0", "LOG_LEVEL=info",
		"JWT_SECRET=" + i.world.options.TokenSecret, "INTERNAL_API_SECRET=" + i.world.apiSecret, "NEXT_API_URL=" + i.front.url(),
		"DATA_DIR=" + i.dir, "RATE_LIMIT=0"}, i.world.options.Env...)
	if i.Proxy != nil {
		env = append(env, "REDIS_URL="+i.Proxy.URL())
	}
	return env
}

// Start starts a process in this place.
func (i *Instance) Start(ctx context.Context) error {
	r, err := i.launch(ctx)
	if err == nil {
		i.use(r)
	}
	return err
}

func (i *Instance) use(r running) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.proc, i.address, i.metrics = r.proc, r.address, r.metrics
}

func (i *Instance) process() *process {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.proc
}

// down tells the balancer that nobody listens there.
func (i *Instance) down() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.address = ""
}

// Kill ends the process as kill -9 does.
func (i *Instance) Kill() {
	i.down()
	i.process().kill()
}

// Shoot sends kill -9 and does not wait for the end.
func (i *Instance) Shoot() {
	i.down()
	i.process().signal(syscall.SIGKILL)
}

// Pause stops the process; the balancer does not know.
func (i *Instance) Pause() { i.process().signal(syscall.SIGSTOP) }

// Resume lets it go on.
func (i *Instance) Resume() { i.process().signal(syscall.SIGCONT) }

// Terminate asks the process to drain.
func (i *Instance) Terminate() {
	i.down()
	i.process().signal(syscall.SIGTERM)
}

// Replace starts a new process beside the old one, sends new clients there, and lets the old one drain. Without Redis
// the new one follows the old one.
func (i *Instance) Replace(ctx context.Context) error {
	old := i.process()
	if i.Proxy == nil { // two cannot have the file
		i.Terminate()
		if err := i.gone(old); err != nil {
			return err
		}
		return i.Start(ctx)
	}
	r, err := i.launch(ctx)
	if err != nil {
		return err
	}
	i.use(r)
	old.signal(syscall.SIGTERM)
	return i.gone(old)
}

// gone waits for the end of a process that was asked to go.
func (i *Instance) gone(old *process) error {
	select {
	case <-old.ended:
	case <-time.After(patience):
		old.kill()
		return fmt.Errorf("%s did not end within %v of SIGTERM", old.name, patience)
	}
	if code := old.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("%s ended with %d after SIGTERM", old.name, code)
	}
	return nil
}

// Alive tells whether a process runs there that nobody has ended.
func (i *Instance) Alive() bool { return i.process().alive() }

// AfterAck calls strike once, when the next client has read an ack of this instance.
func (i *Instance) AfterAck(strike func()) (cancel func()) { return i.acked.arm(strike) }

// AfterCommit calls strike once, when the API has stored a call of this instance and has not answered it.
func (i *Instance) AfterCommit(strike func()) (cancel func()) {
	i.front.stored.Store(&strike)
	return func() { i.front.stored.Store(nil) }
}

// Collect runs the instance's garbage collector and reads metrics by their names.
func (i *Instance) Collect(ctx context.Context, names ...string) (map[string]float64, error) {
	i.mu.Lock()
	metrics := i.metrics
	i.mu.Unlock()
	u, err := url.Parse(metrics)
	if err != nil {
		return nil, err
	}
	if _, err := page(ctx, "http://"+u.Host+"/debug/pprof/heap?gc=1"); err != nil {
		return nil, err
	}
	text, err := page(ctx, metrics)
	if err != nil {
		return nil, err
	}
	values := map[string]float64{}
	for _, name := range names {
		found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindSubmatch(text)
		if found == nil {
			return nil, fmt.Errorf("instance %d has no metric %s", i.Number, name)
		}
		if values[name], err = strconv.ParseFloat(string(found[1]), 64); err != nil {
			return nil, fmt.Errorf("metric %s: %w", name, err)
		}
	}
	return values, nil
}

// pages keeps no connection, so that nothing outlives a run.
var pages = &http.Client{
	Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true, DialContext: (&net.Dialer{}).DialContext},
}
