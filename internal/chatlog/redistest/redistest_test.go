package redistest

import "testing"

func TestServerLives(t *testing.T) {
	s := Start(t)
	s.Do("SET", "a", "one two")
	if got := s.Do("GET", "a"); got != "one two" {
		t.Fatalf("GET = %q", got)
	}
	s.FlushAll()
	if got := s.Do("GET", "a"); got != "" {
		t.Fatalf("GET after a wipe = %q", got)
	}
	s.Do("SET", "a", "1")
	s.Kill()
	if _, err := s.try("PING"); err == nil {
		t.Fatal("a killed server answers")
	}
	addr := s.Addr()
	s.Restart()
	if s.Addr() != addr || s.Do("EXISTS", "a") != "0" {
		t.Fatal("a restarted server has another address or old data")
	}
	s.Pause()
	s.Resume()
	s.Do("PING")
}
