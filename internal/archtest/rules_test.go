package archtest

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
)

var leaves = []string{
	"internal/wire", "internal/chatlog", "internal/nextapi", "internal/token", "internal/config", "internal/metrics", "internal/workers",
}

// harness is what tests and loads the router, and is no part of it.
var harness = []string{"loadtest", "internal/e2e", "internal/fakeapi", "internal/archtest"}

// longFiles may be longer than maxLines, each with the reason why it is not split.
var longFiles = map[string]string{}

const maxLines = 400

// slowPeers are files whose tests sleep since a delay is what they test, each with whose delay it is.
var slowPeers = map[string]string{
	"gateway/read_test.go": "a peer that is slow inside a frame, and one that waits as long as an error frame advises",
}

// rule returns what is wrong with a file.
type rule func(s source) []string

var rules = map[string]rule{
	"leaves import nothing of ours":           leavesImportNothing,
	"actors know no HTTP and no WebSocket":    actorsStayPure,
	"the gateway knows no actor system":       gatewayStaysThin,
	"the router is apart from its harness":    harnessStaysOut,
	"the outbox command starts no router":     outboxCommandStaysSmall,
	"only config reads the environment":       environmentIsRead,
	"no test sleeps to wait":                  testsDoNotSleep,
	"files stay short":                        filesStayShort,
	"nothing is switched off and left behind": nothingIsLeft,
}

func TestRules(t *testing.T) {
	all := sources(t)
	for name, broken := range rules {
		t.Run(name, func(t *testing.T) {
			for _, s := range all {
				for _, fault := range broken(s) {
					t.Errorf("%s: %s", s.path, fault)
				}
			}
		})
	}
}

// ours are the imports from this module, without the module's name.
func ours(s source) []string {
	var list []string
	for _, path := range s.imports() {
		if folder, ok := strings.CutPrefix(path, module+"/"); ok {
			list = append(list, folder)
		}
	}
	return list
}

func within(folder string, folders []string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return folder == f || strings.HasPrefix(folder, f+"/") })
}

func leavesImportNothing(s source) (faults []string) {
	if s.test() {
		return nil
	}
	for _, leaf := range leaves {
		if !s.in(leaf) {
			continue
		}
		for _, folder := range ours(s) {
			if !within(folder, []string{leaf}) {
				faults = append(faults, "a leaf imports "+folder)
			}
		}
	}
	return faults
}

func actorsStayPure(s source) (faults []string) {
	if !s.in("actors") || s.test() {
		return nil
	}
	for _, path := range s.imports() {
		if path == "net/http" || path == "net" || strings.HasPrefix(path, "github.com/gorilla/") {
			faults = append(faults, "an actor imports "+path)
		}
	}
	for _, folder := range ours(s) {
		if !within(folder, append([]string{"actors"}, leaves...)) {
			faults = append(faults, "an actor imports "+folder)
		}
	}
	return faults
}

func gatewayStaysThin(s source) (faults []string) {
	if !s.in("gateway") {
		return nil
	}
	for _, path := range s.imports() {
		if strings.HasPrefix(path, "github.com/asynkron/") || path == module+"/actors/messages" {
			faults = append(faults, "the gateway imports "+path)
		}
	}
	for _, folder := range ours(s) {
		if !s.test() && !within(folder, append([]string{"gateway", "actors"}, leaves...)) {
			faults = append(faults, "the gateway imports "+folder)
		}
	}
	return faults
}

func harnessStaysOut(s source) (faults []string) {
	if s.test() || s.in(harness...) {
		return nil
	}
	for _, folder := range ours(s) {
		if within(folder, harness) {
			faults = append(faults, "imports the harness: "+folder)
		}
	}
	return faults
}

// outboxCommandStaysSmall lets people look after the outbox while routers run: with what is stored, and no part of a router.
func outboxCommandStaysSmall(s source) (faults []string) {
	if !s.in("internal/outboxcmd") || s.test() {
		return nil
	}
	for _, folder := range ours(s) {
		if !slices.Contains([]string{"actors/messages", "internal/chatlog", "internal/config"}, folder) {
			faults = append(faults, "the outbox command imports "+folder)
		}
	}
	return faults
}

func environmentIsRead(s source) (faults []string) {
	if s.test() || s.in("internal/config") || s.in(harness...) {
		return nil
	}
	ast.Inspect(s.tree, func(n ast.Node) bool {
		reads := uses(n, "os", "Getenv") || uses(n, "os", "LookupEnv") || uses(n, "os", "ExpandEnv")
		handsOn := uses(n, "os", "Environ") && s.dir() == "." // main gives the whole of it to config
		if reads || uses(n, "os", "Environ") && !handsOn {
			faults = append(faults, "reads the environment at "+s.files.Position(n.Pos()).String())
		}
		return true
	})
	return faults
}

// testsDoNotSleep finds a test that sleeps and hopes. What may sleep: a loop that asks for a condition again after
// some milliseconds, a benchmark that measures an interval, and virtual time, that is what is inside a call of
// synctest.Test or in a function that takes part in one and says so by the word "bubble" in its comment.
func testsDoNotSleep(s source) (faults []string) {
	helper := slices.Contains(s.imports(), "testing") || strings.HasSuffix(s.dir(), "test")
	if slowPeers[s.path] != "" || !s.test() && !helper {
		return nil
	}
	var visit func(n ast.Node, loop bool)
	visit = func(root ast.Node, loop bool) {
		ast.Inspect(root, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				return !strings.Contains(n.Doc.Text(), "bubble") && !measures(n)
			case *ast.ForStmt:
				if n != root {
					visit(n, true)
					return false
				}
			case *ast.CallExpr:
				if uses(n.Fun, "time", "Sleep") && !(loop && milliseconds(n.Args[0])) {
					faults = append(faults, "sleeps in real time at "+s.files.Position(n.Pos()).String())
				}
				return !uses(n.Fun, "synctest", "Test")
			}
			return true
		})
	}
	visit(s.tree, false)
	return faults
}

// measures tells whether a function belongs to a benchmark.
func measures(f *ast.FuncDecl) bool {
	return slices.ContainsFunc(f.Type.Params.List, func(p *ast.Field) bool {
		star, ok := p.Type.(*ast.StarExpr)
		return ok && uses(star.X, "testing", "B")
	})
}

// milliseconds tells whether a duration is written in milliseconds or less.
func milliseconds(n ast.Expr) bool {
	if product, ok := n.(*ast.BinaryExpr); ok && product.Op == token.MUL {
		n = product.Y
	}
	return uses(n, "time", "Millisecond") || uses(n, "time", "Microsecond")
}

func filesStayShort(s source) []string {
	if _, allowed := longFiles[s.path]; allowed || s.generated() || s.lines() <= maxLines {
		return nil
	}
	return []string{fmt.Sprintf("has %d lines; split it by responsibility", s.lines())}
}

func nothingIsLeft(s source) (faults []string) {
	for _, group := range s.tree.Comments {
		for _, word := range []string{"TODO", "FIXME", "XXX", "HACK"} {
			if strings.Contains(group.Text(), word+":") || strings.Contains(group.Text(), word+"(") {
				faults = append(faults, word+" at "+s.files.Position(group.Pos()).String())
			}
		}
	}
	return faults
}

func TestExceptionsAreNeeded(t *testing.T) {
	found := map[string]source{}
	for _, s := range sources(t) {
		found[s.path] = s
	}
	for path, reason := range longFiles {
		if s, ok := found[path]; reason == "" || !ok || s.lines() <= maxLines {
			t.Errorf("%s needs no place on the list of long files, or has no reason", path)
		}
	}
	for path, reason := range slowPeers {
		if s, ok := found[path]; reason == "" || !ok || !strings.Contains(string(s.text), "time.Sleep") {
			t.Errorf("%s needs no place on the list of slow peers, or has no reason", path)
		}
	}
}

func TestPackagesSayWhatTheyAreFor(t *testing.T) {
	says := map[string]bool{}
	for _, s := range sources(t) {
		if s.test() || s.generated() {
			continue
		}
		says[s.dir()] = says[s.dir()] || s.tree.Doc.Text() != ""
	}
	for dir, said := range says {
		if !said {
			t.Errorf("%s: no package comment", dir)
		}
	}
}
