//go:build linux

package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// The section of README about people is pasted into a shell beside `make run`.
func TestWhatReadmeSaysOfPeopleWorks(t *testing.T) {
	t.Parallel()
	blocks := readme(t, "## People come from their identity provider")
	h := gatehousetest.Start(t, gatehousetest.Options{Dev: true})
	dir := t.TempDir()
	if err := os.Symlink(h.Data, filepath.Join(dir, ".gatehouse")); err != nil {
		t.Fatal(err)
	}
	out := shell(t, dir, strings.Join(blocks, "\n"))
	rest := out
	for _, want := range []string{
		// The first block: Jane, her group, her role and its reason.
		"jdoe", "active", "Analysts", "analyst", "demo/analysts", "Analysts",
		// Her key reaches the application, which answers who called.
		`"subject":"jane-key"`, `"roles":["analyst"]`,
		// She leaves: the next request is refused, and says why.
		`"active":false`, "the user who owns the client left", `"code":"permission_denied"`,
		"inactive", "Analysts", "POST /Users", "created User", "PATCH /Users",
	} {
		_, after, ok := strings.Cut(rest, want)
		if !ok {
			t.Fatalf("it does not print %q where it should:\n%s\nin all:\n%s", want, rest, out)
		}
		rest = after
	}
	for _, id := range []string{"gone", "again"} { // the user name is free, and a second time too
		scim := h.SCIM("demo")
		user := scim.Create("/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"jdoe","externalId":"`+id+`"}`)
		scim.Must(204, "DELETE", "/Users/"+user, "")
		if r := h.CLI("scim-token", "revoke", scim.ID); r.Status != 0 {
			t.Fatal(r.Err)
		}
	}
}

// readme returns the shell blocks of a section.
func readme(t *testing.T, title string) (blocks []string) {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), "\n"+title+"\n")
	if !ok {
		t.Fatalf("README has no section %q", title)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	for i, part := range strings.Split(section, "```") {
		if code, isShell := strings.CutPrefix(part, "sh\n"); isShell && i%2 == 1 {
			blocks = append(blocks, code)
		}
	}
	if len(blocks) == 0 {
		t.Fatalf("section %q has nothing to paste", title)
	}
	return blocks
}
