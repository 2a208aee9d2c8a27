// Package house_test checks the rules of the house over the whole module: who
// may import whom, what stands at the top, and that no package has hidden
// state. The rules are data, in rules_test.go. Each checker is tried on a
// planted violation too, since one that finds nothing looks like a clean house.
package house_test

import (
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestImports(t *testing.T) {
	packages := list(t)
	report(t, badImports(packages, importRules()))
	report(t, unknownRooms(packages))
}

func TestTopLevel(t *testing.T) {
	// What git ignores is a developer's own.
	out := run(t, "git", "ls-files", "--cached", "--others", "--exclude-standard")
	seen := map[string]bool{}
	for name := range strings.Lines(out) {
		top, _, _ := strings.Cut(strings.TrimSpace(name), "/")
		if !seen[top] && !slices.Contains(topLevel, top) {
			t.Errorf("%s has no place at the top of the house", top)
		}
		seen[top] = true
	}
	if !seen["go.mod"] {
		t.Errorf("git lists no go.mod: is this the repository? %q", out)
	}
}

func TestSource(t *testing.T) {
	for _, p := range list(t) {
		files := parse(t, p)
		report(t, longFiles(files))
		if silent(files) {
			t.Errorf("%s: no file says what the package is for", p.folder())
		}
		if strings.HasSuffix(p.Name, "test") { // packages for tests are tests
			continue
		}
		report(t, initFunctions(files))
		report(t, mutableState(files))
	}
}

func report(t *testing.T, bad []string) {
	t.Helper()
	for _, b := range bad {
		t.Error(b)
	}
}

func list(t *testing.T) []pkg {
	t.Helper()
	touch(t)
	dec := json.NewDecoder(strings.NewReader(run(t, "go", "list", "-json", "./...")))
	var packages []pkg
	for {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
	if len(packages) == 0 {
		t.Fatal("go list found no package")
	}
	return packages
}

// touch opens every folder, so that go test knows that a result depends on them
// and does not answer from its cache when a file or package has come.
func touch(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(root(t), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && path != root(t) && (strings.HasPrefix(d.Name(), ".") || d.Name() == "bin") {
			return fs.SkipDir
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func parse(t *testing.T, p pkg) []source {
	t.Helper()
	set := token.NewFileSet()
	var files []source
	for _, name := range slices.Concat(p.GoFiles, p.IgnoredGoFiles, p.TestGoFiles, p.XTestGoFiles) {
		file, err := parser.ParseFile(set, filepath.Join(p.Dir, name), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, source{name: filepath.Join(p.folder(), name), file: file, set: set})
	}
	return files
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Stderr = root(t), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	return string(out)
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func planted(t *testing.T, sources map[string]string) []source {
	t.Helper()
	set := token.NewFileSet()
	var files []source
	for name, text := range sources {
		file, err := parser.ParseFile(set, name, text, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, source{name: name, file: file, set: set})
	}
	slices.SortFunc(files, func(a, b source) int { return strings.Compare(a.name, b.name) })
	return files
}
