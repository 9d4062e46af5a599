package config

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// GenerateSecrets fills in what a development instance lacks: each secret is made at first start, kept in a file of
// its own in DataDir, readable by its owner only, and read at every later start. In production it does nothing.
// An error names the file and what to do, and the Config is then not fit to start with.
func (c *Config) GenerateSecrets() error {
	if c.Production() {
		return nil
	}
	for file, secret := range map[string]*Secret{
		"jwt-secret":          &c.JWTSecret,
		"internal-api-secret": &c.InternalAPISecret,
	} {
		if *secret != "" {
			continue
		}
		kept, err := keep(filepath.Join(c.DataDir, file))
		if err != nil {
			return err
		}
		*secret = kept
	}
	return nil
}

// keep returns the secret in the file, which it makes where there is none. Of two processes that start at once,
// both get the secret of the first: the file appears whole, under its name, or not at all.
func keep(path string) (Secret, error) {
	if secret, err := read(path); !errors.Is(err, fs.ErrNotExist) {
		return secret, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("make the data directory: %w; set DATA_DIR to a directory that this process may write to", err)
	}
	if err := create(path); err != nil {
		return "", fmt.Errorf("keep a generated secret: %w; set DATA_DIR to a directory that this process may write to", err)
	}
	return read(path)
}

func create(path string) error {
	random := make([]byte, minSecret)
	_, _ = rand.Read(random)                                         // never fails: the runtime stops the process instead
	whole, err := os.CreateTemp(filepath.Dir(path), ".new-secret-*") // readable by its owner only
	if err != nil {
		return err
	}
	defer os.Remove(whole.Name())
	_, err = whole.WriteString(hex.EncodeToString(random) + "\n")
	if err = errors.Join(err, whole.Close()); err != nil {
		return err
	}
	err = os.Link(whole.Name(), path)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return nil
	}
	return os.Rename(whole.Name(), path) // a file system without links
}

func read(path string) (Secret, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("read a generated secret: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		if err := os.Chmod(path, 0o600); err != nil {
			return "", fmt.Errorf("protect a generated secret: %w", err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read a generated secret: %w", err)
	}
	secret := strings.TrimSpace(string(text))
	if len(secret) < minSecret {
		return "", fmt.Errorf("the secret in %s is shorter than %d bytes; delete the file, and a new one is made", path, minSecret)
	}
	return Secret(secret), nil
}
