package house_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestLinterKnowsTheRooms keeps the linter's copy of the rules, which editors
// show where one types, in step with the list of rooms.
func TestLinterKnowsTheRooms(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root(t), ".golangci.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for i, room := range rooms[1:] {
		fmt.Fprintf(&want, "        room-%s:\n          files: [\"**/core/%s/**\"]\n          deny:\n", room, room)
		for _, above := range rooms[:i+1] {
			fmt.Fprintf(&want, "            - {pkg: %s/core/%s, desc: imports go down}\n", module, above)
		}
	}
	if n := strings.Count(string(text), "room-"); n != len(rooms)-1 || !strings.Contains(string(text), want.String()) {
		t.Errorf(".golangci.yml has %d rules for rooms, and not exactly these:\n%s", n, want.String())
	}
}

// TestTableOfRooms keeps the table of CONTRIBUTING.md in step with the list: every
// room that there is, in its order.
func TestTableOfRooms(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root(t), "CONTRIBUTING.md"))
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, room := range rooms {
		if _, err := os.Stat(filepath.Join(root(t), "core", room)); err == nil {
			want = append(want, room)
		}
	}
	for line := range strings.Lines(string(text)) {
		if row, ok := strings.CutPrefix(line, "| `core/"); ok {
			room, _, _ := strings.Cut(row, "`")
			got = append(got, room)
		}
	}
	if !slices.Equal(want, got) {
		t.Errorf("the table has %q, want %q", got, want)
	}
}
