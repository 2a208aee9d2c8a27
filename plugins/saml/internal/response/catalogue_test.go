package response_test

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/plugins/saml/samltest"
)

var update = flag.Bool("update", false, "write the catalogue of attacks anew")

// tried are the attacks that the tables of a run have built and seen refused.
type catalogue struct {
	mu   sync.Mutex
	rows []string
}

var tried catalogue

func (c *catalogue) note(t *testing.T, row attack) {
	t.Helper()
	table, _, _ := strings.Cut(t.Name(), "/")
	shapes := "all"
	if row.shapes != nil {
		var names []string
		for _, s := range row.shapes {
			names = append(names, s.String())
		}
		shapes = strings.Join(names, ", ")
	}
	var reasons []string
	for r := range strings.SplitSeq(row.reason, "|") {
		reasons = append(reasons, "`"+r+"`")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rows = append(c.rows, fmt.Sprintf("| `%s` | %s | %s | %s |", table, strings.ReplaceAll(row.name, "|", "\\|"), shapes, strings.Join(reasons, ", ")))
}

const catalogueHead = `# Attacks on SAML that are tried

Each row is a message that the tests build, after the genuine one that it is made from has signed somebody on, and see
refused for its reason. "All" are these shapes: %s. The page is written by the tests (` + "`go test ./plugins/saml/internal/response -update`" + `)
and held against them, so that it lists what is really tried. [What it is held against](sign-on-conformance.md) says what else is.

| Test | Attack | Signed | Refused as |
| --- | --- | --- | --- |
`

// TestMain writes the catalogue, or holds it against what was tried, when all of it
// was.
func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if f := flag.Lookup("test.run"); code == 0 && (f == nil || f.Value.String() == "") && flag.Lookup("test.fuzz").Value.String() == "" && len(tried.rows) > 0 {
		code = catalogued()
	}
	os.Exit(code)
}

func catalogued() int {
	var shapes []string
	for _, s := range samltest.Shapes() {
		shapes = append(shapes, s.String())
	}
	slices.SortFunc(tried.rows, func(a, b string) int { return cmp.Compare(a, b) })
	text := fmt.Sprintf(catalogueHead, strings.Join(shapes, ", ")) + strings.Join(slices.Compact(tried.rows), "\n") + "\n"
	page := filepath.Join("..", "..", "..", "..", "docs", "reference", "saml-attacks.md")
	if *update {
		if err := os.WriteFile(page, []byte(text), 0o644); err != nil { //nolint:gosec // it is a page for everybody
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	}
	have, err := os.ReadFile(page)
	if diff := gocmp.Diff(string(have), text); err != nil || diff != "" {
		fmt.Fprintf(os.Stderr, "docs/reference/saml-attacks.md is not what is tried (-page +tried), see its first lines: %v\n%s\n", err, diff)
		return 1
	}
	return 0
}
