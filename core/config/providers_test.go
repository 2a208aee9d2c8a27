package config_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/config"
)

// Each provider has an example that is valid beside the host's own and beside
// those of the others, is laid out as the formatter would, and is the one that
// the provider's guide speaks of.
func TestProviderExamples(t *testing.T) {
	t.Parallel()
	src, err := config.ReadDir("../../configs")
	if err != nil {
		t.Fatal(err)
	}
	c, r := config.Load(src, config.Options{Env: environment, ReadFile: config.ReadUnder, AllowUnset: true}) // their secrets are not here
	if r.Len() != 0 {
		var text bytes.Buffer
		_ = r.WriteText(&text, 0, false)
		t.Errorf("the examples have mistakes:\n%s", text.String())
	}
	connections := map[string]config.Connection{}
	for _, k := range c.Connections {
		connections[filepath.Base(k.Range.Filename)] = k
	}
	for _, provider := range []config.Provider{config.Okta, config.Entra, config.OneLogin, config.Ping, config.JumpCloud, config.Google} {
		t.Run(string(provider), func(t *testing.T) {
			t.Parallel()
			name := string(provider)
			text, err := os.ReadFile(filepath.Join("../../configs", name+".hcl"))
			if err != nil {
				t.Fatal(err)
			}
			if formatted, err := config.Format(text); err != nil || !bytes.Equal(formatted, text) {
				t.Errorf("the example is not formatted (error %v)", err)
			}
			for _, mark := range []string{"EDIT 1 of 2", "EDIT 2 of 2"} {
				if !bytes.Contains(text, []byte(mark)) {
					t.Errorf("nothing is marked with %q", mark)
				}
			}
			k := connections[name+".hcl"]
			kind, says := "scim", "gatehouse scim-token create "+k.Label+"\n"
			if provider == config.Google { // it is asked, and needs no token
				kind, says = "google", "gatehouse users list --connection "+k.Label+"\n"
			}
			if k.Provider != provider || len(k.Provisioners) != 1 || k.Provisioners[0].Name != k.Label+"/"+kind {
				t.Errorf("the connection %q is to %q by %v", k.Label, k.Provider, k.Provisioners)
			}
			groups, conditions := 0, 0
			for _, m := range k.Mappings {
				if len(m.Groups) > 0 {
					groups++
				}
				if m.When != nil {
					conditions++
				}
			}
			if groups == 0 || conditions == 0 {
				t.Errorf("%d mappings go by groups and %d by a condition", groups, conditions)
			}
			guide, err := os.ReadFile(filepath.Join("../../docs/providers", name+".md"))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(guide), says) {
				t.Errorf("the guide does not say %q", says)
			}
		})
	}
}
