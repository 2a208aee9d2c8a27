package admin

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The reference names every route with its permission, and no other.
func TestTheReferenceNamesEveryRoute(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "reference", "admin-api.md"))
	if err != nil {
		t.Fatal(err)
	}
	written := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if cells := strings.Split(line, "|"); len(cells) == 5 && strings.Contains(cells[2], "gatehouse:") {
			written[strings.TrimSpace(cells[1])+" "+strings.TrimSpace(cells[2])] = true
		}
	}
	for _, rt := range routes() {
		want := fmt.Sprintf("`%s %s` `%s`", rt.method, rt.path, rt.permission)
		if !written[want] {
			t.Errorf("the reference does not name %s", want)
		}
		delete(written, want)
	}
	for line := range written {
		t.Errorf("the reference names %s, which is not there", line)
	}
}
