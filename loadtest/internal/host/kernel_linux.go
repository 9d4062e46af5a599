package host

import (
	"os"
	"slices"
	"strconv"
	"strings"
)

// socketSlabs are the kernel's own kinds of objects that sockets consist of.
var socketSlabs = map[string]bool{
	"TCP": true, "TCPv6": true, "sock_inode_cache": true, "filp": true, "eventpoll_epi": true, "ep_head": true,
	"tcp_bind_bucket": true, "tcp_bind2_bucket": true, "request_sock_TCP": true, "skbuff_head_cache": true, "skbuff_small_head": true,
	"skbuff_fclone_cache": true,
}

// KernelMemory is what the kernel of this machine holds for sockets now, in bytes, all processes together: their buffers
// and their objects. Where the kinds of objects cannot be read (that takes root), all objects of the kernel count. 0: unknown.
func KernelMemory() int64 {
	sockstat, err := os.ReadFile("/proc/net/sockstat")
	if err != nil {
		return 0
	}
	buffers := parseSockstat(string(sockstat)) * int64(os.Getpagesize())
	if slabs, err := os.ReadFile("/proc/slabinfo"); err == nil {
		return buffers + parseSlabs(string(slabs))
	}
	meminfo, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	all, err := parseKB(meminfo, "Slab:")
	if err != nil {
		return 0
	}
	return buffers + all
}

// perSocket are the objects of which every open socket that is watched by epoll has one.
var perSocket = []string{"TCP", "sock_inode_cache", "filp", "dentry", "eventpoll_epi"}

// SocketObjects is what the objects of one open socket take in this kernel, in bytes. Buffers are not in it: those of a
// socket that says nothing are empty. 0: unknown.
func SocketObjects() int64 {
	slabs, err := os.ReadFile("/proc/slabinfo")
	if err != nil {
		return 0
	}
	return parseObjects(string(slabs))
}

func parseObjects(text string) (sum int64) {
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) > 3 && slices.Contains(perSocket, fields[0]) {
			size, _ := strconv.ParseInt(fields[3], 10, 64)
			sum += size
		}
	}
	return sum
}

// parseSockstat reads the pages of TCP's buffers: TCP: inuse 3 orphan 0 tw 0 alloc 4 mem 5
func parseSockstat(text string) int64 {
	for line := range strings.Lines(text) {
		if rest, found := strings.CutPrefix(line, "TCP:"); found {
			_, pages, _ := strings.Cut(rest, " mem ")
			n, _ := strconv.ParseInt(strings.TrimSpace(pages), 10, 64)
			return n
		}
	}
	return 0
}

// parseSlabs adds up the memory of the objects of sockets that are in use: name, objects in use, objects there are, bytes
// of each … Free ones are not counted: they may be left from sockets of before.
func parseSlabs(text string) (sum int64) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !socketSlabs[fields[0]] {
			continue
		}
		objects, err1 := strconv.ParseInt(fields[1], 10, 64)
		size, err2 := strconv.ParseInt(fields[3], 10, 64)
		if err1 == nil && err2 == nil {
			sum += objects * size
		}
	}
	return sum
}
