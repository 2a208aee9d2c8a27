package saml_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/plugins/saml"
	"github.com/gatehouse-id/gatehouse/sdk/plugintest"
)

var (
	commented = regexp.MustCompile(`(?m)^  # (authenticator "saml" \{(?:\n  #.*)+?\n  # \})$`)
	setting   = regexp.MustCompile(`(?m)^  #   ([a-z_]+) *= (.+?)(?: # .*)?$`)
)

// The block that stands commented out in the configuration of each provider is one that
// the plugin takes.
func TestBlocksOfProviders(t *testing.T) {
	t.Parallel()
	for _, provider := range []string{"okta", "entra", "onelogin", "ping", "jumpcloud", "google"} {
		text, err := os.ReadFile(filepath.Join("../../configs", provider+".hcl"))
		if err != nil {
			t.Fatal(err)
		}
		values := map[string]any{}
		for _, one := range setting.FindAllSubmatch(commented.Find(text), -1) {
			value := string(one[2])
			if strings.HasPrefix(value, "file(") {
				continue // the provider's document, which is not here
			}
			var read any
			if err := json.Unmarshal([]byte(value), &read); err != nil {
				t.Errorf("%s: %s = %s: %v", provider, one[1], one[2], err)
			}
			values[string(one[1])] = read
		}
		if len(values) == 0 {
			if provider != "google" {
				t.Errorf("%s has no block of saml", provider)
			}
			continue
		}
		h := plugintest.New(t, saml.Plugin())
		h.SetProvider("acme", provider)
		if ds, err := h.Validate(t.Context(), "saml", "acme/saml", values); err != nil || len(ds) > 0 {
			t.Errorf("%s: %v of %v, %v", provider, ds, values, err)
		}
	}
}
