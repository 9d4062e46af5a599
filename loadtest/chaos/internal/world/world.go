package world

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"eclipse/internal/fakeapi"
	"eclipse/loadtest/chaos/internal/redisproxy"
)

// Options of a world.
type Options struct {
	Router      string // path of the binary
	Dir         string // for data and what processes print
	Instances   int
	Old         bool // the API is the old one
	History     bool // it has the history route nevertheless
	Redis       bool
	TokenSecret string
	Volume      bool     // each instance has its data on a small file system of its own, where that is possible
	Env         []string // further settings of the instances, KEY=value
}

// World holds everything that was started.
type World struct {
	API       *fakeapi.API
	Redis     *Redis // nil = none
	Instances []*Instance

	options   Options
	dir       string
	apiSecret string
}

// New starts a world.
func New(ctx context.Context, o Options) (*World, error) {
	w := &World{options: o, dir: o.Dir, apiSecret: Secret()}
	if err := w.start(ctx); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

func (w *World) start(ctx context.Context) error {
	api := fakeapi.Options{Secret: w.apiSecret, History: w.options.History}
	if w.options.Old {
		api.Mode = fakeapi.Old
	}
	if w.options.Redis {
		var err error
		if w.Redis, err = startRedis(ctx, w.dir); err != nil {
			return err
		}
		api.Publish = w.Redis.publish
	}
	w.API = fakeapi.New(api)
	for n := range w.options.Instances {
		if err := w.startInstance(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

func (w *World) startInstance(ctx context.Context, n int) error {
	i := &Instance{Number: n, world: w, dir: filepath.Join(w.dir, fmt.Sprintf("data-%d", n))}
	if err := os.MkdirAll(i.dir, 0o755); err != nil {
		return err
	}
	w.Instances = append(w.Instances, i)
	if w.options.Volume {
		_ = i.mount(ctx) // Volume tells
	}
	var err error
	if i.front, err = newFront(w.API); err != nil {
		return err
	}
	if w.Redis != nil {
		if i.Proxy, err = redisproxy.Listen(w.Redis.Address); err != nil {
			return err
		}
	}
	return i.Start(ctx)
}

// APIDown takes the API away, or brings it back.
func (w *World) APIDown(down bool) error {
	for _, i := range w.Instances {
		if down {
			i.front.close()
		} else if err := i.front.listen(); err != nil {
			return err
		}
	}
	return nil
}

// Close ends everything at once.
func (w *World) Close() {
	for _, i := range w.Instances {
		if p := i.process(); p != nil {
			p.kill()
		}
		if i.front != nil {
			i.front.close()
		}
		if i.Proxy != nil {
			i.Proxy.Close()
		}
		i.unmount()
	}
	if w.Redis != nil {
		w.Redis.close()
	}
}

// Secret is 32 random bytes in hexadecimal.
func Secret() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func page(ctx context.Context, url string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	answer, err := pages.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	return io.ReadAll(answer.Body)
}
