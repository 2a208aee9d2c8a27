package oidc_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The guide has every reason of the plugin, and no other.
func TestReasonsInTheGuide(t *testing.T) {
	t.Parallel()
	want := map[string]bool{}
	in := regexp.MustCompile(`authn\.Deny\("([a-z_]+)"`)
	err := filepath.WalkDir("../../plugins/oidc", func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, found := range in.FindAllStringSubmatch(string(text), -1) {
			want[found[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	guide, err := os.ReadFile("../../docs/guides/openid-connect.md")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	_, table, _ := strings.Cut(string(guide), "| reason |")
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllStringSubmatch(table, -1) {
		got[row[1]] = true
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
		t.Errorf("the guide and the code differ (-code +guide):\n%s", diff)
	}
}
