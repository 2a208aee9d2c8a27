package config_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/gatehouse-id/gatehouse/core/config"
)

// mistakes are files that the parser refuses, with a secret (S) beside: what it
// is to say where.
var mistakes = []struct{ name, text, place, want string }{
	{"a colon", "client_secret: \"S\"\n", "line 1, column 1", "with an equals sign"},
	{"no equals sign", "client_secret \"S\"\n", "line 1, column ", "no equals sign"},
	{"an equals sign too many", "server = \"S\" {\n}\n", "line 1, column ", "Expected the end of the line"},
	{"a } too many", "server {\n  token = \"S\"\n}\n}\n", "line 4, column 1", "No block is open here"},
	{"a } too few", "server {\n  token = \"S\"\n", "line 1, column 8", "has no } that ends it"},
	{"a name in quotation marks", "server {\n  \"token\" = \"S\"\n}\n", "line 2, column 3", "without quotation marks"},
	{"no value", "server {\n  token =\n  other = \"S\"\n}\n", "line 2, column 10", "Expected a value"},
	{"no value before the end", "token = \"S\"\nother =", "line 2, column 8", "Expected a value"},
	{"no quotation marks", "token = S more\n", "line 1, column ", "a text stands in quotation marks as a whole"},
	{"one quotation mark", "server {\n  token = \"S\n}\n", "line 2, column ", "no closing quotation mark"},
	{"one quotation mark in all", "token = \"S", "line 1, column ", "its quotation mark is missing"},
	{"single quotation marks", "token = 'S'\n", "line 1, column 9", "double quotation marks"},
	{"typographic quotation marks", "token = “S”\n", "line 1, column 9", "typographic"},
	{"backquotes", "token = `S`\n", "line 1, column 9", "double quotation marks"},
	{"a semicolon", "token = \"S\";\n", "line 1, column ", "no semicolon"},
	{"another character", "token = \"S\" @\n", "line 1, column ", "means nothing outside"},
	{"an open text of several lines", "token = <<EOT\nS\n", "line 3, column 1", "the word behind <<"},
	{"no comma in a list", "token = [\"S\" \"S\"]\n", "line 1, column ", "comma between two elements"},
	{"an open list", "token = [\"S\"", "line 1, column 9", "has no ] that ends it"},
	{"no comma in a map", "token = { a = \"S\" b = \"S\" }\n", "line 1, column ", "two entries of the map"},
	{"no equals sign in a map", "token = { a \"S\" }\n", "line 1, column ", "between the key of the map and its value"},
	{"no value in a map", "token = { S\n}\n", "line 1, column ", "behind the key of the map"},
	{"an open map", "token = { a = \"S\"", "line 1, column 9", "has no } that ends it"},
	{"no comma in a call", "token = env(\"S\" \"S\")\n", "line 1, column ", "between two arguments"},
	{"an open call", "token = env(\"S\"", "line 1, column 9", "has no ) that ends it"},
	{"a call with too many dots", "token = env(x... \"S\")\n", "line 1, column ", "Expected the ) that ends the call"},
	{"an open parenthesis", "token = (\"S\" 1\n", "line 1, column ", "Expected the ) that ends the expression"},
	{"an open index", "token = x[\"S\"\n", "line 2, column 1", "Expected the ] that ends the index"},
	{"an open star", "token = x[*\"S\"\n", "line 2, column 1", "Expected the ] that ends the index"},
	{"a dot and no name", "token = x.\"S\"\n", "line 1, column ", "Expected a name behind the dot"},
	{"half of a choice", "token = x ? \"S\"\n", "line 1, column ", "behind the colon"},
	{"an escape that there is not", "token = \"\\qS\"\n", "line 1, column 10", `Behind a \`},
	{"an open ${", "token = \"S${x", "line 1, column ", "has no } that ends it"},
	{"too much in ${", "token = \"S${x y}\"\n", "line 1, column ", "write $${"},
	{"a label with ${", "client \"${x}\" {\n  token = \"S\"\n}\n", "line 1, column 9", "without ${"},
	{"an open label", "client \"S", "line 1, column ", "has no quotation mark that ends it"},
	{"a number with two points", "token = \"S\"\nother = 1.2.3\n", "line 2, column 9", "such as 8080"},
	{"an operator that there is not", "token = 1 & 2\nother = \"S\"\n", "line 1, column ", "no such operator"},
	{"two attributes in a line", "server { token = \"S\" other = \"S\" }\n", "line 1, column ", "holds one attribute"},
	{"a block in a line", "server { tls { token = \"S\" } }\n", "line 1, column 10", "holds one attribute"},
	{"a block behind a block", "server {} \"S\"\n", "line 1, column ", "behind the } of the block"},
	{"an attribute twice", "server {\n  token = \"S\"\n  token = \"S\"\n}\n", "line 3, column 3", "already set"},
	{"an attribute twice that quotes", "a = <<EOT\n token \nEOT\nserver {\n  token = \"S\"\n  token = \"S\"\n}\n", "line 6, column 3", "already"},
	{"JSON", "{\"token\": \"S\"}\n", "line 1, column 1", "Expected an attribute"},
	{"YAML", "token:\n  - S\n", "line 1, column 1", "Expected an attribute"},
}

// Every mistake of the grammar is said with line, column and what is expected, and
// the secret beside it is not shown.
func TestSyntaxErrorsSayWhatIsExpected(t *testing.T) {
	t.Parallel()
	for _, tt := range mistakes {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			src := strings.ReplaceAll(tt.text, "S", canary)
			_, r := config.Load(one(src), config.Options{})
			got := text(t, r)
			if !strings.Contains(got, "CFG001") || !strings.Contains(got, "on x.hcl "+tt.place) || !strings.Contains(strings.Join(strings.Fields(got), " "), tt.want) {
				t.Errorf("it says:\n%s", got)
			}
			if l := leak(t, src, false); l != "" {
				t.Errorf("it shows %s", l)
			}
		})
	}
}

// Each sentence is for something that the parser says: its words may change.
func TestExpectedIsWhatTheParserSays(t *testing.T) {
	t.Parallel()
	said := map[string]bool{}
	for _, tt := range mistakes {
		_, ds := hclsyntax.ParseConfig([]byte(strings.ReplaceAll(tt.text, "S", "x")), "x.hcl", hcl.InitialPos)
		for _, d := range ds {
			said[d.Summary] = true
		}
	}
	missing := slices.DeleteFunc(config.Expected(), func(summary string) bool { return said[summary] })
	if len(missing) > 0 {
		t.Errorf("no mistake of the test is %s", fmt.Sprintf("%q", missing))
	}
}
