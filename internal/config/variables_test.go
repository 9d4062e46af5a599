package config

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write .env.example and the table in README.md anew")

const (
	tableBegin = "<!-- variables: go test ./internal/config -update -->\n"
	tableEnd   = "<!-- end of variables -->\n"
)

func TestVariables(t *testing.T) {
	seen := map[string]bool{}
	for _, v := range Variables() {
		if !regexp.MustCompile(`^[A-Z][A-Z0-9_]+$`).MatchString(v.Name) || seen[v.Name] || v.Meaning == "" {
			t.Errorf("%+v: name or meaning is missing, or the name is there twice", v)
		}
		if strings.ContainsAny(v.Meaning, "|\n") {
			t.Errorf("%s: its meaning breaks the table", v.Name)
		}
		seen[v.Name] = true
	}
	var help strings.Builder
	if err := Usage(&help); err != nil {
		t.Fatal(err)
	}
	for name := range seen {
		if !strings.Contains(help.String(), "  "+name+" ") {
			t.Errorf("-help does not tell about %s", name)
		}
	}
	for line := range strings.SplitSeq(help.String(), "\n") {
		if len(line) > 120 {
			t.Errorf("-help has a long line: %s", line)
		}
	}
}

func TestExampleIsCurrent(t *testing.T) {
	path := filepath.Join("..", "..", ".env.example")
	if *update {
		if err := os.WriteFile(path, []byte(Example()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != Example() {
		t.Error(".env.example is not what the variables say: go test ./internal/config -update")
	}
}

func TestExampleStartsAsItIs(t *testing.T) {
	file := filepath.Join(t.TempDir(), ".env")
	if err := os.WriteFile(file, []byte(Example()), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(nil, file)
	if want := load(t); err != nil || show(c) != show(want) {
		t.Errorf("a copy of .env.example changes something: %v", err)
	}
}

func TestExampleIsNoSecret(t *testing.T) {
	all := regexp.MustCompile(`(?m)^#([A-Z_0-9]+=)`).ReplaceAllString(Example(), "$1")
	file := filepath.Join(t.TempDir(), ".env")
	if err := os.WriteFile(file, []byte(all), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(nil, file)
	if err == nil {
		t.Fatal("the placeholders of .env.example pass for secrets")
	}
	for _, v := range Variables() {
		if !strings.Contains(all, "\n"+v.Name+"=") {
			t.Errorf(".env.example lacks %s", v.Name)
		}
		if v.Secret && v.Name != "REDIS_URL" && !strings.Contains(err.Error(), v.Name+" is a placeholder") {
			t.Errorf("%s: its placeholder passes", v.Name)
		}
	}
}

func TestReadmeTableIsCurrent(t *testing.T) {
	path := filepath.Join("..", "..", "README.md")
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		t.Skip("no README.md")
	}
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), tableBegin)
	table, after, closed := strings.Cut(rest, tableEnd)
	if !found || !closed {
		t.Fatalf("README.md lacks the lines\n%s%s", tableBegin, tableEnd)
	}
	if table == Markdown() {
		return
	}
	if !*update {
		t.Fatal("README.md's table is not what the variables say: go test ./internal/config -update")
	}
	if err := os.WriteFile(path, []byte(before+tableBegin+Markdown()+tableEnd+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
