package archtest

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

const (
	root   = "../.."
	module = "eclipse"
)

// source is one Go file of the module.
type source struct {
	path  string // from the module's root, with slashes
	text  []byte
	tree  *ast.File
	files *token.FileSet
}

func parse(path string, text []byte) (source, error) {
	s := source{path: path, text: text, files: token.NewFileSet()}
	var err error
	s.tree, err = parser.ParseFile(s.files, path, text, parser.ParseComments|parser.SkipObjectResolution)
	return s, err
}

func (s source) dir() string { return path.Dir(s.path) }

func (s source) test() bool { return strings.HasSuffix(s.path, "_test.go") }

func (s source) generated() bool { return ast.IsGenerated(s.tree) }

func (s source) lines() int { return bytes.Count(s.text, []byte("\n")) }

// in tells whether the file is in one of these folders or below.
func (s source) in(folders ...string) bool {
	for _, folder := range folders {
		if s.dir() == folder || strings.HasPrefix(s.path, folder+"/") {
			return true
		}
	}
	return false
}

// imports lists the import paths.
func (s source) imports() []string {
	var list []string
	for _, spec := range s.tree.Imports {
		list = append(list, strings.Trim(spec.Path.Value, `"`))
	}
	return list
}

// uses tells whether an expression is pkg.name, where pkg is not renamed at its import.
func uses(n ast.Node, pkg, name string) bool {
	selector, ok := n.(*ast.SelectorExpr)
	if !ok || selector.Sel.Name != name {
		return false
	}
	ident, ok := selector.X.(*ast.Ident)
	return ok && ident.Name == pkg
}

// sources reads every Go file of the module.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if skipped(entry.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(file) != ".go" {
			return nil
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		s, err := parse(filepath.ToSlash(name), text)
		if err != nil {
			t.Errorf("%s does not parse: %v", name, err)
			return nil
		}
		all = append(all, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 10 {
		t.Fatalf("only %d files found: the module's root is elsewhere", len(all))
	}
	return all
}

// skipped are folders without source of ours.
func skipped(name string) bool {
	return name == "node_modules" || name == "testdata" || name == "vendor" ||
		(strings.HasPrefix(name, ".") && name != "." && name != "..")
}
