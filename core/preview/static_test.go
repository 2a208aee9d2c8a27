package preview_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/preview"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
)

// What follows from the files alone is told as well: addresses, permissions,
// routes, factors.
func TestWhatTheConfigurationsSay(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		before, after := base(t), base(t)
		before.roles[0].Permissions, after.roles[0].Permissions = []string{"a:read", "b:*"}, []string{"b:*", "c:read", "c:read"}
		after.roles = append(after.roles, roles("auditor")...)
		after.connections["okta"] = preview.Connection{Organization: "acme", SignOn: true, MultiFactor: true}
		after.connections["new"] = preview.Connection{Organization: "acme", SignOn: true, MultiFactor: true}
		before.addresses = []preview.Address{
			{"okta", "okta/saml", "acs", "https://old/sso/okta/acs"}, {"okta", "okta/saml", "metadata", "https://old/sso/okta/metadata"},
			{"okta", "okta/scim", "provisioning", "https://same/scim/v2"}, {"entra", "entra/oidc", "callback", "https://x/sso/entra/callback"},
		}
		after.addresses = []preview.Address{
			{"okta", "okta/saml.new", "acs", "https://old/sso/okta/new/acs"}, {"okta", "okta/saml", "metadata", "https://new/sso/okta/metadata"},
			{"okta", "okta/scim", "provisioning", "https://same/scim/v2"}, {"new", "new/oidc", "callback", "https://x/sso/new/callback"},
		}
		before.routes = []policy.Route{
			{Upstream: "app", Pattern: "/a", Permission: "a:read"}, {Upstream: "app", Pattern: "/b", Methods: []string{"GET", "POST"}}, {Upstream: "app", Pattern: "/c"},
		}
		after.routes = []policy.Route{
			{Upstream: "app", Pattern: "/a", Permission: "a:read", SignOn: policy.SignOn{MultiFactor: true, MaxAge: time.Hour}},
			{Upstream: "app", Pattern: "/b", Methods: []string{"GET"}}, {Upstream: "app", Pattern: "/d", Public: true}, {Upstream: "app", Pattern: "/c"},
		}
		before.upstreams, after.upstreams = map[string]bool{"app": false, "old": true}, map[string]bool{"app": true}
		w.apply(side(t, before))
		plan, _ := w.plan(side(t, after))
		want := wire.Plan{
			MultiFactor: []string{"okta"},
			Addresses: []wire.PlannedAddress{
				{Connection: "entra", Instance: "entra/oidc", What: "callback", Before: "https://x/sso/entra/callback"},
				{Connection: "new", Instance: "new/oidc", What: "callback", After: "https://x/sso/new/callback"},
				{Connection: "okta", Instance: "okta/saml", What: "metadata", Before: "https://old/sso/okta/metadata", After: "https://new/sso/okta/metadata"},
				{Connection: "okta", Instance: "okta/saml.new", What: "acs", Before: "https://old/sso/okta/acs", After: "https://old/sso/okta/new/acs"},
			},
			Permissions: []wire.PlannedPermissions{{Role: "admin", Gains: []string{"c:read"}, Loses: []string{"a:read"}}},
			Routes: []wire.PlannedRoute{
				{Upstream: "app", Pattern: "(paths without a rule)", Before: "any principal", After: "what nobody has"},
				{Upstream: "app", Pattern: "/a", Before: "a:read", After: "a:read, more than one factor, a sign-on of the last 1h0m0s"},
				{Upstream: "app", Pattern: "/b", Method: "POST", Before: "any principal"}, {Upstream: "app", Pattern: "/d", After: "nothing"},
				{Upstream: "old", Pattern: "(paths without a rule)", Before: "what nobody has"},
			},
			Connections:  wire.PlannedNames{Added: []string{"new"}, Removed: []string{}},
			Declarations: wire.PlannedNames{Added: []string{"auditor"}, Removed: []string{}},
			Roles:        []wire.PlannedRole{}, Access: []wire.PlannedAccess{}, Lockouts: []wire.Lockout{}, Clients: plan.Clients,
			Digest: plan.Digest, MadeAt: plan.MadeAt,
		}
		if diff := cmp.Diff(want, plan); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
