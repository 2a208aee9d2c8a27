package provider_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/provider"
)

// Every provider has what a connection leans on, and says where it is from.
func TestDefaults(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"okta", "entra", "onelogin", "ping", "jumpcloud", "google", "generic", "", "of somebody"} {
		d := provider.For(name)
		if d.Source == "" || len(d.Groups) == 0 || len(d.Email) == 0 || d.EntityID == "" || d.ACS == "" || d.SLO == "" || d.Certificate == "" {
			t.Errorf("%q: %+v", name, d)
		}
		if (d.MFAAttribute == "") != (len(d.MFAValues) == 0) {
			t.Errorf("%q: an attribute without values, or the other way round", name)
		}
		for _, p := range d.LogoutIssuers {
			if !strings.HasPrefix(p, "https://") || !strings.HasSuffix(p, "/") {
				t.Errorf("%q: the prefix %q is of more than one host", name, p)
			}
		}
	}
	if okta := provider.For("okta"); len(okta.MFAContexts) > 0 {
		t.Error("a class of Okta, which is a setting, is taken for a proof")
	}
}
