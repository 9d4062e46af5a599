package gateway

import (
	"os"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// watcher waits for what arrives at sockets that rest, in one goroutine for all of them: an epoll instance of our own, which itself
// waits in the runtime's poller, so that no thread blocks either.
//
// Events are edge-triggered: a socket is registered once and never again, and whoever reads it reads until nothing is left. An
// event carries the descriptor and a serial number, since a closed descriptor may be another socket's when the event is looked at.
type watcher struct {
	stopped chan struct{}
	events  [128]unix.EpollEvent // the loop's

	mu      sync.Mutex
	closed  bool
	file    *os.File // the epoll instance, nil before the first socket; not changed afterwards
	raw     syscall.RawConn
	sockets []watched // by descriptor
	serial  int32
}

type watched struct {
	sock   *socket
	serial int32
}

const (
	watchedEvents = unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET // errors come without being asked for
	lastEvents    = unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR
)

func newWatcher() *watcher { return &watcher{stopped: make(chan struct{})} }

// start makes the epoll instance for the first socket; false where the system has no descriptor left for it, or after close.
func (w *watcher) start() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.file != nil || w.closed {
		return !w.closed
	}
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return false
	}
	_ = unix.SetNonblock(fd, true) // or os.NewFile would not use the runtime's poller
	file := os.NewFile(uintptr(fd), "epoll")
	raw, err := file.SyscallConn()
	if err != nil {
		_ = file.Close()
		return false
	}
	w.file, w.raw = file, raw
	go w.run()
	return true
}

// close stops watching and waits for the loop. Sockets that rest are no longer woken by what arrives, only by being closed.
func (w *watcher) close() {
	w.mu.Lock()
	w.closed = true
	file := w.file
	w.mu.Unlock()
	if file != nil {
		_ = file.Close()
		<-w.stopped
	}
}

func (w *watcher) run() {
	defer close(w.stopped)
	_ = w.raw.Read(w.collect) // ends with close
}

// collect handles every event that is there. It returns false, so that the runtime's poller waits for more.
func (w *watcher) collect(fd uintptr) bool {
	for {
		n, err := unix.EpollWait(int(fd), w.events[:], 0)
		if err == unix.EINTR {
			continue
		}
		for i := range max(n, 0) {
			w.handle(w.events[i], i == n-1)
		}
		if n < len(w.events) {
			return false
		}
	}
}

func (w *watcher) handle(e unix.EpollEvent, last bool) {
	s := w.find(e)
	if s == nil {
		return
	}
	if s.awake(e.Events&lastEvents != 0) && !last {
		runtime.Gosched() // lets the worker finish and take the next socket too; without this each event of many would make a worker
	}
}

func (w *watcher) find(e unix.EpollEvent) *socket {
	w.mu.Lock()
	defer w.mu.Unlock()
	if int(e.Fd) < len(w.sockets) && w.sockets[e.Fd].serial == e.Pad {
		return w.sockets[e.Fd].sock
	}
	return nil
}

// add begins to watch a socket; false where that is impossible. What has arrived already makes an event too.
func (w *watcher) add(s *socket) (added bool) {
	if s.transport.raw == nil || !w.start() {
		return false
	}
	_ = s.transport.raw.Control(func(fd uintptr) { // fails when the socket is closed
		e := w.enter(s, int32(fd))
		_ = w.raw.Control(func(epoll uintptr) { // fails when the watcher is closed
			added = unix.EpollCtl(int(epoll), unix.EPOLL_CTL_ADD, int(fd), &e) == nil
		})
	})
	if !added {
		w.remove(s)
	}
	return added
}

func (w *watcher) enter(s *socket, fd int32) unix.EpollEvent {
	w.mu.Lock()
	defer w.mu.Unlock()
	if more := int(fd) + 1 - len(w.sockets); more > 0 {
		w.sockets = append(w.sockets, make([]watched, more)...)
	}
	w.serial++
	w.sockets[fd] = watched{s, w.serial}
	s.descriptor = fd
	return unix.EpollEvent{Events: watchedEvents, Fd: fd, Pad: w.serial}
}

// remove forgets a socket. Closing its descriptor, before or after, is what ends its events. Idempotent.
func (w *watcher) remove(s *socket) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if fd := int(s.descriptor); fd < len(w.sockets) && w.sockets[fd].sock == s {
		w.sockets[fd] = watched{}
	}
}
