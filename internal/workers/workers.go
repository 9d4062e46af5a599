// Package workers lends goroutines whose stacks have grown. A fresh goroutine begins with a small stack and copies it on its
// way down to a system call; one that is lent again has that behind it.
package workers

import (
	"sync"
	"sync/atomic"
)

// Pool has goroutines for jobs. Any number may be at work; of those without a job it keeps a few. Safe for concurrent use.
type Pool[Job any] struct {
	do   func(Job)
	keep int32
	jobs chan Job
	quit chan struct{}
	idle atomic.Int32
	end  sync.Once
}

// New makes a pool that keeps up to keep idle goroutines, and begins with none.
func New[Job any](keep int, do func(Job)) *Pool[Job] {
	return &Pool[Job]{do: do, keep: int32(keep), jobs: make(chan Job), quit: make(chan struct{})}
}

// Run does a job in a goroutine that is idle, or in a new one. It never waits.
func (p *Pool[Job]) Run(job Job) {
	select {
	case p.jobs <- job:
	default:
		go p.work(job)
	}
}

func (p *Pool[Job]) work(job Job) {
	for more := true; more; job, more = p.next() {
		p.do(job)
	}
}

func (p *Pool[Job]) next() (job Job, more bool) {
	defer p.idle.Add(-1)
	if p.idle.Add(1) > p.keep {
		return job, false
	}
	select {
	case job = <-p.jobs:
		return job, true
	case <-p.quit:
		return job, false
	}
}

// Close ends idle goroutines, and those at work after their job. It does not wait. A pool that is closed still does jobs.
func (p *Pool[Job]) Close() { p.end.Do(func() { close(p.quit) }) }
