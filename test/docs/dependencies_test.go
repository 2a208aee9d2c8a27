package docs_test

import (
	"regexp"
	"strings"
	"testing"
)

var (
	required = regexp.MustCompile(`(?m)^\t(\S+) v\S+$`) // what is indirect has a comment
	major    = regexp.MustCompile(`/v[0-9]+$`)
)

// Decision 8 names every module that go.mod asks for directly, by its path or by the
// end of it.
func TestDependencies(t *testing.T) {
	t.Parallel()
	decision := read(t, "docs/decisions/0008-dependencies.md")
	direct := required.FindAllStringSubmatch(read(t, "go.mod"), -1)
	if len(direct) < 20 {
		t.Fatalf("go.mod has only %d direct dependencies: the test looks in the wrong place", len(direct))
	}
	for _, m := range direct {
		if !namesModule(decision, major.ReplaceAllString(m[1], "")) {
			t.Errorf("the decision does not say what %s is for", m[1])
		}
	}
}

// A module of golang.org/x is named in full: the end alone is a package of the
// standard library.
func namesModule(text, module string) bool {
	if strings.HasPrefix(module, "golang.org/x/") {
		return strings.Contains(text, "`"+module+"`") || strings.Contains(text, "`"+module+"/")
	}
	for rest, more := module, true; more; _, rest, more = strings.Cut(rest, "/") {
		if strings.Contains(text, "`"+rest+"`") || strings.Contains(text, "`"+rest+"/") {
			return true
		}
	}
	return false
}

func TestNamesModule(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"`example.com/a/b`": true, "`example.com/a/b/v2`": true, "`example.com/a/b/c`": true, "`b`": true, "`a/b`, `c`": true,
		"`example.com/a`": false, "`bc`": false, "example.com/a/b": false,
	} {
		if namesModule(text, "example.com/a/b") != want {
			t.Errorf("%s: it is named: %t", text, !want)
		}
	}
	if namesModule("`crypto`", "golang.org/x/crypto") {
		t.Error("crypto is the standard library's")
	}
}
