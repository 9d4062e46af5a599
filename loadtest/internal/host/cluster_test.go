package host

import (
	"fmt"
	"net/http"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"eclipse/internal/fakeapi"
)

func TestRedisComesBackWithItsData(t *testing.T) {
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("no redis-server here")
	}
	ports, err := freePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	c := &Cluster{redisPort: ports[0], dir: t.TempDir()}
	defer c.Stop()
	if err := c.startRedis(t.Context()); err != nil {
		t.Fatal(err)
	}
	do := func(words ...string) string {
		t.Helper()
		o := rueidis.ClientOption{InitAddress: []string{fmt.Sprintf("127.0.0.1:%d", c.redisPort)}, DisableCache: true, ForceSingleClient: true}
		client, err := rueidis.NewClient(o)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		answer, err := client.Do(t.Context(), client.B().Arbitrary(words...).Build()).ToString()
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	do("SET", "key", "value")
	before := c.redis.cmd.Process.Pid
	if err := c.RestartRedis(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := do("GET", "key"); got != "value" || c.redis.cmd.Process.Pid == before {
		t.Errorf("%q after a restart", got)
	}
}

func TestAKilledRouterKeepsItsProcessorTime(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	c := &Cluster{}
	for i := range c.routers {
		var err error
		if c.routers[i], err = start("a stand-in", exec.Command("sleep", "600"), nil); err != nil {
			t.Fatal(err)
		}
		defer c.KillRouter(i)
	}
	both, err := c.Usage(t.Context())
	if err != nil || both.RSS == 0 {
		t.Fatalf("%+v, %v", both, err)
	}
	c.used[0] = time.Second
	c.KillRouter(0)
	one, err := c.Usage(t.Context())
	if err != nil || one.RSS == 0 || one.RSS >= both.RSS || one.CPU < time.Second {
		t.Errorf("%+v after %+v, %v", one, both, err)
	}
}

func TestTheAPIComesBackWhereItWas(t *testing.T) {
	api, err := fakeapi.Start(fakeapi.Options{Secret: "s"})
	if err != nil {
		t.Fatal(err)
	}
	c := &Cluster{api: api, Stored: api.API}
	defer c.Stop()
	a := &API{URL: api.URL}
	if status := post(t, a, singleRoute, single); status != http.StatusOK {
		t.Errorf("at first: %d", status)
	}
	c.StopAPI()
	if answer, err := http.Post(api.URL+singleRoute, "application/json", nil); err == nil {
		_ = answer.Body.Close()
		t.Error("it still answers")
	}
	if err := c.StartAPI(); err != nil {
		t.Fatal(err)
	}
	if status := post(t, a, singleRoute, single); status != http.StatusOK || len(c.Stored.Rows()) != 2 {
		t.Errorf("afterwards: %d, %d rows", status, len(c.Stored.Rows()))
	}
}
