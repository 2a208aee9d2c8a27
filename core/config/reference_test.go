package config_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/gatehouse-id/gatehouse/core/config"
	"github.com/gatehouse-id/gatehouse/sdk/schema"
)

func TestReference(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := config.WriteReference(&out, map[string]schema.Schema{"acme": thirdParty}, map[string]schema.Schema{"pusher": thirdParty}); err != nil {
		t.Fatal(err)
	}
	golden(t, "reference.md", out.Bytes())
}

// Every attribute of the host has an example, and the examples are HCL.
func TestExamplesOfAttributes(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := config.WriteReference(&out, nil, nil); err != nil {
		t.Fatal(err)
	}
	rows := 0
	for row := range strings.SplitSeq(out.String(), "\n") {
		if !strings.HasPrefix(row, "| `") {
			continue
		}
		rows++
		cells := strings.Split(row, " | ")
		example := strings.Trim(strings.TrimSuffix(cells[len(cells)-1], " |"), "`")
		if _, ds := hclsyntax.ParseExpression([]byte(example), "example", hcl.InitialPos); ds.HasErrors() {
			t.Errorf("%s: example %q: %v", cells[0], example, ds)
		}
	}
	if rows < 40 {
		t.Errorf("only %d attributes", rows)
	}
}

// The example for production has every attribute of the host, stays valid, and
// is laid out as the formatter would.
func TestExample(t *testing.T) {
	t.Parallel()
	src, err := config.ReadDir("../../configs/gatehouse.hcl")
	if err != nil {
		t.Fatal(err)
	}
	c, r := config.Load(src, config.Options{Env: environment, ReadFile: config.ReadUnder})
	if r.Len() != 0 {
		var text bytes.Buffer
		_ = r.WriteText(&text, 0, false)
		t.Errorf("the example has mistakes:\n%s", text.String())
	}
	if len(c.Upstreams) != 2 || len(c.Routes) != 4 || len(c.Authenticators) != 1 || len(c.Clients) != 1 || len(c.Connections) != 1 {
		t.Errorf("blocks are missing: %d upstreams, %d routes, %d authenticators, %d clients, %d connections", len(c.Upstreams), len(c.Routes), len(c.Authenticators), len(c.Clients), len(c.Connections))
	}
	formatted, err := config.Format(src.Files[0].Text)
	if err != nil || !bytes.Equal(formatted, src.Files[0].Text) {
		t.Errorf("the example is not formatted (error %v)", err)
	}
	var reference bytes.Buffer
	if err := config.WriteReference(&reference, nil, nil); err != nil {
		t.Fatal(err)
	}
	text := string(src.Files[0].Text)
	for row := range strings.SplitSeq(reference.String(), "\n") {
		if name, _, ok := strings.Cut(strings.TrimPrefix(row, "| `"), "`"); ok && strings.HasPrefix(row, "| `") && !strings.Contains(text, name) {
			t.Errorf("the example does not show %s", name)
		}
	}
}

func TestFormat(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ in, want, err string }{
		"aligned":      {"a   {\nb=1\nlonger  = 2\n}\n", "a {\n  b      = 1\n  longer = 2\n}\n", ""},
		"comments":     {"# one\na { # two\n}\n", "# one\na { # two\n}\n", ""},
		"syntax error": {"a {\n  secret = \"hunter2\" x\n}\n", "", "line 2, column 22"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := config.Format([]byte(tt.in))
			switch {
			case tt.err == "" && (err != nil || string(got) != tt.want):
				t.Errorf("got %q, error %v; want %q", got, err, tt.want)
			case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err) || strings.Contains(err.Error(), "hunter2")):
				t.Errorf("error %v, want one with %q and no secret", err, tt.err)
			}
		})
	}
}
