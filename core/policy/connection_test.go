package policy_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// people are the mappings that the tests of connections share.
func people(tb testing.TB) policy.Rules {
	return policy.Rules{
		Roles: []policy.Role{{Name: "admin", Permissions: []string{"*"}}, {Name: "analyst", Permissions: []string{"query:execute"}}, {Name: "guest"}},
		Mappings: []policy.Mapping{
			{Name: "every client", Where: "roles.hcl:1", Roles: []string{"admin"}},
			{Name: "guests", Connection: "acme", Where: "acme.hcl:1", Roles: []string{"guest"}},
			{Name: "admins", Connection: "acme", Where: "acme.hcl:3", Groups: []string{"Admins", "Root"}, GroupIDs: []string{"g1"}, Roles: []string{"admin"}},
			{Name: "analytics", Connection: "acme", Where: "acme.hcl:9", Groups: []string{"Data"}, Roles: []string{"analyst", "guest"},
				When: expression(tb, `user.department == "Analytics" && !endswith(user.email, "@partner.example")`)},
			{Name: "guests", Connection: "globex", Where: "globex.hcl:1", Roles: []string{"analyst"}, When: expression(tb, `contains(user.groups, "Data")`)},
			{Name: "nobody", Connection: "initech", Where: "initech.hcl:1", Roles: []string{"admin"}, When: expression(tb, `false`)},
		},
	}
}

func person(connection string, texts map[string]string, groups ...policy.Group) policy.User {
	return policy.User{ID: "u1", Organization: "o1", Connection: connection, Texts: texts, Groups: groups}
}

func TestMapped(t *testing.T) {
	t.Parallel()
	p := compile(t, people(t))
	mapped := func(role, rule, reason string) policy.Granted {
		return policy.Granted{Role: role, Source: policy.SourceMapping, Rule: rule, Reason: reason}
	}
	every := mapped("guest", "acme/guests", "every user of the connection")
	analyst := map[string]string{"department": "Analytics", "email": "jane@acme.example"}
	const why = `group "Data", user.department is "Analytics", user.email is "jane@acme.example"`
	for name, c := range map[string]struct {
		who  policy.User
		want []policy.Granted
	}{
		"a mapping without groups and condition": {person("acme", nil), []policy.Granted{every}},
		"groups by name and by id": {person("acme", nil, policy.Group{Name: "Root"}, policy.Group{Name: "Admins", ID: "g2"}, policy.Group{Name: "Other", ID: "g1"}),
			[]policy.Granted{mapped("admin", "acme/admins", `group "Admins", group "Root", group with the id "g1"`), every}},
		"a name is not an id":               {person("acme", nil, policy.Group{Name: "g1", ID: "Admins"}), []policy.Granted{every}},
		"case counts":                       {person("acme", nil, policy.Group{Name: "admins"}), []policy.Granted{every}},
		"a group and a condition":           {person("acme", analyst, policy.Group{Name: "Data"}), []policy.Granted{mapped("analyst", "acme/analytics", why), mapped("guest", "acme/analytics", why), every}},
		"the condition without the group":   {person("acme", analyst), []policy.Granted{every}},
		"the group without an attribute":    {person("acme", map[string]string{"department": "Analytics"}, policy.Group{Name: "Data"}), []policy.Granted{every}},
		"another connection":                {person("globex", analyst, policy.Group{Name: "Data"}, policy.Group{Name: "Admins"}), []policy.Granted{mapped("analyst", "globex/guests", "user.groups")}},
		"a condition that never holds":      {person("initech", nil), nil},
		"a connection without mappings":     {person("umbrella", nil, policy.Group{Name: "Admins"}), nil},
		"a user whom no connection has":     {person("", nil, policy.Group{Name: "Admins"}), nil},
		"two spellings of one name are one": {person("acme", nil, policy.Group{Name: "Admins\u0308"}), []policy.Granted{every}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := p.Mapped(t.Context(), []policy.User{c.who})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([][]policy.Granted{c.want}, got, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
	if got := p.Where("acme/analytics") + p.Where("acme/gone") + p.Where("gone"); got != "acme.hcl:9" {
		t.Errorf("where they stand: %q", got)
	}
	golden(t, "connections.rego", p.Rego())
}

func TestMappedRefuses(t *testing.T) {
	t.Parallel()
	p := compile(t, people(t))
	for name, who := range map[string]policy.User{
		"no id": {Organization: "o1", Connection: "acme"}, "no organization": {ID: "u1", Connection: "acme"},
	} {
		if got, err := p.Mapped(t.Context(), []policy.User{person("acme", nil), who}); !problem.Is(err, problem.Internal) || got != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if got, err := p.WithLimit(1).Mapped(t.Context(), []policy.User{person("acme", nil)}); !problem.Is(err, problem.DeadlineExceeded) || got != nil {
		t.Errorf("over the time limit: %v, %v", got, err)
	}
}

// Whatever users and rules there are: what a batch is given is what each is given
// alone, by the plainest evaluation there is.
func TestMappedIsWhatARuleSays(t *testing.T) {
	t.Parallel()
	groups, departments := []string{"A", "B", "a", "C"}, []string{"", "x", "y"}
	given := 0
	rapid.Check(t, func(rt *rapid.T) {
		type plain struct {
			policy.Mapping
			department string
		}
		var mappings []plain
		rules := policy.Rules{Roles: []policy.Role{{Name: "r0"}, {Name: "r1"}, {Name: "r2"}}}
		for i := range rapid.IntRange(0, 6).Draw(rt, "mappings") {
			m := plain{Mapping: policy.Mapping{
				Name: fmt.Sprintf("m%d", i), Connection: rapid.SampledFrom([]string{"c1", "c2"}).Draw(rt, "connection"),
				Groups:   rapid.SliceOfNDistinct(rapid.SampledFrom(groups), 0, 2, rapid.ID[string]).Draw(rt, "groups"),
				GroupIDs: rapid.SliceOfNDistinct(rapid.SampledFrom(groups), 0, 2, rapid.ID[string]).Draw(rt, "ids"),
				Roles:    []string{fmt.Sprintf("r%d", rapid.IntRange(0, 2).Draw(rt, "role"))},
			}, department: rapid.SampledFrom(departments).Draw(rt, "department")}
			if m.department != "" {
				m.When = expression(t, fmt.Sprintf("user.department == %q", m.department))
			}
			mappings, rules.Mappings = append(mappings, m), append(rules.Mappings, m.Mapping)
		}
		p := compile(t, rules)
		var users []policy.User
		for range rapid.IntRange(1, 8).Draw(rt, "users") {
			u := person(rapid.SampledFrom([]string{"c1", "c2", "c3"}).Draw(rt, "of"), map[string]string{"department": rapid.SampledFrom(departments).Draw(rt, "in")})
			for _, g := range rapid.SliceOfN(rapid.SampledFrom(groups), 0, 3).Draw(rt, "member") {
				u.Groups = append(u.Groups, policy.Group{Name: g, ID: rapid.SampledFrom(groups).Draw(rt, "id")})
			}
			users = append(users, u)
		}
		got, err := p.Mapped(t.Context(), users)
		if err != nil {
			rt.Fatal(err)
		}
		for i, u := range users {
			var want, have []string
			for _, m := range mappings {
				in := len(m.Groups)+len(m.GroupIDs) == 0 || slices.ContainsFunc(u.Groups, func(g policy.Group) bool {
					return slices.Contains(m.Groups, g.Name) || slices.Contains(m.GroupIDs, g.ID)
				})
				if m.Connection == u.Connection && in && (m.department == "" || m.department == u.Texts["department"]) {
					want = append(want, m.Roles[0]+" "+m.Connection+"/"+m.Name)
				}
			}
			for _, g := range got[i] {
				have = append(have, g.Role+" "+g.Rule)
			}
			slices.Sort(want)
			if slices.Sort(have); !slices.Equal(want, have) {
				rt.Fatalf("%+v has %v, want %v\n%s", u, have, want, p.Rego())
			}
			given += len(have)
		}
	})
	if given == 0 {
		t.Error("nobody was ever given anything: the test compares nothing")
	}
}

// What a mapping cannot see costs nothing, and what it sees is not forgotten.
func TestMappingsSeeWhatTheyName(t *testing.T) {
	t.Parallel()
	p := compile(t, people(t))
	for label, want := range map[string]string{"acme": "[user.department user.email] []", "globex": "[] [user.groups]"} {
		texts, lists := p.Sees(label)
		if got := fmt.Sprint(texts, lists); got != want {
			t.Errorf("%s sees %s, want %s", label, got, want)
		}
	}
}

// The digest changes with what the mappings of the connection say, and with
// nothing else.
func TestDigest(t *testing.T) {
	t.Parallel()
	before := compile(t, people(t))
	for name, c := range map[string]struct {
		change func(*policy.Rules)
		same   bool
	}{
		"another place":                {func(r *policy.Rules) { r.Mappings[2].Where = "acme.hcl:77" }, true},
		"another connection's mapping": {func(r *policy.Rules) { r.Mappings[4].Roles = []string{"guest"} }, true},
		"what a role permits":          {func(r *policy.Rules) { r.Roles[0].Permissions = nil }, true},
		"another group":                {func(r *policy.Rules) { r.Mappings[2].Groups = []string{"Admins"} }, false},
		"another role":                 {func(r *policy.Rules) { r.Mappings[2].Roles = []string{"guest"} }, false},
		"another name":                 {func(r *policy.Rules) { r.Mappings[2].Name = "bosses" }, false},
		"another condition":            {func(r *policy.Rules) { r.Mappings[3].When = expression(t, `user.department == "x"`) }, false},
		"one that is gone":             {func(r *policy.Rules) { r.Mappings = slices.Delete(r.Mappings, 1, 2) }, false},
		"a group for an id of its letter": {func(r *policy.Rules) {
			r.Mappings[2].Groups, r.Mappings[2].GroupIDs = []string{"Admins", "Root", "g1"}, nil
		}, false},
	} {
		rules := people(t)
		c.change(&rules)
		if after := compile(t, rules); (after.Digest("acme") == before.Digest("acme")) != c.same {
			t.Errorf("%s: the same digest: %t", name, !c.same)
		}
	}
	if before.Digest("acme") == before.Digest("globex") || before.Digest("initech") != "" || before.Digest("") != "" {
		t.Error("connections have each other's digest, or one without mappings has any")
	}
}

func TestMistakesInMappingsOfConnections(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*policy.Mapping)
		want   string
	}{
		"an attribute of clients": {func(m *policy.Mapping) { m.When = expression(t, `client.id == "x"`) }, "Unknown attribute"},
		"a mistyped attribute":    {func(m *policy.Mapping) { m.When = expression(t, `user.departement == "x"`) }, `Did you mean "user.department"?`},
		"the name of another":     {func(m *policy.Mapping) { m.Name = "admins" }, "declared twice"},
		"an unknown role":         {func(m *policy.Mapping) { m.Roles = []string{"gest"} }, `Did you mean "guest"?`},
		"too many rules": {func(m *policy.Mapping) {
			for i := range 1001 {
				m.Groups = append(m.Groups, fmt.Sprint(i))
			}
		}, "Mapping too large"},
	} {
		rules := people(t)
		c.change(&rules.Mappings[1])
		p, diags := policy.Compile(t.Context(), rules)
		if p != nil || !strings.Contains(diags.Error()+fmt.Sprint(diags), c.want) {
			t.Errorf("%s: %v", name, diags)
		}
	}
}

// A user's kept grants count as they are, and no mapping of clients is theirs.
func TestRoleSetOfAUser(t *testing.T) {
	t.Parallel()
	p := compile(t, people(t))
	set, err := p.RoleSet(t.Context(), policy.Principal{Kind: policy.KindUser, ID: "u1", Organization: "o1", Grants: []policy.Grant{
		{Role: "analyst", Source: policy.SourceMapping, Rule: "acme/analytics"}, {Role: "gone", Source: "manual"},
	}})
	if err != nil || !slices.Equal(set.Names(), []string{"analyst"}) || !slices.Equal(set.Permissions, []string{"query:execute"}) {
		t.Errorf("%+v, %v", set, err)
	}
}

func TestAClientWithinItsOwner(t *testing.T) {
	t.Parallel()
	rules := policy.Rules{Roles: []policy.Role{
		{Name: "everything", Permissions: []string{"*"}}, {Name: "queries", Permissions: []string{"query:*"}},
		{Name: "reader", Permissions: []string{"query:read"}}, {Name: "writer", Permissions: []string{"query:write", "policy:write"}},
		{Name: "label"}, {Name: "keys", Permissions: []string{"gatehouse:keys"}},
	}, Permissions: []string{"query:read", "query:write", "policy:write", "gatehouse:keys"}}
	p := compile(t, rules)
	set := func(kind string, roles ...string) policy.RoleSet {
		var grants []policy.Grant
		for _, r := range roles {
			grants = append(grants, policy.Grant{Role: r, Source: "manual"})
		}
		s, err := p.RoleSet(t.Context(), policy.Principal{Kind: kind, ID: "x", Organization: "o1", Grants: grants})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for name, c := range map[string]struct {
		client, owner []string
		roles         []string
		may           []string
	}{
		"the owner may everything":        {[]string{"queries", "writer"}, []string{"everything"}, []string{"queries", "writer"}, []string{"policy:write", "query:read", "query:write"}},
		"but not our own administration":  {[]string{"keys"}, []string{"everything"}, nil, nil},
		"the owner may less":              {[]string{"everything"}, []string{"reader"}, nil, []string{"query:read"}},
		"the owner may a part of a role":  {[]string{"writer", "reader"}, []string{"queries"}, []string{"reader"}, []string{"query:read", "query:write"}},
		"the owner has nothing":           {[]string{"everything", "label"}, nil, nil, nil},
		"the client has nothing":          {nil, []string{"everything"}, nil, nil},
		"a role without permissions":      {[]string{"label"}, []string{"everything"}, nil, nil},
		"which the owner has too":         {[]string{"label"}, []string{"label"}, []string{"label"}, nil},
		"the same role":                   {[]string{"writer"}, []string{"writer"}, []string{"writer"}, []string{"policy:write", "query:write"}},
		"two that do not meet":            {[]string{"writer"}, []string{"reader"}, nil, nil},
		"one pattern within a wider one":  {[]string{"queries"}, []string{"everything"}, []string{"queries"}, []string{"query:read", "query:write"}},
		"one pattern beyond a tight one":  {[]string{"queries"}, []string{"reader"}, nil, []string{"query:read"}},
		"several of the owner's together": {[]string{"writer"}, []string{"reader", "writer"}, []string{"writer"}, []string{"policy:write", "query:write"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			within := p.Within(set(policy.KindClient, c.client...), set(policy.KindUser, c.owner...))
			if !slices.Equal(within.Names(), c.roles) {
				t.Errorf("roles %v, want %v", within.Names(), c.roles)
			}
			var may []string
			for _, permission := range []string{"gatehouse:keys", "policy:write", "query:read", "query:write"} {
				v, err := p.Decide(t.Context(), within, nil, policy.Rule{Index: policy.NoRule, Permission: permission})
				if err != nil {
					t.Fatal(err)
				}
				if v.Allow {
					may = append(may, permission)
				} else if v.Reason != policy.ReasonPermissionMissing && v.Reason != policy.ReasonOwnerMissing || v.Permission != permission {
					t.Errorf("%s: %+v", permission, v)
				}
			}
			if !slices.Equal(may, c.may) {
				t.Errorf("may %v, want %v", may, c.may)
			}
		})
	}
	for name, s := range map[string]policy.RoleSet{
		"a client that was never evaluated": p.Within(policy.RoleSet{}, set(policy.KindUser, "everything")),
		"an owner who was never evaluated":  p.Within(set(policy.KindClient, "everything"), policy.RoleSet{}),
	} {
		if v, err := p.Decide(t.Context(), s, nil, policy.Rule{Index: policy.NoRule}); err == nil || v.Allow {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
	}
	within := p.Within(set(policy.KindClient, "everything"), set(policy.KindUser, "reader"))
	if v, err := p.Decide(t.Context(), within, nil, policy.Rule{Index: policy.NoRule, Permission: "query:write"}); err != nil || v.Reason != policy.ReasonOwnerMissing {
		t.Errorf("for the want of the owner's permission: %+v, %v", v, err)
	}
}

// Many connections cost nobody of another anything.
func BenchmarkMapped(b *testing.B) {
	for _, n := range []int{1, 1000} {
		rules := policy.Rules{Roles: []policy.Role{{Name: "r"}}}
		for c := range n {
			for m := range 10 {
				rules.Mappings = append(rules.Mappings, policy.Mapping{
					Name: fmt.Sprint("m", m), Connection: fmt.Sprint("c", c), Groups: []string{fmt.Sprint("g", m)}, Roles: []string{"r"},
					When: expression(b, `user.department == "x"`),
				})
			}
		}
		p := compile(b, rules)
		for _, k := range []int{1, 1000} {
			var alike, all []policy.User
			for i := range k {
				u := person("c0", map[string]string{"department": "x", "email": fmt.Sprint(i)}, policy.Group{Name: "g3"}, policy.Group{Name: fmt.Sprint("other", i)})
				alike = append(alike, u)
				u.Texts = map[string]string{"department": fmt.Sprint(i)}
				all = append(all, u)
			}
			for name, users := range map[string][]policy.User{"alike": alike, "different": all} {
				b.Run(fmt.Sprintf("connections=%d/users=%d/%s", n, k, name), func(b *testing.B) {
					for b.Loop() {
						if _, err := p.Mapped(context.Background(), users); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		}
	}
}
