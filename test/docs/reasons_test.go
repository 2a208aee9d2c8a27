package docs_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	aDenial = regexp.MustCompile(`Deny\("([a-z0-9_]+)"`)
	aReason = regexp.MustCompile("`([a-z0-9_]+)`")
	inWords = regexp.MustCompile(`(?m)^\t"([a-z_]+)":\s+\{"`)
)

// denials are the reasons for which the code in a folder signs nobody on.
func denials(t *testing.T, folder string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, file := range files(t, ".go") {
		if strings.HasPrefix(file, folder+"/") && !strings.HasSuffix(file, "_test.go") {
			for _, m := range aDenial.FindAllStringSubmatch(read(t, file), -1) {
				found[m[1]] = ""
			}
		}
	}
	return found
}

// The table of the guide has every reason of the host's own, and no other; and people
// are told each in words.
func TestReasonsOfTheHost(t *testing.T) {
	t.Parallel()
	rows := map[string]string{}
	for _, cells := range table(t, "docs/guides/sign-on.md", "reason") {
		rows[cells[0]] = ""
	}
	compare(t, denials(t, "core/signon"), rows)
	words := map[string]string{}
	for _, m := range inWords.FindAllStringSubmatch(read(t, "core/signon/page.go"), -1) {
		words[m[1]] = ""
	}
	compare(t, denials(t, "core/signon"), words)
}

// What an attack is refused as is a reason that there is. The pages of each protocol
// are written by its tests.
func TestReasonsOfAttacks(t *testing.T) {
	t.Parallel()
	have := denials(t, "core/signon")
	for _, plugin := range []string{"plugins/saml", "plugins/oidc"} {
		maps.Copy(have, denials(t, plugin))
	}
	named := map[string]bool{}
	for _, cells := range table(t, "docs/reference/sign-on-conformance.md", "what is tried") {
		if len(cells) != 3 {
			t.Fatalf("a row has %d cells: %q", len(cells), cells)
		}
		for _, m := range aReason.FindAllStringSubmatch(cells[1], -1) {
			named[m[1]] = true
			if _, ok := have[m[1]]; !ok {
				t.Errorf("nothing is refused as %q: %s", m[1], cells[0])
			}
		}
	}
	if len(named) < 30 {
		t.Errorf("the test finds only %q", slices.Sorted(maps.Keys(named)))
	}
}
