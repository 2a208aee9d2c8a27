package policy_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

// naive is a mapping with its condition as plain Go.
type naive struct {
	policy.Mapping
	holds func(policy.User, policy.Auth) bool
	auth  bool // the condition reads how they signed on
}

// plainConditions are conditions with what they mean.
var plainConditions = []struct {
	text  string
	holds func(policy.User, policy.Auth) bool
}{
	{"", func(policy.User, policy.Auth) bool { return true }},
	{`user.department == "x"`, func(u policy.User, _ policy.Auth) bool { return u.Texts["department"] == "x" }},
	{`user.department != "x"`, func(u policy.User, _ policy.Auth) bool {
		return u.Texts["department"] != "" && u.Texts["department"] != "x"
	}},
	{`lower(user.department) == "x" || user.title == "x"`, func(u policy.User, _ policy.Auth) bool {
		return u.Texts["department"] != "" && u.Texts["title"] != "" && (strings.EqualFold(u.Texts["department"], "x") || u.Texts["title"] == "x")
	}},
	{`!(startswith(user.title, "x") && endswith(user.title, "y"))`, func(u policy.User, _ policy.Auth) bool {
		t := u.Texts["title"]
		return t != "" && !(strings.HasPrefix(t, "x") && strings.HasSuffix(t, "y"))
	}},
	{`contains(user.emails, "x")`, func(u policy.User, _ policy.Auth) bool { return slices.Contains(u.Emails, "x") }},
	{`!contains(user.groups, "Team A")`, func(u policy.User, _ policy.Auth) bool {
		return !slices.ContainsFunc(u.Groups, func(g policy.Group) bool { return g.Name == "Team A" })
	}},
	{`contains(user.group_ids, user.title)`, func(u policy.User, _ policy.Auth) bool {
		return u.Texts["title"] != "" && slices.ContainsFunc(u.Groups, func(g policy.Group) bool { return g.ID == u.Texts["title"] })
	}},
	{`auth.mfa`, func(_ policy.User, a policy.Auth) bool { return a.MultiFactor == authn.MultiFactorYes }},
	{`!auth.mfa && user.department != "x"`, func(u policy.User, a policy.Auth) bool {
		return a.MultiFactor == authn.MultiFactorNo && u.Texts["department"] != "" && u.Texts["department"] != "x"
	}},
	{`auth.context != "x" && !contains(auth.methods, "y")`, func(_ policy.User, a policy.Auth) bool {
		return a.Context != "" && a.Context != "x" && !slices.Contains(a.Methods, "y")
	}},
}

func drawNaive(t *testing.T, rt *rapid.T, i int) naive {
	distinct := func(of []string, label string) []string {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(of), 0, 2, rapid.ID[string]).Draw(rt, label)
	}
	m := naive{Mapping: policy.Mapping{
		Name: fmt.Sprintf("m%d", i), Connection: rapid.SampledFrom([]string{"c1", "c2"}).Draw(rt, "connection"),
		Groups: distinct(groupNames, "groups"), GroupIDs: distinct([]string{"x", "y", "Team A"}, "ids"),
		GroupPatterns: distinct([]string{"*", "Team *", "*-admins", "t*m*a*", "*a*", "a*a", "*A"}, "patterns"), IgnoreCase: rapid.Bool().Draw(rt, "case"),
		Roles: rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"r0", "r1", "r2"}), 1, 2, rapid.ID[string]).Draw(rt, "roles"),
	}}
	when := rapid.SampledFrom(plainConditions).Draw(rt, "when")
	if m.holds, m.auth = when.holds, strings.Contains(when.text, "auth."); when.text != "" {
		m.When = expression(t, when.text)
	}
	return m
}

var groupNames = []string{"Team A", "team a", "Team B", "x-admins", "X-Admins", "a", "aa", "A", ""}

// in says whether a user is in a group of the mapping, by regular expressions.
func (m *naive) in(u policy.User) bool {
	if len(m.Groups)+len(m.GroupIDs)+len(m.GroupPatterns) == 0 {
		return true
	}
	flags := "(?s)"
	if m.IgnoreCase {
		flags = "(?si)"
	}
	for _, g := range u.Groups {
		if g.ID != "" && slices.Contains(m.GroupIDs, g.ID) {
			return true
		}
		for _, p := range m.GroupPatterns {
			if g.Name != "" && regexp.MustCompile(flags+"^"+strings.ReplaceAll(regexp.QuoteMeta(p), `\*`, ".*")+"$").MatchString(g.Name) {
				return true
			}
		}
		for _, name := range m.Groups {
			if g.Name != "" && regexp.MustCompile(flags+"^"+regexp.QuoteMeta(name)+"$").MatchString(g.Name) {
				return true
			}
		}
	}
	return false
}

// Whatever mappings and users there are: tables and facts give what the plainest
// evaluation of the same mappings gives, to each of many and to each session.
func TestTablesMeanWhatMappingsSay(t *testing.T) {
	t.Parallel()
	var kept, sessional int
	rapid.Check(t, func(rt *rapid.T) {
		rules := policy.Rules{Roles: []policy.Role{{Name: "r0"}, {Name: "r1"}, {Name: "r2"}}}
		var mappings []naive
		for i := range rapid.IntRange(0, 8).Draw(rt, "mappings") {
			m := drawNaive(t, rt, i)
			mappings, rules.Mappings = append(mappings, m), append(rules.Mappings, m.Mapping)
		}
		p := compile(t, rules)
		text := rapid.SampledFrom([]string{"", "x", "X", "y", "xy"})
		var users []policy.User
		for i := range rapid.IntRange(1, 6).Draw(rt, "users") {
			u := policy.User{ID: fmt.Sprint("u", i), Organization: "o1", Connection: rapid.SampledFrom([]string{"c1", "c2"}).Draw(rt, "of")}
			u.Texts = map[string]string{"department": text.Draw(rt, "department"), "title": text.Draw(rt, "title")}
			u.Emails = rapid.SliceOfN(rapid.SampledFrom([]string{"x", "z"}), 0, 2).Draw(rt, "emails")
			for range rapid.IntRange(0, 4).Draw(rt, "groups") {
				u.Groups = append(u.Groups, policy.Group{Name: rapid.SampledFrom(groupNames).Draw(rt, "name"), ID: text.Draw(rt, "id")})
			}
			users = append(users, u)
		}
		a := policy.Auth{
			MultiFactor: rapid.SampledFrom([]authn.MultiFactor{authn.MultiFactorUnsaid, authn.MultiFactorNo, authn.MultiFactorYes}).Draw(rt, "mfa"),
			Context:     text.Draw(rt, "context"), Methods: rapid.SliceOfN(rapid.SampledFrom([]string{"x", "y"}), 0, 2).Draw(rt, "methods"),
		}
		all, err := p.Mapped(t.Context(), users)
		if err != nil {
			rt.Fatal(err)
		}
		for i, u := range users {
			alone, err := p.Mapped(t.Context(), users[i:i+1])
			if err != nil || fmt.Sprint(alone[0]) != fmt.Sprint(all[i]) {
				rt.Fatalf("%+v alone is given %v, %v, and %v among others", u, alone, err, all[i])
			}
			of, err := p.Sessional(t.Context(), u, a)
			if err != nil {
				rt.Fatal(err)
			}
			for _, c := range []struct {
				auth bool
				got  []policy.Granted
			}{{false, all[i]}, {true, of}} {
				var want, have []string
				for _, m := range mappings {
					if m.auth == c.auth && m.Connection == u.Connection && m.in(u) && m.holds(u, a) {
						for _, role := range m.Roles {
							want = append(want, role+" "+m.Connection+"/"+m.Name)
						}
					}
				}
				for _, g := range c.got {
					have = append(have, g.Role+" "+g.Rule)
				}
				slices.Sort(want)
				if slices.Sort(have); !slices.Equal(want, have) {
					rt.Fatalf("%+v, signed on as %+v: has %v, want %v\n%s", u, a, have, want, p.Rego())
				}
				if c.auth {
					sessional += len(have)
				} else {
					kept += len(have)
				}
			}
		}
	})
	if kept == 0 || sessional == 0 {
		t.Errorf("given %d times, and to sessions %d times: the test compares nothing", kept, sessional)
	}
}

func TestGroupPatterns(t *testing.T) {
	t.Parallel()
	const no = ""
	for _, c := range []struct {
		pattern, group string
		ignore         bool
		reason         string // no: it does not match
	}{
		{"Team *", "Team Blue", false, `group "Team Blue"`},
		{"Team *", "Team ", false, `group "Team "`},
		{"Team *", "Team", false, no},
		{"Team *", "A Team Blue", false, no},
		{"Team *", "team blue", false, no},
		{"Team *", "team blue", true, `group "team blue"`},
		{"*-admins", "db-admins", false, `group "db-admins"`},
		{"*-admins", "db-admins2", false, no},
		{"*", "x", false, `group "x"`},
		{"a*a", "a", false, no},
		{"a*a", "aa", false, `group "aa"`},
		{"ab*ba", "aba", false, no},
		{"*ab*ab*", "xabab", false, `group "xabab"`},
		{"*ab*ab*", "xabcb", false, no},
		{"*ab*ab*b", "abab", false, no},
		{"Team ?*", "Team Blue", false, no}, // no other wildcard
		{"Team [A-Z]*", "Team Blue", false, no},
		{"T*", "\u0054\nx", false, `group "T\nx"`},
		{"M\u00fcller *", "Mu\u0308ller x", false, `group "M` + "\u00fc" + `ller x"`},
		{"STRASSE *", "stra\u00dfe 7", true, `group "stra` + "\u00df" + `e 7"`},
		{"\u0130*", "i\u0307x", true, `group "i` + "\u0307" + `x"`},
		{"\u03a3*", "\u03c2x", true, `group "` + "\u03c2" + `x"`},
	} {
		t.Run(fmt.Sprintf("%s of %q", c.pattern, c.group), func(t *testing.T) {
			t.Parallel()
			p := compile(t, policy.Rules{Roles: []policy.Role{{Name: "r"}}, Mappings: []policy.Mapping{
				{Name: "m", Connection: "acme", GroupPatterns: []string{c.pattern}, IgnoreCase: c.ignore, Roles: []string{"r"}},
			}})
			got, err := p.Mapped(t.Context(), []policy.User{person("acme", nil, policy.Group{Name: c.group}, policy.Group{Name: "", ID: c.group})})
			switch {
			case err != nil || len(got[0]) > 1:
				t.Fatal(got, err)
			case c.reason == no && len(got[0]) != 0, c.reason != no && (len(got[0]) != 1 || got[0][0].Reason != c.reason):
				t.Errorf("%v, want %q", got[0], c.reason)
			}
		})
	}
	for name, c := range map[string]struct {
		patterns []string
		want     string
	}{
		"two stars":        {[]string{"a**"}, "no more than"},
		"no star":          {[]string{"a"}, "belongs into groups"},
		"many stars":       {[]string{"a*b*c*d*e*f"}, "more than 4"},
		"a long one":       {[]string{"*" + strings.Repeat("a", 256)}, "256 bytes"},
		"many patterns":    {strings.Split(strings.TrimSuffix(strings.Repeat("a*,", 21), ","), ","), "20 is the most"},
		"many in them all": {nil, "more than 100 patterns"},
	} {
		rules := policy.Rules{Roles: []policy.Role{{Name: "r"}}}
		for i := range 26 {
			m := policy.Mapping{Name: fmt.Sprint("m", i), Connection: "acme", GroupPatterns: c.patterns, Roles: []string{"r"}}
			for j := range 10 {
				if c.patterns == nil {
					m.GroupPatterns = append(m.GroupPatterns, fmt.Sprintf("x%d-%d*", i, j))
				}
			}
			rules.Mappings = append(rules.Mappings, m)
		}
		if p, diags := policy.Compile(t.Context(), rules); p != nil || !strings.Contains(fmt.Sprint(diags, diags[0].Detail), c.want) {
			t.Errorf("%s: %v", name, diags)
		}
	}
}

// Two users of one pattern have the same facts, and each is told of their own group.
func TestReasonsAreTheirOwn(t *testing.T) {
	t.Parallel()
	p := compile(t, policy.Rules{Roles: []policy.Role{{Name: "r"}}, Mappings: []policy.Mapping{
		{Name: "m", Connection: "acme", GroupPatterns: []string{"Team *"}, Groups: []string{"Team Blue"}, Roles: []string{"r"}, When: expression(t, `user.title != "x"`)},
	}})
	users := []policy.User{
		person("acme", map[string]string{"title": "a"}, policy.Group{Name: "Team Red"}), person("acme", map[string]string{"title": "b"}, policy.Group{Name: "Team Red"}),
		person("acme", map[string]string{"title": "a"}, policy.Group{Name: "Team Green"}, policy.Group{Name: "Team Red"}), person("acme", map[string]string{"title": "a"}, policy.Group{Name: "Team Blue"}),
	}
	got, err := p.Mapped(t.Context(), users)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{
		`group "Team Red", user.title is "a"`, `group "Team Red", user.title is "b"`, `group "Team Green", group "Team Red", user.title is "a"`, `group "Team Blue", user.title is "a"`,
	} {
		if len(got[i]) != 1 || got[i][0].Reason != want {
			t.Errorf("%d: %v, want %s", i, got[i], want)
		}
	}
}
