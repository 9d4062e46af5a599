package host

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/redis/rueidis"

	"eclipse/internal/fakeapi"
)

// API is a fake of the API that the router stores its messages through, in this process. It measures how long it
// takes itself, so that what a router adds can be told from it.
type API struct {
	URL string

	server *http.Server
	redis  rueidis.Client // nil = it publishes nothing
	mu     sync.Mutex
	took   *hdrhistogram.Histogram // µs per call that stores
}

// startAPI starts it. The old API publishes what it stores on Redis before it answers, where there is one.
func startAPI(latency time.Duration, old bool, secret, redis string) (*API, error) {
	a := &API{took: newTook()}
	o := fakeapi.Options{Secret: secret, Latency: latency, Forget: true}
	if old {
		o.Mode = fakeapi.Old
		if redis != "" {
			var err error
			if a.redis, err = dialRedis(redis); err != nil {
				return nil, err
			}
			o.Publish = a.publish
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting the fake API: %w", err)
	}
	a.URL = "http://" + l.Addr().String()
	handler := fakeapi.New(o)
	a.server = &http.Server{Handler: a.timed(handler), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = a.server.Serve(l) }() // returns when stop closes it
	return a, nil
}

// publishTime bounds one publish; as in the real API, one that fails is swallowed.
const publishTime = time.Second

func (a *API) publish(channel string, payload []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), publishTime)
	defer cancel()
	_ = a.redis.Do(ctx, a.redis.B().Publish().Channel(channel).Message(rueidis.BinaryString(payload)).Build()).Error()
}

func newTook() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, int64(time.Minute/time.Microsecond), 3)
}

func (a *API) timed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		next.ServeHTTP(w, r)
		if r.Method == http.MethodPost {
			a.mu.Lock()
			defer a.mu.Unlock()
			_ = a.took.RecordValue(min(time.Since(start).Microseconds()+1, a.took.HighestTrackableValue())) // in range
		}
	})
}

// Took returns how long the calls that store took since the last time that it was asked.
func (a *API) Took() *hdrhistogram.Histogram {
	a.mu.Lock()
	defer a.mu.Unlock()
	took := a.took
	a.took = newTook()
	return took
}

func (a *API) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if a.server.Shutdown(ctx) != nil {
		_ = a.server.Close()
	}
	if a.redis != nil {
		a.redis.Close()
	}
}
