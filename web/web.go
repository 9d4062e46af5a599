package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed assets
var embedded embed.FS

// Options of Handler.
type Options struct {
	Demo bool // also serve the demo page, the agents' view and their files
}

// Patterns are the paths of Handler, as patterns for http.ServeMux. Nothing else reaches it with sense.
func Patterns(o Options) []string {
	public := []string{"/widget.js", "/client.js", "/client/", "/ui/"}
	if !o.Demo {
		return public
	}
	return append(public, "/{$}", "/agents", "/demo/")
}

// Handler serves the embedded files. Every answer may be kept by a browser but is asked for again with its ETag, so
// that the modules of two releases never mix.
func Handler(o Options) http.Handler {
	files := load()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := files[r.URL.Path]
		if f == nil || f.demo && !o.Demo {
			http.NotFound(w, r)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		f.serve(w, r)
	})
}

// pagePolicy of the demo's pages. The socket's address comes from the token answer and may be another host.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' ws: wss:; " +
	"frame-src 'self'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'"

type file struct {
	name string
	body []byte
	etag string
	kind string // content type
	demo bool
}

func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("ETag", f.etag)
	h.Set("Cache-Control", "public, no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	if strings.HasPrefix(f.kind, "text/html") {
		h.Set("Content-Security-Policy", pagePolicy)
		h.Set("Referrer-Policy", "same-origin")
	} else {
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	}
	http.ServeContent(w, r, f.name, time.Time{}, bytes.NewReader(f.body))
}

// load makes the table of paths. It panics where the embedded tree is broken, which a build cannot be and pass its tests.
func load() map[string]*file {
	files := map[string]*file{}
	add := func(url, name string, body []byte) {
		files[url] = newFile(name, body, strings.HasPrefix(url, "/demo/"))
	}
	root, err := fs.Sub(embedded, "assets")
	if err != nil {
		panic(err)
	}
	err = fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		add("/"+name, path.Base(name), body)
		if path.Ext(name) == ".css" {
			add("/"+name+".js", path.Base(name)+".js", asModule(body))
		}
		return nil
	})
	if err != nil {
		panic(err)
	}
	files["/"], files["/agents"] = files["/demo/index.html"], files["/demo/agents.html"]
	return files
}

func newFile(name string, body []byte, demo bool) *file {
	sum := sha256.Sum256(body)
	return &file{name: name, body: body, demo: demo, kind: contentType(name), etag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
}

// contentType does not ask the host's tables, which differ.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".html":
		return "text/html; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return "application/octet-stream"
}

// asModule wraps text as an ES module whose default export it is. JSON strings are JavaScript strings.
func asModule(text []byte) []byte {
	literal, err := json.Marshal(string(text))
	if err != nil {
		panic(err) // a string always has a JSON form
	}
	return append(append([]byte("export default "), literal...), ";\n"...)
}
