package play

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"eclipse/internal/fakeapi"
	"eclipse/loadtest/chaos/internal/redisproxy"
	"eclipse/loadtest/chaos/internal/schedule"
	"eclipse/loadtest/chaos/internal/timing"
	"eclipse/loadtest/chaos/internal/verify"
	"eclipse/loadtest/chaos/internal/world"
	"eclipse/loadtest/internal/frames"
)

// gather has the records judged and measured.
func (p *play) gather(r *Result, held []world.Held) *Result {
	run := &verify.Run{Reposts: p.options.Schedule.Old, Live: p.options.Live, Damaged: p.damaged, Away: p.away()}
	r.Seed, r.Codes, r.Faults = p.options.Schedule.Seed, map[string]int{}, map[string]int{}
	for _, c := range p.clients {
		run.Clients = append(run.Clients, c.Record)
		for code, n := range c.Codes {
			r.Codes[code] += n
		}
	}
	rows := p.world.API.Rows()
	if p.options.Live { // what was shown already is stored when it can be; a history is sorted by when it was sent
		slices.SortStableFunc(rows, func(a, b fakeapi.Row) int { return a.CreatedAt.Compare(b.CreatedAt) })
	}
	for _, row := range rows {
		tag, ok := frames.ParseTag([]byte(row.Content))
		if !ok || tag.Run != p.run {
			p.wrong("row %d is nobody's message", row.Seq)
		}
		run.Rows = append(run.Rows, verify.Row{Chat: tag.Chat, Sender: uint16(tag.Sender), Number: tag.Seq, ID: verify.HashID(row.ID), Stored: row.Seq})
	}
	for _, h := range held {
		tag, ok := frames.ParseTag([]byte(h.Content))
		if !ok || tag.Run != p.run {
			p.wrong("%q in the outbox is nobody's message", h.Content)
		}
		list := &run.Outbox
		if h.Dead() {
			list = &run.Letters
		}
		*list = append(*list, verify.Held{Chat: tag.Chat, Sender: uint16(tag.Sender), Number: tag.Seq})
	}
	run.Forgotten = p.forgotten()
	run.Untraced = run.Forgotten || p.options.Schedule.Old && !p.options.History
	r.Verdict = verify.Check(run)
	r.suspects = map[string]*verify.Client{}
	for _, c := range run.Clients {
		if slices.Contains(r.Verdict.Suspects, c.Chat) {
			r.suspects[fmt.Sprintf("chat-%d-client-%d.log", c.Chat, c.Sender)] = c
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.struck {
		if s.missed {
			r.Missed++
			continue
		}
		r.Faults[string(s.Kind)]++
	}
	r.Problems, r.Outages = p.problems, p.outages
	for _, i := range p.world.Instances {
		if n, err := i.SetAside(); err == nil {
			r.SetAside += n
		}
	}
	p.measure(r, run.Clients)
	return r
}

// What is timed is apart from other faults by so much, before and after.
const (
	before = 2 * time.Second
	after  = 5 * time.Second
)

func (p *play) measure(r *Result, clients []*verify.Client) {
	of := func(targets ...schedule.Target) (list []timing.Incident) {
		for _, i := range p.incidents {
			if slices.Contains(targets, schedule.TargetOf(schedule.Kind(i.Kind))) {
				list = append(list, i)
			}
		}
		return list
	}
	outages, others := of(schedule.API), of(schedule.Instance, schedule.Redis, schedule.Link, schedule.Feed)
	apart := func(others []timing.Incident, kinds ...schedule.Kind) []timing.Incident {
		var list []timing.Incident
		for _, i := range p.incidents {
			if slices.Contains(kinds, schedule.Kind(i.Kind)) {
				list = append(list, i)
			}
		}
		return timing.Apart(list, others, before, after)
	}
	alone := func(kinds ...schedule.Kind) []timing.Incident { return apart(slices.Concat(others, outages), kinds...) }
	kills := alone(schedule.Kill, schedule.KillAfterAck, schedule.KillAfterCommit)
	back, abnormal := timing.Returns(clients, alone(schedule.Restart))
	holes, last := timing.Holes(clients, p.losses(alone(schedule.EntryLost)))
	r.Abnormal = abnormal
	r.Times = []Time{
		timed("kill to caught up", timing.CatchUp(clients, kills), 3*time.Second),
		timed("kill to stored, of what waited in the outbox", timing.Waited(clients, apart(others, schedule.Kill), outages), 10*time.Second),
		timed("planned close to greeted again", back, 2*time.Second),
		timed("two seconds away, spread: to all that was missed", timing.Returned(clients, alone(schedule.AwayEach), absence), time.Second),
		timed("two seconds away, at once: to all that was missed", timing.Returned(clients, alone(schedule.AwayAll), absence), 10*time.Second),
		timed("hole shown to filled", holes, 250*time.Millisecond),
		timed("last entry lost to found", last, 35*time.Second),
		timed("pub/sub connection cut to dialled again", p.noticed(alone(schedule.FeedCut)), 5*time.Second),
		timed("pub/sub connection silent to dialled again", p.noticed(alone(schedule.FeedSilent)), time.Minute),
	}
}

// away is when an instance may not have reached the log: Redis or the way to it was disturbed, or had just been.
func (p *play) away() (list []verify.Span) {
	const after = 10 * time.Second
	for _, i := range p.incidents {
		switch schedule.TargetOf(schedule.Kind(i.Kind)) {
		case schedule.Redis, schedule.Link, schedule.Feed:
			list = append(list, verify.Span{From: i.Began, To: i.Ended + after})
		}
	}
	return list
}

func (p *play) since(t time.Time) time.Duration {
	if t.IsZero() {
		return 0
	}
	return p.door.Now() - time.Since(t)
}

// losses lists the entries that the proxies did not pass on during some incidents.
func (p *play) losses(during []timing.Incident) (list []timing.Loss) {
	for n, x := range p.proxies() {
		for _, l := range x.Record().Lost {
			at := p.since(l.At)
			if !slices.ContainsFunc(during, func(i timing.Incident) bool { return i.Instance == n && at >= i.Began && at <= i.Ended }) {
				continue
			}
			chat, err := strconv.Atoi(strings.TrimPrefix(l.Chat, chatPrefix))
			if err != nil {
				continue // no chat of this run
			}
			list = append(list, timing.Loss{
				Instance: n, Chat: chat, Epoch: verify.EpochOf(l.Epoch), Offset: uint32(l.Offset), At: at, Shown: p.since(l.Shown),
			})
		}
	}
	return list
}

func (p *play) proxies() map[int]*redisproxy.Proxy {
	all := map[int]*redisproxy.Proxy{}
	for _, i := range p.world.Instances {
		if i.Proxy != nil {
			all[i.Number] = i.Proxy
		}
	}
	return all
}

// noticed tells how long instances took to dial their pub/sub connection again.
func (p *play) noticed(incidents []timing.Incident) (took timing.Spread) {
	proxies := p.proxies()
	for _, n := range slices.Sorted(maps.Keys(proxies)) {
		var from, followed []time.Duration
		for _, i := range incidents {
			if i.Instance == n {
				from = append(from, i.Began)
			}
		}
		for _, t := range proxies[n].Record().Feeds {
			followed = append(followed, p.since(t))
		}
		took = append(took, timing.Noticed(from, followed)...)
	}
	return took
}
