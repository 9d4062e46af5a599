package gateway

import (
	"context"
	"math"
	"net/http"
	"runtime/metrics"
	"sync"
	"time"

	"eclipse/actors"
)

const (
	statusTimeout = 2 * time.Second        // for the router's answer
	statusAge     = 250 * time.Millisecond // a status this young is told again, so that nobody can make the router busy
)

// health serves the status page. It never fails: a degraded instance answers 200 and says so.
type health struct {
	router  actors.GatewayRouter
	started time.Time

	mu     sync.Mutex
	at     time.Time
	status actors.Status
}

func newHealth(r actors.GatewayRouter) *health { return &health{router: r, started: time.Now()} }

type healthPage struct {
	Status      string            `json:"status"`
	Uptime      float64           `json:"uptime"` // seconds
	Connections healthConnections `json:"connections"`
	Memory      healthMemory      `json:"memory"`
	Timestamp   string            `json:"timestamp"`
}

type healthConnections struct {
	Total  int          `json:"total"`
	ByChat []healthChat `json:"byChat"`
}

type healthChat struct {
	ChatID string `json:"chatId"`
	Count  int    `json:"count"`
}

// healthMemory is in MiB: live and dead heap objects, and what the process has of the system.
type healthMemory struct {
	Used       int `json:"used"`
	Total      int `json:"total"`
	Percentage int `json:"percentage"`
}

func (h *health) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	writeJSON(w, http.StatusOK, h.page(r.Context()))
}

func (h *health) page(ctx context.Context) healthPage {
	st := h.current(ctx)
	p := healthPage{
		Status:      "healthy",
		Uptime:      math.Round(time.Since(h.started).Seconds()*1000) / 1000,
		Connections: healthConnections{Total: st.Connections, ByChat: make([]healthChat, 0, len(st.Chats))},
		Memory:      readMemory(),
		Timestamp:   time.Now().UTC().Format("2006-01-02T15:04:05.000Z"),
	}
	if len(st.Degraded) > 0 {
		p.Status = "degraded"
	}
	for _, c := range st.Chats {
		p.Connections.ByChat = append(p.Connections.ByChat, healthChat{shortID(c.ChatID) + "...", c.Count})
	}
	return p
}

func (h *health) current(ctx context.Context) actors.Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Since(h.at) > statusAge {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), statusTimeout)
		defer cancel()
		h.status = h.router.Status(ctx)
		h.at = time.Now()
	}
	return h.status
}

func readMemory() healthMemory {
	samples := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
	}
	metrics.Read(samples)
	used := samples[0].Value.Uint64()
	total := samples[1].Value.Uint64() - samples[2].Value.Uint64()
	const mib = 1 << 20
	return healthMemory{
		Used:       int(math.Round(float64(used) / mib)),
		Total:      int(math.Round(float64(total) / mib)),
		Percentage: int(math.Round(100 * float64(used) / float64(total))),
	}
}

// routes is everything that is no socket.
func (s *Server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("GET /health", s.health)
	mux.HandleFunc("GET /ready", s.ready)
	if s.opts.Demo != nil {
		mux.Handle("GET /{$}", s.opts.Demo)
	} else {
		mux.Handle("GET /{$}", s.health)
	}
	for pattern, h := range s.opts.Handlers {
		mux.Handle(pattern, h)
	}
	if s.opts.Fallback != nil {
		mux.Handle("/", s.opts.Fallback)
	} else {
		mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { writeError(w, http.StatusNotFound, "Not found") })
	}
	return mux
}

// ready tells a load balancer whether to send visitors. An outage of Redis or the API does not make an instance unready: the others
// would have it as well, and sockets that are open are better off where they are.
func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	if s.draining.Load() {
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "draining"})
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"status": "ready"})
}
