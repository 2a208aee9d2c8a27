package saml_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every reason that is given stands in the reference.
func TestReasonsAreDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "reference", "saml.md"))
	if err != nil {
		t.Fatal(err)
	}
	given := regexp.MustCompile(`Deny\("([a-z0-9_]+)"`)
	err = filepath.WalkDir(".", func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range given.FindAllStringSubmatch(string(text), -1) {
			if m[1] != "encrypted" && !strings.Contains(string(page), "`"+m[1]+"`") { // that one is for a service without keys, which none is
				t.Errorf("%s: the reason %q does not stand in docs/reference/saml.md", path, m[1])
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
