package actors

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
)

// letter is a message that an actor passes on to two others.
type letter struct {
	sender, number int // sender < 0 = another actor
	passes         int // how often it is still passed on
}

// passer is an actor that takes letters along, passes them on and panics now and then.
type passer struct {
	mailbox mailbox
	all     []*passer
	running atomic.Int32
	next    map[int]int // the next letter's number, by sender
	handled *atomic.Int64
	faults  *atomic.Int64
}

func (p *passer) InvokeSystemMessage(any) {}

// EscalateFailure does as the library and our strategy do: the actor is suspended, and resumed from elsewhere.
func (p *passer) EscalateFailure(any, any) {
	p.mailbox.PostSystemMessage(&actor.SuspendMailbox{})
	go p.mailbox.PostSystemMessage(&actor.ResumeMailbox{})
}

func (p *passer) InvokeUserMessage(message any) {
	if p.running.Add(1) != 1 {
		p.faults.Add(1)
	}
	defer p.running.Add(-1)
	for l, more := message.(*letter), true; more; l, more = another[*letter](&p.mailbox) {
		p.handle(l)
	}
	if rand.IntN(500) == 0 {
		panic("a bug")
	}
}

func (p *passer) handle(l *letter) {
	p.handled.Add(1)
	if l.sender >= 0 {
		if p.next[l.sender] != l.number {
			p.faults.Add(1)
		}
		p.next[l.sender]++
	}
	for range 2 * min(l.passes, 1) {
		p.all[rand.IntN(len(p.all))].mailbox.post(&letter{sender: -1, passes: l.passes - 1}, p.mailbox.runner)
	}
}

// Whoever posts, from a runner or not, and whoever panics: each message is handled once, one at a time, in its sender's order.
func TestMailboxesLoseAndSwapNothing(t *testing.T) {
	rs := newRunners()
	t.Cleanup(rs.close)
	const senders, each, passes = 6, 2000, 3
	var handled, faults atomic.Int64
	all := make([]*passer, 40)
	for i := range all {
		all[i] = &passer{mailbox: mailbox{runners: rs}, all: all, next: map[int]int{}, handled: &handled, faults: &faults}
		all[i].mailbox.RegisterHandlers(all[i], nil)
	}
	var posting sync.WaitGroup
	for s := range senders {
		posting.Go(func() {
			numbers := make([]int, len(all))
			for range each {
				to := rand.IntN(len(all))
				all[to].mailbox.PostUserMessage(&letter{s, numbers[to], passes})
				numbers[to]++
			}
		})
	}
	posting.Wait()
	eventually(t, "all are handled", func() bool { return handled.Load() == senders*each*(1<<(passes+1)-1) })
	if faults.Load() > 0 {
		t.Errorf("%d were swapped, or handled at once", faults.Load())
	}
}
