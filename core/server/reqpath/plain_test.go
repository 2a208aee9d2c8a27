package reqpath_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/core/server/reqpath"
)

// TestAPlainPathIsSpelledAlready holds the short way to the long one: what it
// lets through unread, the long way would not have changed or refused.
func TestAPlainPathIsSpelledAlready(t *testing.T) {
	t.Parallel()
	plain := 0
	rapid.Check(t, func(t *rapid.T) {
		path := "/" + rapid.StringOf(rapid.RuneFrom([]rune("ab9-_~././/%;\\:\x00?#é"))).Draw(t, "path")
		if !reqpath.Plain(path) {
			return
		}
		plain++
		if got, err := reqpath.Spell(path); err != nil || got != path {
			t.Fatalf("%q is plain, and is spelled %q (%v)", path, got, err)
		}
	})
	if plain == 0 {
		t.Error("no path was plain")
	}
	for path, want := range map[string]bool{
		"/": true, "/api/v1/query": true, "/a.b/c~d_e-f": true, "/a/": true, "/a.": true,
		"//": false, "/a//b": false, "/.": false, "/..": false, "/a/../b": false, "/.git": false, "/a%20b": false, "/a;b": false, "/é": false, "/a@b": false, "/a\\b": false,
	} {
		if got := reqpath.Plain(path); got != want {
			t.Errorf("%q: plain is %v", path, got)
		}
	}
}
