package config_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/config"
)

// numbered repeats a text with a number in it.
func numbered(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// Text that asks for a diagnostic, a comparison or a mask for each of its
// characters gives a bounded report. (With work that grows with the square of
// the text, this test does not end in the time that a test may take.)
func TestHostileText(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"many unknown names": numbered(400, "role \"r%d-abcdefghijklmnopqrstuvwxyz-abcdefg\" {\n  permissions = [\"a\"]\n}\n") +
			"organization \"o\" {\n}\nmapping \"m\" {\n  roles = [" + numbered(5000, "\"q%d-abcdefghijklmnopqrstuvwxyz-abcdefg\",") + "]\n}\n",
		"many unknown attributes":  "server {\n" + numbered(5000, "a%d = \"x\"\n") + "}\n",
		"many values in a list":    "organization \"a\" {\n  domains = [" + strings.Repeat("\"a.b\",", 20000) + "]\n}\n",
		"many keys in a map":       "upstream \"a\" {\n  headers = {" + numbered(20000, "a%d=\"\",") + "}\n}\n",
		"one key many times":       "upstream \"a\" {\n  headers = {" + strings.Repeat("a=1,", 50000) + "}\n}\n",
		"many labels":              "role " + strings.Repeat("\"a\" ", 50000) + "{\n}\n",
		"many comments":            "server {\n" + strings.Repeat("/**/", 50000) + " a = 1\n}\n",
		"many comments, no syntax": strings.Repeat("/**/", 50000) + " a",
		"many quotation marks":     strings.Repeat("\"", 50000),
		"many templates":           "organization \"a\" {\n  name = \"" + strings.Repeat("${1}", 50000) + "\"\n}\n",
		"many blocks":              strings.Repeat("a {}\n", 19999),
	}
	for name, src := range tests {
		t.Run(name, func(t *testing.T) {
			_, r := everything(one(src), config.Options{Env: environment})
			var out bytes.Buffer
			if err := r.WriteText(&out, 78, false); err != nil {
				t.Fatal(err)
			}
			if err := r.WriteJSON(&out); err != nil {
				t.Fatal(err)
			}
			if n := r.Len(); n == 0 || n > 1000 || out.Len() > 2<<20 {
				t.Errorf("%d diagnostics in %d bytes", n, out.Len())
			}
		})
	}
}
