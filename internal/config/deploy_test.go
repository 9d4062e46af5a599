package config

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// deployed reads a file of the deployment and finds one value in it by the group of a pattern.
type deployed struct {
	t    *testing.T
	name string
	text string
}

func open(t *testing.T, name string) deployed {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", name))
	if err != nil {
		t.Fatal(err)
	}
	return deployed{t, name, string(text)}
}

func (d deployed) find(pattern string) string {
	d.t.Helper()
	found := regexp.MustCompile(`(?m)` + pattern).FindStringSubmatch(d.text)
	if found == nil {
		d.t.Fatalf("%s has nothing like %s", d.name, pattern)
	}
	return found[1]
}

func (d deployed) number(pattern string) int {
	d.t.Helper()
	n, err := strconv.Atoi(d.find(pattern))
	if err != nil {
		d.t.Fatalf("%s: %v", d.name, err)
	}
	return n
}

// known fails on a variable that does not exist: a misspelt one would be ignored in silence.
func known(t *testing.T, where, name string) {
	t.Helper()
	for _, v := range Variables() {
		if v.Name == name {
			return
		}
	}
	t.Errorf("%s sets %s, which is no variable", where, name)
}

func TestFlyAgreesWithTheSettings(t *testing.T) {
	fly := open(t, "fly.toml")
	_, section, _ := strings.Cut(fly.text, "\n[env]\n")
	section, _, _ = strings.Cut(section, "\n[")
	environ := production("FLY_APP_NAME=chat")
	for _, pair := range regexp.MustCompile(`(?m)^\s*([A-Z_]+) = "(.*)"$`).FindAllStringSubmatch(section, -1) {
		known(t, "fly.toml", pair[1])
		environ = append(environ, pair[1]+"="+pair[2])
	}
	c := load(t, environ...)
	if w := c.Warnings(); len(w) != 0 {
		t.Errorf("the router would warn: %q", w)
	}
	kill, err := time.ParseDuration(fly.find(`^kill_timeout = "(.*)"`))
	if err != nil || kill < c.DrainTimeout+10*time.Second || kill > 300*time.Second {
		t.Errorf("kill_timeout %v leaves no room after a drain of %v, or is more than Fly allows", kill, c.DrainTimeout)
	}
	if fly.find(`^kill_signal = "(.*)"`) != "SIGTERM" {
		t.Error("the router drains on SIGTERM")
	}
	if port := fly.number(`internal_port = (\d+)`); port != c.Port {
		t.Errorf("internal_port %d, PORT %d", port, c.Port)
	}
	if port := fly.number(`\[metrics\]\s+port = (\d+)`); port != c.MetricsPort {
		t.Errorf("metrics port %d, METRICS_PORT %d", port, c.MetricsPort)
	}
	soft, hard := fly.number(`soft_limit = (\d+)`), fly.number(`hard_limit = (\d+)`)
	if soft >= hard || hard > c.MaxConnections {
		t.Errorf("limits do not rise: soft %d, hard %d, the router's own %d", soft, hard, c.MaxConnections)
	}
	if fly.find(`auto_stop_machines = "(.*)"`) != "off" || fly.find(`type = "(.*)"`) != "connections" {
		t.Error("a machine with sockets may be stopped, or is counted by requests")
	}
}

func TestImageAgreesWithTheSettings(t *testing.T) {
	image := open(t, "Dockerfile")
	var environ []string
	for pair := range strings.FieldsSeq(image.find(`^ENV (.*)$`)) {
		name, _, _ := strings.Cut(pair, "=")
		known(t, "Dockerfile", name)
		environ = append(environ, pair)
	}
	c := load(t, append(production(), environ...)...)
	ports := strings.Fields(image.find(`^EXPOSE (.*)$`))
	if len(ports) != 2 || ports[0] != strconv.Itoa(c.Port) || ports[1] != strconv.Itoa(c.MetricsPort) {
		t.Errorf("exposes %q, listens on %d and %d", ports, c.Port, c.MetricsPort)
	}
	if user := image.number(`^USER (\d+):\d+$`); user == 0 {
		t.Error("the image runs as root")
	}
	version := open(t, "go.mod").find(`^go (\d+\.\d+)`)
	if got := image.find(`^FROM golang:(\S+) AS`); got != version {
		t.Errorf("built with Go %s, go.mod says %s", got, version)
	}
}
