package policy_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// sample are the rules that the tests of this package share.
func sample(tb testing.TB) policy.Rules {
	return policy.Rules{
		Roles: []policy.Role{
			{Name: "admin", Permissions: []string{"*"}},
			{Name: "analyst", Permissions: []string{"query:execute", "policy:read"}},
			{Name: "guest"},
		},
		Mappings: []policy.Mapping{
			{Name: "everybody", Where: "roles.hcl:1", Roles: []string{"guest"}},
			{Name: "roles", Where: "clients.hcl:3", Client: "my-tenant", Roles: []string{"analyst"}},
			{
				Name: "owned", Where: "roles.hcl:5", Roles: []string{"admin", "analyst"},
				When: expression(tb, `client.organization == "acme" && client.owner != "root" || contains(client.scopes, "all")`),
			},
		},
		Routes: []policy.Route{
			{Upstream: "app", Pattern: "/api/v1/admin/*", Permission: "policy:write", Where: "gatehouse.hcl:20"},
			{Upstream: "app", Pattern: "/api/v1/query/**", Permission: "query:execute", Methods: []string{"GET", "POST"}, Where: "gatehouse.hcl:24"},
			{Upstream: "app", Pattern: "/public/**", Public: true, Where: "gatehouse.hcl:28"},
		},
		Permissions: []string{"gatehouse:keys:create"},
	}
}

func TestRoleSet(t *testing.T) {
	t.Parallel()
	p := compile(t, sample(t))
	mapped := func(role, rule string) policy.Granted {
		return policy.Granted{Role: role, Source: policy.SourceMapping, Rule: rule}
	}
	client := func(id, organization, owner string) policy.Principal {
		return policy.Principal{Kind: policy.KindClient, ID: id, Organization: organization, Owner: owner}
	}
	direct := client("other", "globex", "")
	direct.Grants = []policy.Grant{
		{Role: "analyst", Source: "manual", Rule: "ticket 7"}, {Role: "analyst", Source: "api", Rule: "ticket 8"},
		{Role: "guest", Source: "manual", Rule: "a role without permissions"},
		{Role: "gone", Source: "manual", Rule: "of a role that is no longer declared"},
	}
	scoped := client("other", "globex", "ana")
	scoped.Scopes = []string{"some", "all"}
	for name, c := range map[string]struct {
		who         policy.Principal
		roles       []policy.Granted
		permissions []string
	}{
		"nothing but the mapping for everybody": {client("other", "globex", "ana"), []policy.Granted{mapped("guest", "everybody")}, nil},
		"a mapping of the client": {client("my-tenant", "globex", "ana"),
			[]policy.Granted{mapped("analyst", "roles"), mapped("guest", "everybody")}, []string{"policy:read", "query:execute"}},
		"a condition, several roles, one role twice": {client("my-tenant", "acme", "ana"),
			[]policy.Granted{mapped("admin", "owned"), mapped("analyst", "owned"), mapped("analyst", "roles"), mapped("guest", "everybody")},
			[]string{"*", "policy:read", "query:execute"}},
		"a condition that is false":                  {client("other", "acme", "root"), []policy.Granted{mapped("guest", "everybody")}, nil},
		"a condition on an attribute that is absent": {client("other", "acme", ""), []policy.Granted{mapped("guest", "everybody")}, nil},
		"the other alternative": {scoped,
			[]policy.Granted{mapped("admin", "owned"), mapped("analyst", "owned"), mapped("guest", "everybody")}, []string{"*", "policy:read", "query:execute"}},
		"direct grants": {direct,
			[]policy.Granted{{Role: "analyst", Source: "api", Rule: "ticket 8"}, {Role: "analyst", Source: "manual", Rule: "ticket 7"},
				{Role: "guest", Source: "manual", Rule: "a role without permissions"}, mapped("guest", "everybody")},
			[]string{"policy:read", "query:execute"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := p.RoleSet(t.Context(), c.who)
			if err != nil {
				t.Fatal(err)
			}
			want := policy.RoleSet{Roles: c.roles, Permissions: c.permissions}
			if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(policy.RoleSet{}), cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
			if names := got.Names(); !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
				t.Errorf("names are %v", names)
			}
		})
	}
}

// A principal that is none, or whose stored grants are not direct ones, has no
// roles: a blank name is nobody's, and a mapping's grant ends with the mapping.
func TestRoleSetRefuses(t *testing.T) {
	t.Parallel()
	p := compile(t, sample(t))
	good := policy.Principal{Kind: policy.KindClient, ID: "my-tenant", Organization: "acme"}
	for name, spoil := range map[string]func(*policy.Principal){
		"no kind":         func(w *policy.Principal) { w.Kind = "" },
		"another kind":    func(w *policy.Principal) { w.Kind = "robot" },
		"no id":           func(w *policy.Principal) { w.ID = "" },
		"no organization": func(w *policy.Principal) { w.Organization = "" },
		"grant of mapping": func(w *policy.Principal) {
			w.Grants = []policy.Grant{{Role: "admin", Source: "mapping", Rule: "owned"}}
		},
		"grant of nothing":  func(w *policy.Principal) { w.Grants = []policy.Grant{{Source: "manual"}} },
		"grant from nobody": func(w *policy.Principal) { w.Grants = []policy.Grant{{Role: "admin"}} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			who := good
			spoil(&who)
			set, err := p.RoleSet(t.Context(), who)
			if !problem.Is(err, problem.Internal) || len(set.Roles) != 0 {
				t.Errorf("%+v, %v", set, err)
			}
		})
	}
}

// An evaluation that did not end gives an error, and the set that came with it
// opens nothing.
func TestAnEvaluationThatFailsIsNoAnswer(t *testing.T) {
	t.Parallel()
	p := compile(t, sample(t))
	who := policy.Principal{Kind: policy.KindClient, ID: "my-tenant", Organization: "acme"}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.RoleSet(stopped, who); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
	set, err := p.WithLimit(time.Nanosecond).RoleSet(t.Context(), who)
	if !problem.Is(err, problem.DeadlineExceeded) {
		t.Errorf("over the time limit: %v", err)
	}
	for name, rule := range map[string]policy.Rule{
		"with a permission": p.Route("app", "GET", "/api/v1/admin/x"), "without one": p.Route("app", "GET", "/else"),
	} {
		if v, err := p.Decide(t.Context(), set, nil, rule); err == nil || v.Allow {
			t.Errorf("a set that was never evaluated, for a rule %s: %+v, %v", name, v, err)
		}
	}
	good, err := p.RoleSet(t.Context(), who)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := p.WithLimit(time.Nanosecond).Decide(t.Context(), good, nil, p.Route("app", "GET", "/else")); err == nil || v.Allow {
		t.Errorf("a decision over the time limit: %+v, %v", v, err)
	}
}

// The input is written by hand because it is evaluated often. It is the same
// value that OPA's own conversion makes.
func TestInputIsWhatOPAWouldMakeOfIt(t *testing.T) {
	t.Parallel()
	p := compile(t, policy.Rules{Roles: []policy.Role{{Name: "r"}, {Name: "s"}}, Mappings: []policy.Mapping{
		{Name: "owned", Roles: []string{"r"}, When: expression(t, `client.owner == "\u00fc" && contains(client.scopes, "x")`)},
		{Name: "one", Client: "a", Roles: []string{"s", "r"}},
	}})
	facts := func(all ...string) ast.Value {
		set := ast.NewSet()
		for _, fact := range all {
			set.Add(ast.StringTerm(fact))
		}
		return set
	}
	grant := func(role, rule string) map[string]any {
		return map[string]any{"role": role, "rule": rule, "source": "mapping"}
	}
	mappings := map[string]any{
		"when 1":   []any{map[string]any{"gives": []any{grant("r", "owned")}, "when": "when 1"}},
		"client a": []any{map[string]any{"gives": []any{grant("s", "one"), grant("r", "one")}, "when": "everybody"}},
	}
	for name, c := range map[string]struct {
		who  policy.Principal
		want map[string]any
	}{
		"everything": {
			policy.Principal{Kind: "client", ID: "a", Organization: "b", Owner: "u\u0308", Scopes: []string{"x", "x", "y:*"},
				Grants: []policy.Grant{{Role: "r", Source: "manual", Rule: "why"}}},
			map[string]any{
				"facts": facts("everybody", "client a", "when 1"), "mappings": mappings,
				"grants": []any{map[string]any{"role": "r", "source": "manual", "rule": "why"}},
			},
		},
		"least": {
			policy.Principal{Kind: "client", ID: "a", Organization: "b"},
			map[string]any{"facts": facts("everybody", "client a"), "mappings": mappings, "grants": []any{}},
		},
	} {
		want, err := ast.InterfaceToValue(c.want)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Input(c.who); got.Compare(want) != 0 {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

// Two spellings of one name are one name: "!=" must not see a difference that
// nobody else sees.
func TestUnicodeSpellingsAreEqual(t *testing.T) {
	t.Parallel()
	p := compile(t, withCondition(expression(t, "client.owner != \"m\u00fcller\"")))
	set, err := p.RoleSet(t.Context(), policy.Principal{Kind: policy.KindClient, ID: "a", Organization: "b", Owner: "mu\u0308ller"})
	if err != nil || len(set.Roles) != 0 {
		t.Errorf("%v, %v", set.Roles, err)
	}
}

// No text of a configuration becomes code, or hides in what is shown.
func TestTextsAreNeverCode(t *testing.T) {
	t.Parallel()
	for _, evil := range []string{
		"x\"}\ngrants contains {\"role\": \"admin\", \"rule\": \"\", \"source\": \"mapping\"} if { true",
		"x\ngrants contains y if y := 1", "a\\", "\\u0022", "{{", "`", "\u2028", "\u202e", "\u200b", "\U000e0001", "\x00", "\xff", "#", "\r",
	} {
		rules := policy.Rules{
			Roles: []policy.Role{{Name: "admin", Permissions: []string{"*"}}, {Name: evil, Permissions: []string{"a"}}},
			Mappings: []policy.Mapping{
				{Name: evil, Where: evil, Client: evil, Roles: []string{evil, evil}},
				{Name: evil + "2", Where: evil, Roles: []string{evil}},
			},
		}
		p, diags := policy.Compile(t.Context(), rules)
		if diags.HasErrors() {
			t.Fatalf("%q: %v", evil, diags)
		}
		for i, r := range p.Rego() {
			if r != '\n' && r != '\t' && (r < ' ' || r > '~') {
				t.Errorf("%q: what is shown holds %q at %d", evil, r, i)
			}
		}
		set, err := p.RoleSet(t.Context(), policy.Principal{Kind: policy.KindClient, ID: evil, Organization: "b"})
		if err != nil {
			t.Fatalf("%q: %v", evil, err)
		}
		if slices.Contains(set.Names(), "admin") || !slices.Equal(set.Names(), []string{strings.ToValidUTF8(evil, "\ufffd")}) {
			t.Errorf("%q: roles are %q", evil, set.Names())
		}
	}
}

func TestRego(t *testing.T) {
	t.Parallel()
	p := compile(t, sample(t))
	golden(t, "sample.rego", p.Rego())
	if again := compile(t, sample(t)).Rego(); again != p.Rego() {
		t.Error("the same rules give another text")
	}
}

// The engine takes nothing that depends on more than its input.
func TestBuiltinsAreAllowListed(t *testing.T) {
	t.Parallel()
	var names []string
	for _, b := range policy.Capabilities().Builtins {
		names = append(names, b.Name)
		if b.IsNondeterministic() {
			t.Errorf("%s is not deterministic", b.Name)
		}
	}
	if len(names) != len(policy.Builtins()) {
		t.Errorf("OPA has %v, the list is %v", names, policy.Builtins())
	}
	if policy.Capabilities().AllowNet == nil {
		t.Error("a missing list of networks allows all of them")
	}
	for _, line := range []string{
		`http.send({"method": "get", "url": "http://127.0.0.1"}).status_code == 200`, `opa.runtime().env.PATH != ""`,
		`time.now_ns() > 0`, `rand.intn("x", 2) == 1`, `net.lookup_ip_addr("localhost") != set()`, `regex.match(".*", "x")`,
		`io.jwt.decode("x")[0] != {}`, `trace("x")`, `startswith(input.client.id, "x")`, `data.secrets.x == 1; glob.match("*", [], "x")`,
	} {
		if policy.Compiles(t.Context(), line) == nil {
			t.Errorf("%s compiles", line)
		}
	}
	if err := policy.Compiles(t.Context(), `"x" in input.facts`); err != nil {
		t.Error(err)
	}
}
