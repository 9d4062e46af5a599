//go:build !linux

package gateway

// watcher watches nothing without epoll: each socket has a goroutine that parks for it.
type watcher struct{}

func newWatcher() *watcher { return new(watcher) }

func (*watcher) add(*socket) bool { return false }
func (*watcher) remove(*socket)   {}
func (*watcher) close()           {}
