package config_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/config"
	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/schema"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s differs (-want +got); if that is meant, run the test with -update:\n%s", name, d)
	}
}

// thirdParty is the schema of a plugin as somebody else would write it.
var thirdParty = schema.Schema{
	Attributes: []schema.Attribute{
		{Name: "issuer", Type: schema.String, Required: true, Doc: "Who issues the tokens.", Example: `"https://issuer.example"`},
		{Name: "client_secret", Type: schema.String, Sensitive: true, Doc: "The secret that the issuer gave.", Example: `env("ACME_SECRET")`},
		{Name: "tokens", Type: schema.Map, Sensitive: true, Doc: "Secrets by name."},
		{Name: "leeway", Type: schema.Duration, Default: "30s", Doc: "How far clocks may differ."},
		{Name: "retries", Type: schema.Number, Default: 3.0, Doc: "How often to try again."},
		{Name: "strict", Type: schema.Bool, Default: true, Doc: "Whether unknown fields are refused."},
		{Name: "audiences", Type: schema.Strings, Doc: "For whom tokens may be."},
		{Name: "claims", Type: schema.Map, Doc: "Claims that must have a value."},
		{Name: "signing_key", Type: schema.Key, Doc: "The key that signs requests."},
		{Name: "audience", Type: schema.String, Deprecated: "Use audiences.", Doc: "For whom tokens may be."},
	},
	Blocks: []schema.Block{
		{Name: "proxy", Doc: "How the issuer is reached.", Schema: schema.Schema{Attributes: []schema.Attribute{
			{Name: "url", Type: schema.String, Required: true, Doc: "The proxy."},
			{Name: "password", Type: schema.String, Sensitive: true, Doc: "Its password."},
		}}},
		{Name: "limit", Repeated: true, Doc: "A limit of requests.", Schema: schema.Schema{Attributes: []schema.Attribute{
			{Name: "rate", Type: schema.Number, Required: true, Doc: "Requests a second."},
		}}},
	},
}

// environment is what the tests' env() knows.
func environment(name string) (string, bool) {
	v, ok := map[string]string{
		"ACME_SECRET": "value-of-ACME-SECRET", "ROLE": "value-of-ROLE", "NUMBER": "7", "YES": "true", "EMPTY": "",
		"STORE_URL": "postgres://gatehouse:value-of-STORE-URL@db.example/gatehouse",
	}[name]
	return v, ok
}

// everything loads a configuration through all stages of this package: the
// third party's blocks are decoded, and its complaints are reported.
func everything(src config.Source, o config.Options) (*config.Config, *config.Report) {
	c, r := config.Load(src, o)
	for _, a := range c.Authenticators {
		switch a.Kind {
		case "acme":
			if _, _, ok := a.Body.Decode(thirdParty); ok && a.Label == "complaining" {
				a.Body.Report(diag.Diagnostics{
					{Summary: "Issuer out of reach", Detail: "It answered 404.", Path: diag.Path{"issuer"}},
					{Summary: "Secret too short", Detail: "value-of-ACME-SECRET has 20 characters.", Path: diag.Path{"client_secret"}},
					{Summary: "Limit too high", Detail: "At most 10\x1b[2J.", Path: diag.Path{"limit", "1", "rate"}},
					{Severity: diag.Warning, Summary: "No audiences", Detail: "Every audience is accepted.", Path: diag.Path{"audiences"}},
					{Summary: "Nothing works", Detail: "Really."},
				})
			}
		default:
			a.Body.UnknownKind([]string{"acme", "apikey"})
		}
	}
	for _, connection := range c.Connections {
		for _, p := range connection.Provisioners {
			if p.Kind != "pusher" {
				p.Body.UnknownKind([]string{"pusher"})
				continue
			}
			p.Body.Decode(thirdParty)
		}
	}
	return c, r
}

// cases lists the directories of testdata that hold a configuration.
func cases(t testing.TB) []string {
	entries, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && e.Name() != "fuzz" && e.Name() != "rapid" {
			names = append(names, e.Name())
		}
	}
	if len(names) < 10 {
		t.Fatalf("only %d cases in testdata", len(names))
	}
	return names
}

// TestMessages compares what is printed for each directory of testdata. Those
// whose name begins with "good" have no mistakes.
func TestMessages(t *testing.T) {
	t.Parallel()
	for _, name := range cases(t) {
		dir := filepath.Join("testdata", name)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src, err := config.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			_, r := everything(src, config.Options{Dir: dir, Env: environment, ReadFile: config.ReadUnder})
			var text, machine bytes.Buffer
			if err := r.WriteText(&text, 78, false); err != nil {
				t.Fatal(err)
			}
			if err := r.WriteJSON(&machine); err != nil {
				t.Fatal(err)
			}
			golden(t, name+".want", text.Bytes())
			if name == "five" {
				golden(t, name+".json", machine.Bytes())
			}
			if good := len(name) >= 4 && name[:4] == "good"; good == r.HasErrors() {
				t.Errorf("errors: %v", r.HasErrors())
			}
		})
	}
}
