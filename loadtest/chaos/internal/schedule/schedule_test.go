package schedule

import (
	"reflect"
	"testing"
	"time"
)

func options(seed uint64) Options {
	return Options{Seed: seed, Duration: 30 * time.Minute, Gap: 300 * time.Millisecond, Instances: 3, Old: true, Redis: true}
}

func TestASeedIsASchedule(t *testing.T) {
	a, b, c := Plan(options(7)), Plan(options(7)), Plan(options(8))
	if !reflect.DeepEqual(a, b) {
		t.Error("one seed, two schedules")
	}
	if reflect.DeepEqual(a, c) {
		t.Error("two seeds, one schedule")
	}
}

func TestEveryKindComesAboutEquallyOften(t *testing.T) {
	o := options(1)
	counts := map[Kind]int{}
	list := Plan(o)
	for _, f := range list {
		counts[f.Kind]++
		least, most := traitOf(f.Kind).least, traitOf(f.Kind).most
		if f.For < least && !traitOf(f.Kind).keepsFromRedis() || f.For <= 0 || f.For > most || f.Share <= 0 || f.Share > 0.5 || f.Target < 0 || f.Target >= o.Instances {
			t.Errorf("%v", f)
		}
	}
	for _, k := range Kinds(o) {
		if n := counts[k]; n < len(list)/len(Kinds(o))-1 {
			t.Errorf("%s comes %d times of %d", k, n, len(list))
		}
	}
}

func TestFaultsOfOneTargetDoNotOverlap(t *testing.T) {
	for seed := range uint64(20) {
		busy := map[[2]int]time.Duration{}
		wiped, died := -time.Hour, -time.Hour
		for _, f := range Plan(options(seed)) {
			tr := traitOf(f.Kind)
			for i := range 3 {
				if tr.perInstance() && !tr.all && i != f.Target {
					continue
				}
				key := [2]int{int(tr.target), i}
				if f.At < busy[key] {
					t.Fatalf("seed %d: %v begins before the last one of its target is over", seed, f)
				}
				busy[key] = f.At + f.For
			}
			if f.Kind == RedisWipe {
				if f.At < died+apartOfWipe-settle {
					t.Fatalf("seed %d: %v follows a death at %v", seed, f, died)
				}
				wiped = f.At
			}
			if tr.deadly {
				if f.At < wiped+apartOfWipe-time.Millisecond {
					t.Fatalf("seed %d: %v follows a wipe at %v", seed, f, wiped)
				}
				died = max(died, f.At+f.For)
			}
		}
	}
}

func TestNoInstanceIsKeptForLongFromAWipedRedis(t *testing.T) {
	for seed := range uint64(20) {
		list := Plan(options(seed))
		for _, wipe := range list {
			for _, f := range list {
				during := f.At < wipe.At+heldAtWipe && f.At+f.For > wipe.At
				if wipe.Kind == RedisWipe && traitOf(f.Kind).keepsFromRedis() && during && f.At+f.For > wipe.At+heldAtWipe {
					t.Fatalf("seed %d: %v, and Redis was wiped at %v", seed, f, wipe.At)
				}
			}
		}
	}
}

func TestFaultsCanLastAsLongAsWanted(t *testing.T) {
	o := options(1)
	o.Lasts, o.Kinds = time.Minute, []Kind{APIDown, Drop}
	for _, f := range Plan(o) {
		if want := map[Kind]time.Duration{APIDown: time.Minute, Drop: 100 * time.Millisecond}[f.Kind]; f.For != want {
			t.Errorf("%v, want %v", f, want)
		}
	}
}

func TestWhichKindsFit(t *testing.T) {
	for _, tc := range []struct {
		options    Options
		has, lacks Kind
	}{
		{Options{Redis: true}, RedisKill, PublishLost},
		{Options{Redis: true, Old: true}, PublishLost, FileDamaged},
		{Options{}, FileDamaged, FeedCut},
		{Options{Redis: true, Kinds: []Kind{Kill}}, Kill, Restart},
		{Options{Redis: true}, Storm, AwayAll},
		{Options{Redis: true, Kinds: []Kind{AwayAll}}, AwayAll, Storm},
	} {
		got := map[Kind]bool{}
		for _, k := range Kinds(tc.options) {
			got[k] = true
		}
		if !got[tc.has] || got[tc.lacks] {
			t.Errorf("%+v: %v", tc.options, got)
		}
	}
	if list, err := ParseKinds("kill, redis-wipe"); err != nil || len(list) != 2 {
		t.Errorf("%v %v", list, err)
	}
	if _, err := ParseKinds("kill,earthquake"); err == nil {
		t.Error("an earthquake was accepted")
	}
	if Plan(Options{Duration: time.Hour, Gap: time.Second, Instances: 2, Kinds: []Kind{FeedCut}}) != nil {
		t.Error("a schedule of faults that cannot be")
	}
}
