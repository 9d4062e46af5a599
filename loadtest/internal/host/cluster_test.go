package host

import (
	"fmt"
	"net/http"
	"os/exec"
	"testing"

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
