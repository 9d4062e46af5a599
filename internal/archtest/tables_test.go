package archtest

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"eclipse/internal/metrics"
)

// constants lists the constants of a type in the order of the source, each with its literal where it has one.
func constants(t *testing.T, dir, kind string) (names, literals []string) {
	t.Helper()
	for _, s := range sources(t) {
		if s.dir() != dir || s.test() {
			continue
		}
		for _, decl := range s.tree.Decls {
			group, ok := decl.(*ast.GenDecl)
			if !ok || group.Tok != token.CONST {
				continue
			}
			typed := false // a constant without type and value continues the one above
			for _, spec := range group.Specs {
				value := spec.(*ast.ValueSpec)
				if value.Type != nil || len(value.Values) > 0 {
					ident, _ := value.Type.(*ast.Ident)
					typed = ident != nil && ident.Name == kind
				}
				if !typed || value.Names[0].Name == "_" {
					continue
				}
				names = append(names, value.Names[0].Name)
				if len(value.Values) > 0 {
					if literal, ok := value.Values[0].(*ast.BasicLit); ok {
						literals = append(literals, strings.Trim(literal.Value, `"`))
					}
				}
			}
		}
	}
	if len(names) == 0 {
		t.Fatalf("%s has no constants of type %s", dir, kind)
	}
	return names, literals
}

var inner = regexp.MustCompile(`([a-z])([A-Z])`)

// labels turns names of constants into label values: KindAgentJoined becomes agent_joined.
func labels(names []string, prefix string) []string {
	var list []string
	for _, name := range names {
		list = append(list, strings.ToLower(inner.ReplaceAllString(strings.TrimPrefix(name, prefix), "${1}_$2")))
	}
	return list
}

func TestMetricsNameWhatTheWireFormatNumbers(t *testing.T) {
	kinds, _ := constants(t, "internal/wire", "Kind")
	want := append(labels(kinds, "Kind"), "invalid")
	if got := metrics.KindNames(); !slices.Equal(got, want) {
		t.Errorf("kinds\n%q, the wire format has\n%q", got, want)
	}
	if int(metrics.KindInvalid) != len(kinds) {
		t.Errorf("KindInvalid is %d, the number of a kind", metrics.KindInvalid)
	}
	classes, _ := constants(t, "internal/wire", "Class")
	if got, want := metrics.ClassNames(), labels(classes, ""); !slices.Equal(got, want) {
		t.Errorf("classes\n%q, the wire format has\n%q", got, want)
	}
	_, codes := constants(t, "internal/wire", "Code")
	if got := metrics.CodeNames(); !slices.Equal(got, codes) {
		t.Errorf("error codes\n%q, the wire format has\n%q", got, codes)
	}
	_, closes := constants(t, "internal/wire", "CloseCode")
	for _, text := range closes {
		if code, err := strconv.Atoi(text); err != nil || !slices.Contains(metrics.CloseCodes(), code) {
			t.Errorf("close code %s is not counted", text)
		}
	}
}

func TestMetricsNameWhatTheAPIClientNumbers(t *testing.T) {
	classes, _ := constants(t, "internal/nextapi", "Class")
	if got, want := metrics.OutcomeNames(), labels(classes, ""); !slices.Equal(got, want) {
		t.Errorf("outcomes\n%q, the API client has\n%q", got, want)
	}
}
