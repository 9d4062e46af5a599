package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

func TestSecretShowsNothing(t *testing.T) {
	c := Config{JWTSecret: secretA, UpstashToken: secretB}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T", "%10s"} {
		fmt.Fprintf(&out, verb+verb, c, c.JWTSecret)
		fmt.Fprintf(&out, verb, &c)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("start", "config", c, "secret", c.JWTSecret)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("start", "config", c, "secret", c.JWTSecret)
	if err := json.NewEncoder(&out).Encode([]any{c.JWTSecret, c, &c}); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{secretA, secretB, fmt.Sprintf("%x", secretA)} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("shown:\n%s", out.String())
		}
	}
	if Secret("").String() != "" || c.JWTSecret.String() != "[redacted]" || c.JWTSecret.Reveal() != secretA {
		t.Error("a secret does not tell whether it is there")
	}
}

func TestGenerateSecrets(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "there", "yet")
	start := func(environ ...string) Config {
		t.Helper()
		c := load(t, append(environ, "DATA_DIR="+dir)...)
		if err := c.GenerateSecrets(); err != nil {
			t.Fatal(err)
		}
		return c
	}
	first := start()
	if err := first.Validate(); err != nil || len(first.JWTSecret) < minSecret || first.JWTSecret == first.InternalAPISecret {
		t.Fatalf("no two good secrets: %v", err)
	}
	if again := start(); again.JWTSecret != first.JWTSecret || again.InternalAPISecret != first.InternalAPISecret {
		t.Error("a second start makes other secrets")
	}
	if own := start("JWT_SECRET=" + secretA); own.JWTSecret != secretA || own.InternalAPISecret != first.InternalAPISecret {
		t.Error("a secret that is set is replaced")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 2 {
		t.Errorf("files %q", files)
	}
	if runtime.GOOS == "windows" {
		return
	}
	for _, file := range files {
		if err := os.Chmod(file, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	start()
	for _, file := range files {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s is readable by others: %v %v", file, info.Mode(), err)
		}
	}
}

func TestGenerateSecretsOfManyAtOnce(t *testing.T) {
	dir := t.TempDir()
	made := make([]Secret, 16)
	var all sync.WaitGroup
	for i := range made {
		all.Go(func() {
			c := Config{Env: Development, DataDir: dir}
			if err := c.GenerateSecrets(); err != nil {
				t.Error(err)
			}
			made[i] = c.JWTSecret
		})
	}
	all.Wait()
	for _, secret := range made {
		if secret != made[0] || secret == "" {
			t.Fatal("processes that start at once disagree")
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".new-*")); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestGenerateSecretsRefuses(t *testing.T) {
	dir := t.TempDir()
	inProduction := Config{Env: Production, DataDir: dir}
	if err := inProduction.GenerateSecrets(); err != nil || inProduction.JWTSecret != "" {
		t.Error("production makes secrets of its own")
	}
	file := filepath.Join(dir, "jwt-secret")
	if err := os.WriteFile(file, []byte("tooshort"), 0o600); err != nil {
		t.Fatal(err)
	}
	damaged := Config{Env: Development, DataDir: dir, InternalAPISecret: secretB}
	if err := damaged.GenerateSecrets(); err == nil || strings.Contains(err.Error(), "tooshort") || !strings.Contains(err.Error(), file) {
		t.Errorf("a damaged file: %v", err)
	}
	blocked := Config{Env: Development, DataDir: filepath.Join(file, "below")}
	if err := blocked.GenerateSecrets(); err == nil {
		t.Error("a data directory that cannot be made passes")
	}
}
