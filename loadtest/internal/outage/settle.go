package outage

import (
	"maps"

	"eclipse/internal/fakeapi"
	"eclipse/loadtest/internal/check"
	"eclipse/loadtest/internal/frames"
	"eclipse/loadtest/internal/report"
	"eclipse/loadtest/internal/work"
)

// settle adds everything up once nobody sends or receives any more.
func (r *run) settle(all []phase, result *report.Result) {
	rows := rowsOf(r.cluster.Stored.Rows(), r.id)
	var v check.Verdict
	for _, c := range r.chats {
		v.Add(c.judge.Verdict())
		result.Unacked += c.lose()
		result.Outage.Unstored += c.unstored(rows)
	}
	for _, n := range rows {
		result.Outage.StoredTwice += n - 1
	}
	result.Verdict, result.Errors, result.Closes = v, r.faults, r.ends
	r.ledger.fill(all[:len(result.Outage.Phases)], result.Outage)
}

// rowsOf counts how often the API has stored each message of a run.
func rowsOf(rows []fakeapi.Row, id uint64) map[frames.Tag]int64 {
	stored := map[frames.Tag]int64{}
	for _, row := range rows {
		if tag, ok := frames.ParseTag([]byte(row.Content)); ok && tag.Run == id {
			stored[tag]++
		}
	}
	return stored
}

func (c *chat) underway() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.letters {
		if len(c.letters[i].list) > 0 {
			return true
		}
	}
	return false
}

// lose enters what did not come, and returns the messages that were neither stored nor refused by what their sender heard.
func (c *chat) lose() (unacked int64) {
	for i := range c.letters {
		for _, l := range c.letters[i].list {
			if l.left > 0 {
				c.run.ledger.lose(c.group, l.stamp, l.left)
			}
			if l.unstored {
				unacked++
			}
		}
	}
	return unacked
}

// unstored counts the messages that were not refused and that the API does not have.
func (c *chat) unstored(rows map[frames.Tag]int64) (n int64) {
	if c.group.types() {
		return 0
	}
	for s := range c.letters {
		for seq := uint32(1); seq <= c.judge.Sent(s); seq++ {
			tag := frames.Tag{Run: c.run.id, Chat: c.number, Sender: s, Seq: seq}
			if rows[tag] == 0 && !c.judge.Refused(s, seq) {
				n++
			}
		}
	}
	return n
}

// fill writes the accounts of the phases; the first one is what the others are compared with.
func (l *ledger) fill(all []phase, o *report.Outage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, p := range all {
		a, came := &l.accounts[i], &o.Phases[i]
		came.Refused, came.NotRetryable, came.Accepted, came.Duplicated = maps.Clone(a.refused), a.final, a.accepted, a.duplicated
		whole := total(*a, func(group) bool { return true })
		came.Sent, came.Lost = whole.sent, whole.lost
		came.LagMs = report.Summarize(a.lag)
		came.Messages = l.untouched(i, func(g group) bool { return p.untouched(g) && !g.types() })
		came.Typing = l.untouched(i, func(g group) bool { return p.untouched(g) && g.types() })
	}
}

// untouched adds up some groups of a phase, nil without any. The ratio is to the same groups of the first phase.
func (l *ledger) untouched(phase int, of func(group) bool) *report.Untouched {
	sum, base := total(l.accounts[phase], of), total(l.accounts[0], of)
	if sum.sent == 0 {
		return nil
	}
	u := &report.Untouched{Sent: sum.sent, Lost: sum.lost, Refused: sum.refused, LatencyMs: report.Summarize(sum.latency)}
	if b := report.Summarize(base.latency); u.LatencyMs.HasP99() && b.HasP99() && phase > 0 {
		ratio := u.LatencyMs.P99 / b.P99
		u.P99Ratio = &ratio
	}
	return u
}

func total(a account, of func(group) bool) tally {
	sum := tally{latency: work.NewHistogram()}
	for g, t := range a.groups {
		if of(g) {
			sum.sent += t.sent
			sum.refused += t.refused
			sum.lost += t.lost
			sum.latency.Merge(t.latency)
		}
	}
	return sum
}
