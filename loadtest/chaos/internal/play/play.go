package play

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"eclipse/internal/fakeapi"
	"eclipse/internal/token"
	"eclipse/loadtest/chaos/internal/client"
	"eclipse/loadtest/chaos/internal/schedule"
	"eclipse/loadtest/chaos/internal/timing"
	"eclipse/loadtest/chaos/internal/world"
	"eclipse/loadtest/internal/pace"
)

// Options of a run.
type Options struct {
	Schedule schedule.Options
	Chats    int
	Clients  int     // in all; each is a sender of its own
	Rate     float64 // messages per second in all
	Size     int     // bytes of a message's content
	Old      float64 // share of the clients that speak the old protocol
	History  bool    // the old API has the history route
	Live     bool    // DELIVERY=live
	Scale    float64 // by which the timers of clients and of the API's calls are shorter than real ones
	Router   string  // path of the binary
	Keep     string  // directory for data and output, kept; "" = a temporary one, kept after a failure only
	Log      io.Writer
}

// play is one run.
type play struct {
	options Options
	world   *world.World
	door    *world.Door
	clients []*client.Client
	story   io.Writer // what happened when, kept beside the records
	run     uint64    // in every clientMessageId

	targets   map[schedule.Target][]*sync.Mutex // a fault holds what it strikes
	instances sync.RWMutex                      // held for reading while a fault ends or stops an instance, for writing during a wipe

	mu        sync.Mutex // guards what follows
	struck    []strike
	incidents []timing.Incident
	busy      map[int]int     // instance → faults that may end it
	damaged   []time.Duration // when the file of an instance was damaged
	outages   []outage
	problems  []string // what should not have happened, beside what the checker finds
}

// strike is a fault as it really happened.
type strike struct {
	schedule.Fault
	missed bool // it had no occasion
}

// warmUp is how long clients talk before the first fault.
const warmUp = 2 * time.Second

// Run runs chaos once.
func Run(ctx context.Context, o Options) (*Result, error) {
	dir, err := directory(o.Keep)
	if err != nil {
		return nil, err
	}
	p := &play{options: o, run: o.Schedule.Seed*0x9E3779B97F4A7C15 + uint64(time.Now().UnixNano()), busy: map[int]int{}}
	p.targets = map[schedule.Target][]*sync.Mutex{}
	for _, t := range []schedule.Target{schedule.Instance, schedule.Redis, schedule.Link, schedule.Feed, schedule.API, schedule.Clients} {
		for range o.Schedule.Instances {
			p.targets[t] = append(p.targets[t], &sync.Mutex{})
		}
	}
	story, err := os.Create(filepath.Join(dir, "faults.log"))
	if err != nil {
		return nil, err
	}
	defer story.Close()
	p.story = story
	result, err := p.play(ctx, dir)
	switch {
	case o.Keep == "" && err == nil && result.OK():
		err = os.RemoveAll(dir)
	case result != nil:
		result.Dir = dir
		err = errors.Join(err, result.keep(dir))
	}
	return result, err
}

func directory(keep string) (string, error) {
	if keep == "" {
		return os.MkdirTemp("", "eclipse-chaos-")
	}
	return keep, os.MkdirAll(keep, 0o755)
}

func (p *play) play(ctx context.Context, dir string) (*Result, error) {
	o := p.options
	secret := world.Secret()
	var err error
	p.world, err = world.New(ctx, world.Options{
		Router: o.Router, Dir: dir, Instances: o.Schedule.Instances, Old: o.Schedule.Old, History: o.History, Redis: o.Schedule.Redis,
		TokenSecret: secret, Env: o.env(), Volume: slices.Contains(schedule.Kinds(o.Schedule), schedule.DiskFull),
	})
	if err != nil {
		return nil, err
	}
	defer p.world.Close()
	p.world.API.Inject(fakeapi.Fault{Kind: fakeapi.RejectContent, Content: client.Unwanted, Lasting: true})
	p.door = p.world.Door(o.Schedule.Seed)
	playing, end := context.WithCancel(ctx)
	defer end()
	var running sync.WaitGroup
	defer func() { end(); running.Wait() }()
	if err := p.startClients(playing, &running, secret); err != nil {
		return nil, err
	}
	if err := p.ready(ctx); err != nil {
		return nil, err
	}
	start := p.usage(ctx)
	p.say("%d clients are in, faults begin", len(p.clients))
	p.strikeAll(ctx)
	p.heal(ctx)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	p.settle(ctx)
	r := &Result{Start: start, End: p.settledUsage(ctx, start)}
	end()
	running.Wait()
	held := p.outbox(ctx)
	if ctx.Err() != nil {
		return nil, ctx.Err() // nothing was waited for
	}
	return p.gather(r, held), nil
}

// env are the settings of the instances.
func (o Options) env() []string {
	scaled := func(d, least time.Duration) string {
		return max(least, time.Duration(float64(d)/o.Scale)).Round(time.Millisecond).String()
	}
	env := []string{
		"SAVE_TIMEOUT=" + scaled(15*time.Second, 2*time.Second), "SAVE_PATIENCE=" + scaled(10*time.Second, 2*time.Second),
		"DRAIN_TIMEOUT=" + scaled(25*time.Second, 2*time.Second),
	}
	if o.Live {
		env = append(env, "DELIVERY=live")
	}
	return env
}

func (p *play) startClients(ctx context.Context, running *sync.WaitGroup, secret string) error {
	o := p.options
	for n := range o.Clients {
		chat, sender := n%o.Chats, n/o.Chats
		t, err := token.Mint(secret, token.Claims{
			UserID: fmt.Sprintf("user-%d-%d", chat, sender), ChatID: chatPrefix + strconv.Itoa(chat), Authenticated: true,
			ExpiresAt: time.Now().Add(48 * time.Hour),
		}, time.Now())
		if err != nil {
			return err
		}
		c := client.New(client.Options{
			Run: p.run, Chat: chat, Sender: sender, Token: t, Size: o.Size, Timers: client.Browser().Scaled(o.Scale), Old: float64(sender) >= float64(o.Clients/o.Chats)*(1-o.Old),
			Every: time.Duration(float64(o.Clients) / o.Rate * float64(time.Second)), Seed: o.Schedule.Seed,
		}, p.door)
		p.clients = append(p.clients, c)
		running.Go(func() { c.Run(ctx) })
	}
	return nil
}

// ready waits until every client is in, and a little longer.
func (p *play) ready(ctx context.Context) error {
	if !p.wait(ctx, time.Minute, func() bool { return p.count(func(s client.Status) bool { return !s.Joined }) == 0 }) {
		return errors.Join(ctx.Err(), errors.New("not all clients could connect"))
	}
	pause(ctx, warmUp)
	return ctx.Err()
}

// count tells how many clients stand in a certain way.
func (p *play) count(what func(client.Status) bool) (n int) {
	for _, c := range p.clients {
		if what(c.Status()) {
			n++
		}
	}
	return n
}

// wait asks again and again until a condition holds; false when it does not in time.
func (p *play) wait(ctx context.Context, within time.Duration, condition func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for !condition() {
		if !pause(ctx, 20*time.Millisecond) {
			return false
		}
	}
	return true
}

// pause is false when the context ends first.
func pause(ctx context.Context, d time.Duration) bool { return pace.Wait(ctx, d) == nil }

func (p *play) say(format string, args ...any) {
	line := fmt.Sprintf("%8.3fs "+format+"\n", append([]any{p.door.Now().Seconds()}, args...)...)
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = io.WriteString(p.story, line) // for people, after a failure
	if p.options.Log != nil {
		_, _ = io.WriteString(p.options.Log, line)
	}
}

// wrong notes what should not have happened.
func (p *play) wrong(format string, args ...any) {
	p.say("WRONG: "+format, args...)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.problems = append(p.problems, fmt.Sprintf(format, args...))
}

// chatPrefix begins the names of the run's chats.
const chatPrefix = "chaos-"
