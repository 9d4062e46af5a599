package web_test

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"eclipse/web"
)

func get(o web.Options, method, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	web.Handler(o).ServeHTTP(w, r)
	return w
}

func TestWhatIsServed(t *testing.T) {
	for _, c := range []struct {
		path, kind string
		demoOnly   bool
	}{
		{"/widget.js", "text/javascript; charset=utf-8", false},
		{"/client.js", "text/javascript; charset=utf-8", false},
		{"/client/policy.js", "text/javascript; charset=utf-8", false},
		{"/ui/theme.css", "text/css; charset=utf-8", false},
		{"/ui/theme.css.js", "text/javascript; charset=utf-8", false},
		{"/", "text/html; charset=utf-8", true},
		{"/agents", "text/html; charset=utf-8", true},
		{"/demo/agents.js", "text/javascript; charset=utf-8", true},
		{"/demo/mark.svg", "image/svg+xml", true},
	} {
		w := get(web.Options{Demo: true}, "GET", c.path)
		if w.Code != 200 || w.Header().Get("Content-Type") != c.kind || w.Body.Len() == 0 {
			t.Errorf("%s: %d %q, %d bytes", c.path, w.Code, w.Header().Get("Content-Type"), w.Body.Len())
		}
		page := strings.HasPrefix(c.kind, "text/html")
		if got := w.Header().Get("Access-Control-Allow-Origin") == "*"; got == page {
			t.Errorf("%s: open to other origins = %v", c.path, got)
		}
		if got := w.Header().Get("Content-Security-Policy") != ""; got != page {
			t.Errorf("%s: content security policy = %v", c.path, got)
		}
		if code := get(web.Options{}, "GET", c.path).Code; (code == 404) != c.demoOnly {
			t.Errorf("%s without the demo: %d", c.path, code)
		}
	}
}

func TestWhatIsNotServed(t *testing.T) {
	for _, path := range []string{"/package.json", "/assets/widget.js", "/client/", "/ui/../web.go", "/demo", "/nothing.js", "/widget.js/"} {
		if code := get(web.Options{Demo: true}, "GET", path).Code; code != 404 {
			t.Errorf("%s: %d", path, code)
		}
	}
	if w := get(web.Options{}, "POST", "/widget.js"); w.Code != 405 || w.Header().Get("Allow") == "" {
		t.Errorf("POST: %d", w.Code)
	}
}

func TestUnchangedFilesAreNotSentAgain(t *testing.T) {
	first := get(web.Options{}, "GET", "/widget.js")
	tag := first.Header().Get("ETag")
	if w := get(web.Options{}, "GET", "/widget.js", "If-None-Match", tag); w.Code != http.StatusNotModified || w.Body.Len() != 0 {
		t.Errorf("with its tag %q: %d, %d bytes", tag, w.Code, w.Body.Len())
	}
	if w := get(web.Options{}, "HEAD", "/widget.js"); w.Code != 200 || w.Body.Len() != 0 || w.Header().Get("ETag") != tag {
		t.Errorf("HEAD: %d", w.Code)
	}
	if other := get(web.Options{}, "GET", "/client.js").Header().Get("ETag"); other == tag {
		t.Error("two files share a tag")
	}
}

// The widget may be included in production, so nothing that it reaches may be the demo's alone.
func TestTheWidgetImportsOnlyWhatIsPublic(t *testing.T) {
	imports := regexp.MustCompile(`(?m)^(?:import|export)[^;]*? from '(\.{1,2}/[^']+)'`)
	seen := map[string]bool{}
	var visit func(path string)
	visit = func(path string) {
		if seen[path] {
			return
		}
		seen[path] = true
		w := get(web.Options{}, "GET", path)
		if w.Code != 200 {
			t.Fatalf("%s: %d", path, w.Code)
		}
		for _, m := range imports.FindAllStringSubmatch(w.Body.String(), -1) {
			base := httptest.NewRequest("GET", "http://x"+path, nil).URL
			next, err := base.Parse(m[1])
			if err != nil {
				t.Fatal(err)
			}
			visit(next.Path)
		}
	}
	visit("/widget.js")
	if len(seen) < 10 {
		t.Errorf("followed %d modules only", len(seen))
	}
}

// Markup is never made from text.
func TestNoSourceSetsMarkup(t *testing.T) {
	forbidden := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setHTML`)
	err := fs.WalkDir(os.DirFS("assets"), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".js") {
			return err
		}
		text, err := os.ReadFile("assets/" + name)
		if found := forbidden.Find(text); found != nil {
			t.Errorf("%s uses %s", name, found)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestNode runs the unit tests of the modules, where node is installed.
func TestNode(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("no node on this machine")
	}
	if out, err := exec.Command(node, "--test", ".").CombinedOutput(); err != nil {
		t.Fatalf("node --test: %v\n%s", err, out)
	}
}
