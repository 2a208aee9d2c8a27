package provider_test

import (
	"slices"
	"testing"

	"github.com/gatehouse-id/gatehouse/plugins/oidc/provider"
)

// Every provider has what a sign-on needs, and none changes another's.
func TestDefaults(t *testing.T) {
	t.Parallel()
	for range 2 {
		for _, name := range []string{"okta", "entra", "onelogin", "ping", "jumpcloud", "google", "generic", "", "no such"} {
			d := provider.For(name)
			c := d.Claims
			if slices.Contains([]string{c.Email, c.EmailVerified, c.UserName, c.DisplayName, c.GivenName, c.FamilyName, d.Groups.Claim, d.Factor.ContextClaim}, "") {
				t.Errorf("%q lacks the name of a claim: %+v", name, d)
			}
			if !slices.Contains(d.Scopes, "openid") || len(d.Factor.Methods) == 0 {
				t.Errorf("%q has no scope openid, or no sign of more than one factor", name)
			}
			d.Scopes[0], d.Factor.Methods[0] = "changed", "changed" // whoever changes them changes their own
		}
	}
}

// Each cloud has a service of its own, and no token goes to another's.
func TestGraph(t *testing.T) {
	t.Parallel()
	for issuer, want := range map[string][2]string{
		"https://login.microsoftonline.com/common/v2.0": {"https://graph.microsoft.com/v1.0/me/getMemberObjects", "https://graph.microsoft.com/User.Read"},
		"https://login.microsoftonline.us/common/v2.0":  {"https://graph.microsoft.us/v1.0/me/getMemberObjects", "https://graph.microsoft.us/User.Read"},
		"https://login.microsoftonline.com.example/":    {},
		"https://idp.example":                           {},
		"":                                              {},
	} {
		address, scope := provider.For("entra").Groups.Graph(issuer)
		if want != [2]string{address, scope} {
			t.Errorf("%q: %q, %q, want %q", issuer, address, scope, want)
		}
		if address, _ := provider.For("okta").Groups.Graph(issuer); address != "" {
			t.Errorf("Okta's groups are asked for at %q", address)
		}
	}
}

// Which issuers count.
func TestIssuer(t *testing.T) {
	t.Parallel()
	const ours, theirs = "72f988bf-86f1-41af-91ab-2d7cd011db47", "11111111-2222-3333-4444-555555555555"
	const host = "https://login.microsoftonline.com/"
	for what, one := range map[string]struct {
		provider, configured string
		tenants              []string
		issuer, tenant       string
		name                 string // "" where it does not count
	}{
		"the same":                  {"okta", "https://a.example", nil, "https://a.example", "", "https://a.example"},
		"with a slash":              {"okta", "https://a.example", nil, "https://a.example/", "", ""},
		"in capitals":               {"okta", "https://a.example", nil, "https://A.example", "", ""},
		"nothing":                   {"okta", "https://a.example", nil, "", "", ""},
		"a template of another":     {"okta", host + "common/v2.0", nil, host + ours + "/v2.0", ours, ""},
		"one tenant":                {"entra", host + ours + "/v2.0", nil, host + ours + "/v2.0", ours, host + ours + "/v2.0"},
		"one tenant, named":         {"entra", host + ours + "/v2.0", []string{ours}, host + ours + "/v2.0", ours, host + ours + "/v2.0"},
		"one tenant, named another": {"entra", host + ours + "/v2.0", []string{theirs}, host + ours + "/v2.0", ours, ""},
		"many, and none named":      {"entra", host + "common/v2.0", nil, host + ours + "/v2.0", ours, ""},
		"many, and ours":            {"entra", host + "common/v2.0", []string{theirs, ours}, host + ours + "/v2.0", ours, host + ours + "/v2.0"},
		"many, and another":         {"entra", host + "organizations/v2.0", []string{ours}, host + theirs + "/v2.0", theirs, ""},
		"many, of another host":     {"entra", host + "common/v2.0", []string{ours}, "https://login.example/" + ours + "/v2.0", ours, ""},
		"Google":                    {"google", "https://accounts.google.com", nil, "accounts.google.com", "", "https://accounts.google.com"},
		"Google, of another":        {"generic", "https://accounts.google.com", nil, "accounts.google.com", "", ""},
		"another as Google":         {"google", "https://a.example", nil, "accounts.google.com", "", ""},
	} {
		name, ok := provider.For(one.provider).NewIssuer(one.configured, one.tenants).Accepts(one.issuer, one.tenant)
		if ok != (one.name != "") || ok && name != one.name {
			t.Errorf("%s: %q %t, want %q", what, name, ok, one.name)
		}
	}
}
