package schedule

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Fault is one thing that goes wrong. Target is an instance's number where the kind is about one instance. Share is
// the part of the clients that it strikes, or of whatever else comes in parts.
type Fault struct {
	At     time.Duration `json:"at"`
	For    time.Duration `json:"for"`
	Kind   Kind          `json:"kind"`
	Target int           `json:"target"`
	Share  float64       `json:"share"`
}

func (f Fault) String() string {
	return fmt.Sprintf("%8.3fs %-17s %d for %v", f.At.Seconds(), f.Kind, f.Target, f.For)
}

// Options decide a schedule.
type Options struct {
	Seed      uint64
	Duration  time.Duration // no fault begins later
	Gap       time.Duration // mean time between the beginnings of two faults
	Instances int
	Kinds     []Kind        // nil: all that fit
	Lasts     time.Duration // of each fault that lasts; 0 = what suits its kind, by chance
	Old       bool          // the API is the old one
	Redis     bool          // the instances have one
}

// Kinds lists the kinds that fit, in a fixed order.
func Kinds(o Options) []Kind {
	var list []Kind
	for _, t := range traits {
		fits := (!t.named || o.Kinds != nil) && (!t.old || o.Old) && (t.needs&redis == 0 || o.Redis) && (t.needs&noRedis == 0 || !o.Redis)
		if fits && (o.Kinds == nil || slices.Contains(o.Kinds, t.kind)) {
			list = append(list, t.kind)
		}
	}
	return list
}

// All lists every kind, in a fixed order.
func All() (list []Kind) {
	for _, t := range traits {
		list = append(list, t.kind)
	}
	return list
}

// ParseKinds reads a list of names, separated by commas.
func ParseKinds(text string) ([]Kind, error) {
	var list []Kind
	for name := range strings.SplitSeq(text, ",") {
		k := Kind(strings.TrimSpace(name))
		if !slices.ContainsFunc(traits, func(t trait) bool { return t.kind == k }) {
			return nil, fmt.Errorf("no fault is called %q", name)
		}
		list = append(list, k)
	}
	return list, nil
}

func traitOf(k Kind) trait {
	return traits[slices.IndexFunc(traits, func(t trait) bool { return t.kind == k })]
}

// Deadly tells whether a fault ends or stops an instance.
func Deadly(k Kind) bool { return traitOf(k).deadly }

// TargetOf is what a kind of fault is about.
func TargetOf(k Kind) Target { return traitOf(k).target }

// OfAll tells whether a fault strikes every instance.
func OfAll(k Kind) bool { t := traitOf(k); return t.all || !t.perInstance() }

// PerInstance tells whether a fault has instances as its target.
func PerInstance(k Kind) bool { return traitOf(k).perInstance() }

// Settling times: how long a target is left alone after a fault of its own.
const (
	settle       = 2 * time.Second  // so that an instance is up and has clients again
	settleRedis  = 1 * time.Second  //
	apartOfWipe  = 20 * time.Second // between a wipe and the end of an instance: by then what was accepted is stored
	heldAtWipe   = 3 * time.Second  // how long an instance may be kept from a wiped Redis: what it enters again is waited for as long as a lease lasts, 5 s
	settleQuick  = 200 * time.Millisecond
	leastBetween = 10 * time.Millisecond
)

// planner keeps which target is free when.
type planner struct {
	Options
	random *rand.Rand
	free   map[Target][]time.Duration // per instance, or one for all
	deaths time.Duration              // when the last deadly fault so far is over
	wiped  time.Duration              // when the last wipe was
}

// Plan makes the schedule, in the order of time. Each kind comes equally often, in an order of chance.
func Plan(o Options) []Fault {
	p := &planner{
		Options: o, random: rand.New(rand.NewPCG(o.Seed, 0x5eed)), free: map[Target][]time.Duration{},
		deaths: -apartOfWipe, wiped: -apartOfWipe,
	}
	for _, t := range []Target{Instance, Redis, Link, Feed, API, Clients} {
		p.free[t] = make([]time.Duration, o.Instances)
	}
	kinds := Kinds(o)
	if len(kinds) == 0 {
		return nil
	}
	var list []Fault
	var now time.Duration
	var bag []Kind
	for {
		now += leastBetween + time.Duration(p.random.ExpFloat64()*float64(o.Gap))
		if now >= o.Duration {
			break
		}
		if len(bag) == 0 {
			bag = slices.Clone(kinds)
			p.random.Shuffle(len(bag), func(i, j int) { bag[i], bag[j] = bag[j], bag[i] })
		}
		// The first that can begin now; where none can, the one that can begin soonest.
		best, at := 0, time.Duration(-1)
		for i, k := range bag {
			if t := p.soonest(k, now); at < 0 || t < at {
				best, at = i, t
			}
			if at <= now {
				break
			}
		}
		now = max(now, at)
		if now >= o.Duration {
			break
		}
		f := p.place(bag[best], now)
		if f.Kind == RedisWipe {
			shorten(list, f.At+heldAtWipe)
		}
		list = append(list, f)
		bag = slices.Delete(bag, best, best+1)
	}
	slices.SortStableFunc(list, func(a, b Fault) int { return cmp.Compare(a.At, b.At) })
	return list
}

// shorten ends what keeps instances from Redis.
func shorten(list []Fault, until time.Duration) {
	for i := range list {
		if f := &list[i]; traitOf(f.Kind).keepsFromRedis() && f.At+f.For > until {
			f.For = until - f.At
		}
	}
}

// soonest is when a kind may begin.
func (p *planner) soonest(k Kind, now time.Duration) time.Duration {
	t := traitOf(k)
	free := p.free[t.target]
	at := slices.Min(free)
	if t.all || !t.perInstance() {
		at = slices.Max(free)
	}
	if t.deadly {
		at = max(at, p.wiped+apartOfWipe)
	}
	if k == RedisWipe {
		at = max(at, p.deaths+apartOfWipe, p.wiped+heldAtWipe)
	}
	return max(now, at)
}

func (t trait) keepsFromRedis() bool {
	return t.kind != RedisWipe && (t.target == Redis || t.target == Link)
}

func (t trait) perInstance() bool {
	return t.target == Instance || t.target == Link || t.target == Feed
}

// place decides the rest of a fault and keeps its target busy.
func (p *planner) place(k Kind, at time.Duration) Fault {
	t := traitOf(k)
	free := p.free[t.target]
	f := Fault{
		At: at.Round(time.Millisecond), Kind: k, For: (t.least + time.Duration(p.random.Float64()*float64(t.most-t.least))).Round(time.Millisecond),
		Share: 0.05 + 0.45*p.random.Float64(),
	}
	if p.Lasts > 0 && t.most > t.least {
		f.For = p.Lasts
	}
	if left := p.wiped + heldAtWipe - f.At; t.keepsFromRedis() && left > 0 {
		f.For = min(f.For, left)
	}
	if t.perInstance() && !t.all {
		var able []int
		for i, from := range free {
			if from <= at {
				able = append(able, i)
			}
		}
		f.Target = able[p.random.IntN(len(able))]
	}
	until := at + f.For + t.settling()
	if t.all {
		until = at + f.For*time.Duration(p.Instances) + t.settling()
	}
	for i := range free {
		if t.all || !t.perInstance() || i == f.Target {
			free[i] = until
		}
	}
	if t.deadly {
		p.deaths = max(p.deaths, until)
	}
	if k == RedisWipe {
		p.wiped = f.At
	}
	return f
}

func (t trait) settling() time.Duration {
	switch t.target {
	case Instance:
		return settle
	case Redis:
		return settleRedis
	}
	return settleQuick
}
