package host_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/access"
	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/host"
	"github.com/gatehouse-id/gatehouse/core/policy"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

var update = flag.Bool("update", false, "write the golden files anew")

var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// What an operator reads, in every case that there is.
func TestSentences(t *testing.T) {
	t.Parallel()
	p, ds := policy.Compile(t.Context(), policy.Rules{
		Roles: []policy.Role{{Name: "admin", Permissions: []string{"*"}}, {Name: "analyst", Permissions: []string{"query:execute", "query:read"}}, {Name: "guest"}},
		Routes: []policy.Route{
			{Upstream: "app", Pattern: "/query", Permission: "query:execute"}, {Upstream: "app", Pattern: "/read", Permission: "query:read"},
			{Upstream: "app", Pattern: "/write", Permission: "policy:write"},
		},
	})
	if ds.HasErrors() {
		t.Fatal(ds)
	}
	set := func(roles ...string) policy.RoleSet {
		var grants []policy.Grant
		for _, r := range roles {
			grants = append(grants, policy.Grant{Role: r, Source: "manual"})
		}
		s, err := p.RoleSet(t.Context(), policy.Principal{Kind: policy.KindUser, ID: "u", Organization: "acme", Grants: grants})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	user := wire.Explanation{Kind: policy.KindUser, ID: "0192f0c1-7d2e-7c3a-8b1f-0123456789ab", Name: "jane@acme.example", Organization: "acme", Connection: "acme-okta"}
	client := wire.Explanation{Kind: policy.KindClient, ID: "bot", Organization: "acme"}
	gone := problem.New(problem.Forbidden, "this account has no access any more")
	analyst, owner := set("analyst"), set("guest")
	plain := access.Standing{Roles: analyst, Own: analyst.Roles, Grants: []grant.Grant{{Role: "analyst", Source: grant.Manual}}}
	refused := plain
	refused.Refused = gone
	bounded := access.Standing{Roles: p.Within(analyst, owner), Own: analyst.Roles, Owner: &owner, Grants: plain.Grants}
	scoped := plain
	scoped.Scopes = []string{"query:read"}
	var b strings.Builder
	say := func(what string, sentences ...string) {
		fmt.Fprintf(&b, "# %s\n%s\n\n", what, strings.Join(sentences, "\n"))
	}

	say("somebody with access", host.StandingOf(user, true, nil)...)
	say("a deactivated user", host.StandingOf(user, false, gone)...)
	say("a user whose connection was taken away", host.StandingOf(user, true, gone)...)
	say("a client whose owner left", host.StandingOf(client, true, problem.New(problem.Forbidden, "client %q is stopped: the user who owns it has no access", "bot"))...)
	alone := user
	alone.Connection = ""
	say("a user without a connection", host.StandingOf(alone, true, nil)...)

	role := wire.ExplainedRole{Name: "analyst", Source: "mapping", Rule: "acme-okta/analytics", Where: "okta.hcl:12", Since: noon, Why: []wire.Why{{Text: `in group "Data"`}, {Text: `user.department is "Analytics"`}}}
	say("a role by a mapping", host.RoleSentence(role, true, &plain))
	role.Since = time.Time{}
	say("by a mapping of clients", host.RoleSentence(role, true, &plain))
	say("by a file", host.RoleSentence(wire.ExplainedRole{Name: "analyst", Source: "file", Rule: `client "bot"`, Since: noon}, true, &plain))
	for _, source := range []string{"manual", "api", "another"} {
		say("by "+source, host.RoleSentence(wire.ExplainedRole{Name: "analyst", Source: source, Since: noon}, true, &plain))
	}
	say("not declared", host.RoleSentence(wire.ExplainedRole{Name: "gone", Source: "manual", Since: noon}, false, &plain))
	say("that the owner may not do", host.RoleSentence(wire.ExplainedRole{Name: "analyst", Source: "api", Since: noon}, true, &bounded))
	say("that the scopes withhold a part of", host.RoleSentence(wire.ExplainedRole{Name: "analyst", Source: "api", Since: noon, Withheld: []string{"query:execute"}}, true, &scoped))

	mappings := policy.Explanation{Declared: true, More: 2, Mappings: []policy.Explained{
		{Rule: "acme-okta/analytics", Where: "okta.hcl:12", Gives: true, Because: []policy.Why{{Text: `in group "Data"`}}},
		{Rule: "acme-okta/admins", Where: "okta.hcl:20", Because: []policy.Why{{Text: `not in group "Admins"`}}},
		{Rule: "acme-okta/either", Where: "okta.hcl:30", Because: []policy.Why{{Text: `not in group "Admins"`}}, More: 4, Either: [][]policy.Why{{{Text: `user.title is absent, and "A" was asked for`}}, {{Text: "b"}, {Text: "c"}}}},
		{Rule: "acme-okta/or", Where: "okta.hcl:40", Either: [][]policy.Why{{{Text: "a"}}, {{Text: "b"}}}},
	}}
	say("a role that somebody has", host.RoleAnswerOf(&user, &plain, "analyst", mappings).Sentences...)
	say("a role of who has no access", host.RoleAnswerOf(&user, &refused, "admin", mappings).Sentences...)
	say("a role that the owner bounds", host.RoleAnswerOf(&client, &bounded, "analyst", policy.Explanation{Declared: true}).Sentences...)
	say("a role that nothing gives", host.RoleAnswerOf(&user, &plain, "admin", policy.Explanation{Declared: true}).Sentences...)
	say("a role that is not declared", host.RoleAnswerOf(&user, &plain, "analist", policy.Explanation{Similar: "analyst"}).Sentences...)

	route := &wire.RouteRule{Pattern: "/query", Where: "rules.hcl:3", Permission: "query:execute"}
	asked := func(reason policy.Reason, allowed bool, r *wire.RouteRule) wire.RequestAnswer {
		return wire.RequestAnswer{Upstream: "app", Method: "GET", Path: "/query", Route: r, Reason: string(reason), Allowed: allowed, By: []string{"analyst"}, Could: []string{"admin", "analyst"}, More: 3}
	}
	for _, c := range []struct {
		reason  policy.Reason
		allowed bool
		route   *wire.RouteRule
	}{
		{policy.ReasonPermitted, true, route}, {policy.ReasonPermissionMissing, false, route}, {policy.ReasonOwnerMissing, false, route}, {policy.ReasonScopeMissing, false, route},
		{policy.ReasonPublic, true, &wire.RouteRule{Pattern: "/open", Where: "rules.hcl:9", Public: true}}, {policy.ReasonAuthenticated, true, &wire.RouteRule{Pattern: "/any", Where: "rules.hcl:12"}},
		{policy.ReasonAuthenticated, true, nil}, {policy.ReasonNoRule, false, nil},
	} {
		say(fmt.Sprintf("a request: %s", c.reason), host.RequestSentences(&client, &scoped, asked(c.reason, c.allowed, c.route))...)
	}
	step := *route
	step.MultiFactor, step.MaxAge = true, wire.Duration(15*time.Minute)
	say("a request that asks for a sign-on, of a person", host.RequestSentences(&user, &plain, asked(policy.ReasonPermitted, true, &step))...)
	say("and of a client", host.RequestSentences(&client, &plain, asked(policy.ReasonPermitted, false, &step))...)
	say("and of who has no access", host.RequestSentences(&user, &refused, asked(policy.ReasonPermitted, false, &step))...)

	file := filepath.Join("testdata", "sentences.txt")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("run go test ./core/host -update (-want +got):\n%s", diff)
	}
}
