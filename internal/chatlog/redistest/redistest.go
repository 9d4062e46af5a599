// Package redistest runs a real redis-server for tests: on a free local port, in a directory of its own, and unless its
// arguments ask for it without persistence, so that a restart loses everything. The server can be killed, restarted,
// paused and wiped.
//
// It is for tests only. Every method fails the test when the server does not do what was asked; none skips. Methods
// block until the server has done it, ten seconds at most.
package redistest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const patience = 10 * time.Second

// Server is one redis-server. Its methods are not safe for concurrent use.
type Server struct {
	t    testing.TB
	dir  string
	args []string
	addr string
	proc *exec.Cmd
	out  bytes.Buffer
}

// Start runs a server until the test ends. Further arguments are given to redis-server, such as "--maxmemory", "8mb".
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	s := &Server{t: t, dir: t.TempDir(), args: args}
	t.Cleanup(s.Kill)
	var err error
	for range 5 { // another process may take the free port first
		s.addr = freeAddr(t)
		if err = s.run(); err == nil {
			return s
		}
	}
	t.Fatalf("redistest: %v", err)
	return nil
}

func freeAddr(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("redistest: no free port: %v", err)
	}
	defer l.Close()
	return l.Addr().String()
}

// run starts the process and waits until it answers.
func (s *Server) run() error {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return errors.New("redis-server is not installed; these tests need it (Debian: apt-get install redis-server)")
	}
	_, port, _ := net.SplitHostPort(s.addr)
	args := []string{"--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", s.dir}
	s.out.Reset()
	s.proc = exec.Command(path, append(args, s.args...)...)
	s.proc.Stdout, s.proc.Stderr = &s.out, &s.out
	if err := s.proc.Start(); err != nil {
		s.proc = nil
		return fmt.Errorf("starting redis-server: %w", err)
	}
	for deadline := time.Now().Add(patience); ; {
		reply, err := s.try("PING")
		if reply == "+PONG" || strings.HasPrefix(reply, "-NOAUTH") {
			return nil
		}
		if time.Now().After(deadline) {
			s.Kill()
			return fmt.Errorf("redis-server does not answer (%v %s): %s", err, reply, s.out.String())
		}
		time.Sleep(2 * time.Millisecond) // between two tries, not instead of one
	}
}

// Addr is host:port.
func (s *Server) Addr() string { return s.addr }

// URL is the server's redis:// URL.
func (s *Server) URL() string { return "redis://" + s.addr }

// Kill ends the process as kill -9 does; its connections break. Idempotent.
func (s *Server) Kill() {
	if s.proc == nil {
		return
	}
	_ = s.proc.Process.Kill()
	_ = s.proc.Wait()
	s.proc = nil
}

// Restart kills the server if it runs, and starts it on the same address: empty, or with what it
// persisted.
func (s *Server) Restart() {
	s.t.Helper()
	s.Kill()
	if err := s.run(); err != nil {
		s.t.Fatalf("redistest: %v", err)
	}
}

// Pause stops the process (SIGSTOP): connections stay up and silent, new ones are accepted by the kernel.
func (s *Server) Pause() { s.t.Helper(); s.signal(syscall.SIGSTOP) }

// Resume lets a paused process go on.
func (s *Server) Resume() { s.t.Helper(); s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) {
	s.t.Helper()
	if s.proc == nil {
		s.t.Fatal("redistest: the server does not run")
	}
	if err := s.proc.Process.Signal(sig); err != nil {
		s.t.Fatalf("redistest: %v: %v", sig, err)
	}
}

// FlushAll wipes the data; connections stay.
func (s *Server) FlushAll() { s.t.Helper(); s.Do("FLUSHALL") }

// Do runs a command on a connection of its own and returns the reply: the text of a simple, integer or bulk reply, ""
// for nil, and for an array its size. An error reply fails the test.
func (s *Server) Do(args ...string) string {
	s.t.Helper()
	reply, err := s.try(args...)
	if err != nil {
		s.t.Fatalf("redistest: %s: %v", args[0], err)
	}
	if strings.HasPrefix(reply, "-") {
		s.t.Fatalf("redistest: %s: %s", args[0], reply[1:])
	}
	return reply[1:]
}

// try returns the reply's first line, or for a bulk reply "$" and its text.
func (s *Server) try(args ...string) (string, error) {
	conn, err := net.DialTimeout("tcp", s.addr, patience)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	request := fmt.Appendf(nil, "*%d\r\n", len(args))
	for _, arg := range args {
		request = fmt.Appendf(request, "$%d\r\n%s\r\n", len(arg), arg)
	}
	if _, err := conn.Write(request); err != nil {
		return "", err
	}
	return readReply(bufio.NewReader(conn))
}

func readReply(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimSuffix(line, "\r\n")
	if line == "" {
		return "", errors.New("empty reply")
	}
	if line[0] != '$' {
		return line, nil
	}
	size, err := strconv.Atoi(line[1:])
	if err != nil || size < 0 {
		return "$", err
	}
	text := make([]byte, size)
	_, err = io.ReadFull(r, text)
	return "$" + string(text), err
}
