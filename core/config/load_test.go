package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"

	"github.com/gatehouse-id/gatehouse/core/config"
	"github.com/gatehouse-id/gatehouse/core/throttle"
	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/schema"
)

func text(t *testing.T, r *config.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.WriteText(&b, 0, false); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func one(text string) config.Source {
	return config.Source{Files: []config.File{{Name: "x.hcl", Text: []byte(text)}}}
}

func good(t *testing.T) (*config.Config, *config.Report) {
	t.Helper()
	dir, err := filepath.Abs("testdata/good")
	if err != nil {
		t.Fatal(err)
	}
	src, err := config.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	c, r := config.Load(src, config.Options{Dir: dir, Env: environment, ReadFile: config.ReadUnder})
	if r.Len() != 0 {
		t.Fatal(text(t, r))
	}
	return c, r
}

func TestTypedConfig(t *testing.T) {
	t.Parallel()
	c, _ := good(t)
	check := func(what string, want, got any) {
		t.Helper()
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", what, d)
		}
	}
	check("public_url", "https://app.example.com", c.Server.PublicURL.String())
	check("listen", "127.0.0.1:8080", c.Server.Listen)
	check("limits", config.Limits{Header: 16 << 10, Body: 1 << 20, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, DrainTimeout: 30 * time.Second}, c.Server.Limits)
	check("throttle", throttle.Limits{PerSource: 20, PerID: 100, Window: 10 * time.Minute}, c.Server.Throttle)
	check("fetch", "[10.20.0.0/16 fd00:1::/32] internal-ca.crt", fmt.Sprint(c.Server.Fetch.Allow, " ", filepath.Base(c.Server.Fetch.CAFile)))
	check("rate", "50/h", c.Clients[0].Rate.String())
	check("trusted_proxies", "[10.0.0.0/8 2001:db8::/32]", fmt.Sprint(c.Server.TrustedProxies))
	check("short_routes", true, c.Server.ShortRoutes)
	check("store", "postgres://gatehouse:value-of-STORE-URL@db.example/gatehouse", c.Store.URL.Reveal())
	check("headers", config.Headers{
		Subject: "X-Gatehouse-Subject", Kind: "X-Gatehouse-Kind", Organization: "X-Tenant-ID", Roles: "X-Gatehouse-Roles", Assertion: "X-Gatehouse-Assertion",
	}, c.Upstreams[0].Headers)
	check("preserve_host", true, c.Upstreams[0].PreserveHost)
	check("the only upstream", "app", c.Routes[0].Upstream)
	check("methods", []string{"POST"}, c.Routes[0].Methods)
	check("public", true, c.Routes[1].Public)
	check("when", true, c.Mappings[0].When != nil)
	check("organization", "acme", c.Organizations[0].Name)
	check("networks", netip.MustParsePrefix("192.0.2.0/24").String(), c.Clients[0].Networks[0].String())
	check("expires_at", "2030-01-01T00:00:00Z", c.Clients[0].ExpiresAt.Format(time.RFC3339))
	check("a client's mapping", "nightly", c.Clients[0].Mappings[0].Name)
	check("instances", "acme.main acme.plain", c.Authenticators[0].Name+" "+c.Authenticators[1].Name)
	okta := c.Connections[0]
	check("provider", config.Okta, okta.Provider)
	check("create_users", config.Provisioned, okta.CreateUsers)
	check("pull_every", 15*time.Minute, okta.PullEvery)
	check("provisioners", "acme-okta/pusher acme-okta/pusher.old", okta.Provisioners[0].Name+" "+okta.Provisioners[1].Name)
	check("isolation of a provisioner", "shared dedicated", string(okta.Provisioners[0].Isolation+" "+okta.Provisioners[1].Isolation))
	check("brake", config.Brake{Share: 0.5, Window: time.Hour, Mode: config.Hold, Least: 10}, okta.Brake)
	check("limits of a connection", config.ConnectionLimits{Concurrent: 16, Rate: 100 * 3600, Body: 16 << 20}, okta.Limits)
	check("groups", []string{"Data", "Data Science"}, okta.Mappings[0].Groups)
	check("no groups", true, okta.Mappings[1].Groups == nil && okta.Mappings[1].GroupIDs == nil)
	check("isolation of the plugin", config.Dedicated, c.Authenticators[0].Isolation)
	check("a plugin's path is absolute", true, filepath.IsAbs(c.Plugins[0].Path))
	if s := fmt.Sprintf("%v %+v %+v", c.Store, c.Authenticators, c.Connections); strings.Contains(s, "value-of") {
		t.Errorf("printing the configuration shows a secret: %s", s)
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	c, r := good(t)
	value, unknown, ok := c.Authenticators[0].Body.Decode(thirdParty)
	if !ok || len(unknown) != 0 {
		t.Fatalf("ok %v, unknown %v: %s", ok, unknown, text(t, r))
	}
	var got any
	if err := json.Unmarshal(value, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"issuer": "https://issuer.example", "client_secret": "from-a-file", "leeway": "30s", "retries": 7.0, "strict": true,
		"tokens": map[string]any{"one": "value-of-ACME-SECRET", "two": "value-of-ACME-SECRET"},
		"limit":  []any{map[string]any{"rate": 5.0}, map[string]any{"rate": 0.5}},
		"proxy":  map[string]any{"url": "http://proxy.example"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("value (-want +got):\n%s", d)
	}
	if value, _, _ := c.Authenticators[1].Body.Decode(thirdParty); string(value) != `{"issuer":"https://issuer.example","leeway":"30s","limit":[],"retries":3,"strict":true}` {
		t.Errorf("defaults only: %s", value)
	}
	if value, _, _ := c.Connections[0].Provisioners[1].Body.Decode(thirdParty); string(value) != `{"client_secret":"value-of-ACME-SECRET","issuer":"https://old.example","leeway":"30s","limit":[],"retries":3,"strict":true}` {
		t.Errorf("a provisioner: %s", value)
	}
}

// A certificate or key that is not there would otherwise show at the start.
func TestFilesThatAreNotThere(t *testing.T) {
	t.Parallel()
	src := `server {
  public_url = "https://app.example"
  listen     = "127.0.0.1:8443"
  tls {
    cert_file = "there.crt"
    key_file  = "gone.key"
  }
}
`
	_, r := config.Load(one(src), config.Options{Env: environment, Dev: true, Stat: func(path string) error {
		if path == "there.crt" {
			return nil
		}
		return &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}})
	if got := text(t, r); !strings.Contains(got, "line 6") || !strings.Contains(got, "open gone.key: file does not exist") || strings.Contains(got, "there.crt\" cannot") {
		t.Errorf("the report is:\n%s", got)
	}
}

// validate works where the secrets are not.
func TestUnset(t *testing.T) {
	t.Parallel()
	src := `
organization "acme" { name = env("NO_NAME") }
client "c" {
  organization = env("NO_ORGANIZATION")
  networks     = [env("NO_NETWORK")]
  expires_at   = env("NO_TIME")
}
authenticator "acme" {
  issuer        = env("NO_ISSUER")
  client_secret = env("NO_SECRET")
  tokens        = { a = env("NO_SECRET") }
  retries       = env("NO_NUMBER")
  limit {
    rate = 1
  }
  limit {
    rate = env("NO_NUMBER")
  }
}
`
	c, r := config.Load(one(src), config.Options{Env: environment, Dev: true, AllowUnset: true})
	value, unknown, ok := c.Authenticators[0].Body.Decode(thirdParty)
	if !ok || r.Len() != 0 {
		t.Errorf("ok %v: %s", ok, text(t, r))
	}
	if got, want := fmt.Sprint(unknown), "[issuer client_secret tokens retries limit.1.rate]"; got != want {
		t.Errorf("unknown %s, want %s", got, want)
	}
	if want := `{"leeway":"30s","limit":[{"rate":1},{}],"strict":true}`; string(value) != want {
		t.Errorf("value %s, want %s", value, want)
	}
	_, r = config.Load(one(src), config.Options{Env: environment, Dev: true})
	if n := strings.Count(text(t, r), "Variable not set"); n != 4 {
		t.Errorf("%d of 4 variables are reported without AllowUnset:\n%s", n, text(t, r))
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	secret := "authenticator \"acme\" {\n  issuer        = \"https://issuer.example\"\n  client_secret = \"literal\"\n}\n"
	tests := map[string]struct {
		src     string
		options config.Options
		want    string // part of the report; "" is no diagnostic
	}{
		"a literal secret in development":   {secret, config.Options{Dev: true}, ""},
		"a literal secret":                  {secret, config.Options{}, "CFG021"},
		"env() in a document of the store":  {`organization "a" { name = env("ROLE") }`, config.Options{Dev: true}, "No environment here"},
		"file() in a document of the store": {`organization "a" { name = file("x") }`, config.Options{Dev: true}, "No files here"},
		"no server block in development":    {``, config.Options{Dev: true}, ""},
		"no server block":                   {``, config.Options{}, "needs a server block"},
		"http in development":               {`server { public_url = "http://app.example" }`, config.Options{Dev: true}, ""},
		"http on loopback":                  {"server {\n  public_url = \"http://127.0.0.1:8080\"\n}\nstore {\n  url = \"sqlite:///x\"\n}\n", config.Options{}, ""},
		"nested too deeply":                 {"server {\n  public_url = " + strings.Repeat("[", 5000) + "\n", config.Options{Dev: true}, "Nested too deeply"},
		"a chain of operators":              {"mapping \"m\" {\n  when = " + strings.Repeat("!", 20000) + "true\n}\n", config.Options{Dev: true}, "Too many operators"},
		"a heredoc of a million lines":      {"server {\n  public_url = <<E\n" + strings.Repeat("\n", 500000) + "E\n}\n", config.Options{Dev: true}, "File too long"},
		"a name for every character":        {strings.Repeat("\x01", 100000), config.Options{Dev: true}, "Invalid character"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, r := config.Load(one(tt.src), tt.options)
			for _, a := range c.Authenticators {
				a.Body.Decode(thirdParty)
			}
			got := text(t, r)
			if tt.want == "" && r.Len() != 0 || !strings.Contains(got, tt.want) {
				t.Errorf("want %q, got:\n%s", tt.want, got)
			}
			if r.Len() > 100 {
				t.Errorf("%d diagnostics", r.Len())
			}
		})
	}
}

// A plugin whose schema cannot be used says so at its block, and is not given
// a value.
func TestWrongSchema(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		schema schema.Schema
		want   string
	}{
		"its own mistake":     {schema.Schema{Attributes: []schema.Attribute{{Name: "X", Type: schema.String, Doc: "X."}}}, "lower case"},
		"the host's words":    {schema.Schema{Attributes: []schema.Attribute{{Name: "isolation", Type: schema.String, Doc: "I."}}}, "which is the host's"},
		"the host's as block": {schema.Schema{Blocks: []schema.Block{{Name: "isolation", Doc: "I."}}}, "which is the host's"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, r := config.Load(one("authenticator \"acme\" {\n}\n"), config.Options{Dev: true})
			value, _, ok := c.Authenticators[0].Body.Decode(tt.schema)
			if got := text(t, r); ok || value != nil || !strings.Contains(got, tt.want) || !strings.Contains(got, "CFG031") {
				t.Errorf("ok %v, value %s, report:\n%s", ok, value, got)
			}
		})
	}
}

func TestLocate(t *testing.T) {
	t.Parallel()
	c, _ := good(t)
	tests := []struct {
		path string
		want string // "" is nowhere
	}{
		{"client my-tenant", "acme.hcl:5,1-19"},
		{"client my-tenant roles 0", "acme.hcl:7,20-29"},
		{"client my-tenant mapping nightly roles", "acme.hcl:14,13-24"},
		{"client my-tenant owner", "acme.hcl:5,1-19"},
		{"upstream app headers organization", "gatehouse.hcl:24,30-43"},
		{"server limits body", "gatehouse.hcl:6,12-18"},
		{"route /api/** permission", "gatehouse.hcl:28,16-31"},
		{"client other", ""},
		{"", ""},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			t.Parallel()
			at, ok := c.Locate(strings.Fields(tt.path))
			got := ""
			if ok {
				got = at.String()
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// The policy's stage adds to the same report, and a block with a mistake of an
// earlier stage is left out of what it is given.
func TestLaterStages(t *testing.T) {
	t.Parallel()
	c, r := config.Load(one(`
role "a" { permissions = ["x"] }
mapping "right" {
  when  = client.nme == "x"
  roles = ["a"]
}
mapping "wrong" {
  when  = client.nme == "x"
  roles = ["b"]
}
`), config.Options{Dev: true})
	if len(c.Mappings) != 1 || c.Mappings[0].Name != "right" {
		t.Errorf("mappings %v", c.Mappings)
	}
	at := c.Mappings[0].When.Range()
	r.Add(hcl.Diagnostics{{Severity: hcl.DiagError, Summary: "Unknown attribute", Detail: "Did you mean client.name?", Subject: &at}})
	want := "Error: Unknown attribute [CFG040]\n  on x.hcl line 4, in mapping \"right\":\n     4:   when  = client.nme == \"x\"\n                  ^^^^^^^^^^^^^^^^^\n  Did you mean client.name?\n"
	if got := text(t, r); !strings.HasPrefix(got, want) || r.Len() != 2 {
		t.Errorf("got:\n%s", got)
	}
}

// Plugins are asked side by side, and one that starts again is decoded again:
// the report does not grow by that.
func TestDecodeTogether(t *testing.T) {
	t.Parallel()
	var src strings.Builder
	src.WriteString("server {\n  public_url = \"http://127.0.0.1\"\n  file_roots = [\"secrets\"]\n}\n")
	for i := range 20 {
		fmt.Fprintf(&src, "authenticator \"acme\" \"i%d\" {\n  isuer         = \"x\"\n  client_secret = file(\"secrets/token.txt\")\n}\n", i)
	}
	c, r := config.Load(one(src.String()), config.Options{Dev: true, Dir: "testdata/good", ReadFile: config.ReadUnder})
	for range 2 {
		var wg sync.WaitGroup
		for _, a := range c.Authenticators {
			wg.Go(func() {
				a.Body.Decode(thirdParty)
				a.Body.Report(diag.Diagnostics{{Severity: diag.Warning, Summary: "Slow", Path: diag.Path{"issuer"}}})
			})
		}
		wg.Wait()
	}
	if r.Len() != 60 {
		t.Errorf("%d diagnostics, want 3 for each of 20 blocks", r.Len())
	}
}
