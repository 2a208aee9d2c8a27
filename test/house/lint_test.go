package house_test

import (
	"fmt"
	"os"
	"path/filepath"
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
