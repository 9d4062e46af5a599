package metrics

import (
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// use touches every method and field once, with values inside and outside of their tables.
func use(m *Metrics) {
	m.FrameIn(1, false)
	m.FrameIn(1, true)
	m.FrameIn(KindInvalid, true)
	m.FrameIn(255, true)
	m.FrameOut(0, 3)
	m.FrameOut(255, 1)
	m.Drop(DropOwnEcho)
	m.DropN(DropSlowReaderClosed, 7)
	m.Drop(255)
	m.Refuse("BAD_FRAME")
	m.Refuse("no such code")
	m.Close(4009)
	m.Close(-7)
	m.Upgrade(UpgradeLimitUser)
	m.BadToken(TokenExpired)
	m.Panic(ActorChat)
	m.APICall(RouteSingle, 3, 20*time.Millisecond)
	m.APICall(255, 255, time.Second)
	m.APIRetry(2, 5)
	m.Append(AppendRepeat)
	m.RedisUp(LinkPubSub, true)
	m.RedisUp(255, true)
	m.Version("v1.2.3")
	m.DeliveryLatency.Observe(.0031)
	m.QueueBytes.Add(512)
}

func TestWhatIsRecordedIsServed(t *testing.T) {
	m := New()
	use(m)
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	body, _ := io.ReadAll(answer.Result().Body)
	for _, line := range []string{
		`eclipse_frames_in_total{outcome="accepted",type="message"} 1`,
		`eclipse_frames_in_total{outcome="refused",type="message"} 1`,
		`eclipse_frames_in_total{outcome="refused",type="invalid"} 1`,
		`eclipse_frames_in_total{outcome="refused",type="other"} 1`,
		`eclipse_frames_out_total{class="sequenced"} 3`,
		`eclipse_frames_out_total{class="other"} 1`,
		`eclipse_drops_total{reason="own_echo"} 1`,
		`eclipse_drops_total{reason="slow_reader_closed"} 7`,
		`eclipse_drops_total{reason="other"} 1`,
		`eclipse_drops_total{reason="dead_letter"} 0`,
		`eclipse_refusals_total{code="BAD_FRAME"} 1`,
		`eclipse_refusals_total{code="other"} 1`,
		`eclipse_closes_total{code="4009"} 1`,
		`eclipse_closes_total{code="other"} 1`,
		`eclipse_upgrades_total{outcome="limit_user"} 1`,
		`eclipse_bad_tokens_total{reason="expired"} 1`,
		`eclipse_panics_total{actor="chat"} 1`,
		`eclipse_api_calls_total{outcome="ambiguous",route="single"} 1`,
		`eclipse_api_calls_total{outcome="other",route="other"} 1`,
		`eclipse_api_latency_seconds_bucket{route="single",le="0.01"} 0`,
		`eclipse_api_latency_seconds_bucket{route="single",le="0.025"} 1`,
		`eclipse_api_retries_total{reason="retry"} 5`,
		`eclipse_log_appends_total{outcome="repeat"} 1`,
		`eclipse_redis_up{link="pubsub"} 1`,
		`eclipse_redis_up{link="commands"} 0`,
		`eclipse_build_info{version="v1.2.3"} 1`,
		`eclipse_delivery_latency_seconds_bucket{le="0.005"} 1`,
		`eclipse_queue_bytes 512`,
	} {
		if !strings.Contains(string(body), line+"\n") {
			t.Errorf("missing: %s", line)
		}
	}
	for _, name := range []string{"go_goroutines ", "go_build_info{", "process_cpu_seconds_total "} {
		if !strings.Contains(string(body), "\n"+name) {
			t.Errorf("no %s among the metrics", name)
		}
	}
}

func TestVersionHasOneSeries(t *testing.T) {
	m := New()
	m.Version("v1")
	m.Version("v2")
	if n := testutil.CollectAndCount(m.build); n != 1 {
		t.Fatalf("%d versions run at once", n)
	}
}

func TestNamesAndHelp(t *testing.T) {
	m := New()
	use(m)
	problems, err := testutil.GatherAndLint(m.registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		own := strings.HasPrefix(f.GetName(), namespace+"_")
		runtime := strings.HasPrefix(f.GetName(), "go_") || strings.HasPrefix(f.GetName(), "process_")
		if !own && !runtime {
			t.Errorf("%s is outside of the namespace", f.GetName())
		}
	}
}

func TestTablesAreWhole(t *testing.T) {
	for table, names := range map[string][]string{
		"kinds": kindNames, "classes": classNames, "outcomes": outcomeNames, "codes": codeNames, "drops": dropNames,
		"upgrades": upgradeNames, "tokens": tokenFaultNames, "routes": routeNames, "appends": appendNames,
		"links": linkNames, "actors": actorNames,
	} {
		seen := map[string]bool{}
		for i, name := range names {
			if name == "" || name == other || seen[name] {
				t.Errorf("%s: entry %d is %q: empty, reserved or there before", table, i, name)
			}
			seen[name] = true
		}
	}
	if kindNames[KindInvalid] != "invalid" || len(kindNames) != int(KindInvalid)+1 {
		t.Error("KindInvalid is not the last kind")
	}
	if len(dropNames) != int(DropDeadLetter)+1 {
		t.Error("a reason to drop has no name")
	}
}

func TestMessagePathDoesNotAllocate(t *testing.T) {
	m := New()
	if n := testing.AllocsPerRun(1000, func() {
		m.FrameIn(1, false)
		m.FrameOut(0, 2)
		m.Drop(DropOwnEcho)
		m.Refuse("RATE_LIMITED")
		m.Refuse("unheard of")
		m.Close(1000)
		m.Append(AppendNew)
		m.APICall(RouteBatch, 0, time.Millisecond)
		m.Deliveries.Add(2)
		m.DeliveryLatency.Observe(.002)
		m.QueueBytes.Add(300)
		m.Connections.Inc()
	}); n != 0 {
		t.Fatalf("%v allocations for one message", n)
	}
}

func TestTwoRoutersInOneProcess(t *testing.T) {
	a, b := New(), New()
	a.Connections.Inc()
	if got := testutil.ToFloat64(b.Connections); got != 0 {
		t.Fatalf("the other router counts %v sockets", got)
	}
}

func BenchmarkMessage(b *testing.B) {
	m := New()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			m.FrameIn(1, false)
			m.FrameOut(0, 2)
			m.Deliveries.Add(2)
			m.DeliveryLatency.Observe(.002)
			m.QueueBytes.Add(300)
		}
	})
}
