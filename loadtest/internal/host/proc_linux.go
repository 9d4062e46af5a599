package host

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// ticksPerSecond is the kernel's USER_HZ, 100 on every Linux that Go runs on.
const ticksPerSecond = 100

// process reads a process of this machine.
func process(pid int) Meter {
	dir := "/proc/" + strconv.Itoa(pid)
	return func(context.Context) (Usage, error) {
		stat, err := os.ReadFile(dir + "/stat")
		if err != nil {
			return Usage{}, fmt.Errorf("reading what the server uses: %w", err)
		}
		u := Usage{At: time.Now()}
		if u.CPU, err = parseStat(stat); err != nil {
			return u, err
		}
		// The kernel's own running count of resident pages may be off by some per thread; this one is exact.
		if exact, err := os.ReadFile(dir + "/smaps_rollup"); err == nil {
			u.RSS, err = parseKB(exact, "Rss:")
			return u, err
		}
		status, err := os.ReadFile(dir + "/status")
		if err != nil {
			return u, fmt.Errorf("reading what the server uses: %w", err)
		}
		u.RSS, err = parseKB(status, "VmRSS:")
		return u, err
	}
}

// parseStat reads utime and stime, fields 14 and 15; the name in field 2 may hold anything, even ") ".
func parseStat(stat []byte) (time.Duration, error) {
	_, rest, ok := bytes.Cut(stat, []byte("("))
	if end := bytes.LastIndexByte(rest, ')'); ok && end >= 0 {
		if fields := strings.Fields(string(rest[end+1:])); len(fields) > 12 {
			user, err1 := strconv.ParseInt(fields[11], 10, 64)
			system, err2 := strconv.ParseInt(fields[12], 10, 64)
			if err1 == nil && err2 == nil {
				return time.Duration(user+system) * time.Second / ticksPerSecond, nil
			}
		}
	}
	return 0, fmt.Errorf("a /proc stat line of another form")
}

func parseKB(p []byte, name string) (int64, error) {
	for line := range strings.Lines(string(p)) {
		if rest, found := strings.CutPrefix(line, name); found {
			kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("no %s in /proc", name)
}
