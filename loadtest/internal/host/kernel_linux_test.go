package host

import "testing"

func TestKernelMemoryOfSockets(t *testing.T) {
	if n := parseSockstat("sockets: used 331\nTCP: inuse 303 orphan 0 tw 843 alloc 311 mem 83\nUDP: inuse 0 mem 7\n"); n != 83 {
		t.Errorf("%d pages", n)
	}
	slabs := "slabinfo - version: 2.1\n# name            <active_objs> <num_objs> <objsize>\n" +
		"TCP 10 20 2368 13 8\nfilp 1 2 192 21 1\ndentry 280922 285285 192 21 1\n"
	if n := parseSlabs(slabs); n != 10*2368+1*192 {
		t.Errorf("%d bytes", n)
	}
	if n := parseObjects(slabs); n != 2368+192+192 {
		t.Errorf("%d bytes for one", n)
	}
	if KernelMemory() <= 0 {
		t.Error("nothing is known here")
	}
}
