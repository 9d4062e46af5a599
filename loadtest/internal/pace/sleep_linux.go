package pace

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Sleeper sleeps to within about 0.1 ms, where the runtime's timers may be 1 ms late since an idle scheduler waits in
// whole milliseconds. It waits on a kernel timer as on a socket and so holds no thread. Not for concurrent use.
type Sleeper struct{ timer *os.File }

// NewSleeper makes a Sleeper; without a kernel timer it sleeps as time.Sleep does.
func NewSleeper() *Sleeper {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return &Sleeper{}
	}
	return &Sleeper{timer: os.NewFile(uintptr(fd), "timer")}
}

// Sleep sleeps for d, or somewhat less when the timer fails: callers look at the clock.
func (s *Sleeper) Sleep(d time.Duration) {
	if s.timer == nil || d <= 0 {
		time.Sleep(d)
		return
	}
	raw, err := s.timer.SyscallConn()
	if err != nil {
		time.Sleep(d)
		return
	}
	var set error
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(d.Nanoseconds())}
	if err := raw.Control(func(fd uintptr) { set = unix.TimerfdSettime(int(fd), 0, &spec, nil) }); err != nil || set != nil {
		time.Sleep(d)
		return
	}
	var fired [8]byte
	_, _ = s.timer.Read(fired[:])
}

// Close frees the kernel timer.
func (s *Sleeper) Close() {
	if s.timer != nil {
		_ = s.timer.Close()
	}
}
