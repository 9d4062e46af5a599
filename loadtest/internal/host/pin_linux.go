package host

import (
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// Pins says which processors the server gets and which everything else; the zero value leaves it to the kernel.
type Pins struct {
	on           bool
	server, load unix.CPUSet
}

// Pin gives the server the first processor that we may use and moves this process, and all that it starts from now
// on, to the others.
func Pin() (Pins, error) {
	p := Pins{on: true}
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return Pins{}, fmt.Errorf("reading the processors that we may use: %w", err)
	}
	if all.Count() < 2 {
		return Pins{}, fmt.Errorf("pinning needs two processors")
	}
	for cpu := 0; p.server.Count()+p.load.Count() < all.Count(); cpu++ {
		switch {
		case !all.IsSet(cpu):
		case p.server.Count() == 0:
			p.server.Set(cpu)
		default:
			p.load.Set(cpu)
		}
	}
	return p, p.moveAllThreads()
}

// moveAllThreads moves this process's threads; those that the runtime starts later inherit it.
func (p Pins) moveAllThreads() error {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return fmt.Errorf("pinning: %w", err)
	}
	for _, t := range tasks {
		tid, err := strconv.Atoi(t.Name())
		if err != nil {
			continue
		}
		if err := unix.SchedSetaffinity(tid, &p.load); err != nil && err != unix.ESRCH { // a thread that ended
			return fmt.Errorf("pinning: %w", err)
		}
	}
	runtime.GOMAXPROCS(p.load.Count())
	return nil
}

// onServer runs start on a thread that has the server's processors, which a process that it starts inherits.
func (p Pins) onServer(start func() error) error {
	if !p.on {
		return start()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.SchedSetaffinity(0, &p.server); err != nil {
		return fmt.Errorf("pinning the server: %w", err)
	}
	err := start()
	if back := unix.SchedSetaffinity(0, &p.load); err == nil && back != nil {
		return fmt.Errorf("pinning: %w", back)
	}
	return err
}
