package host

import (
	"maps"
	"testing"
)

func TestCommandStatistics(t *testing.T) {
	got := parseCommandStats("# Commandstats\r\ncmdstat_xadd:calls=3,usec=7,usec_per_call=2.33\r\ncmdstat_info:calls=9,usec=1\r\ncmdstat_client|setinfo:calls=2,usec=1\r\n")
	if want := map[string]int64{"xadd": 3, "client|setinfo": 2}; !maps.Equal(got, want) {
		t.Errorf("%v", got)
	}
}
