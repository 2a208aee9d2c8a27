package docs_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/gatehouse-id/gatehouse/core/config"
	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

const mappings = "docs/reference/mappings.md"

// condition is a line of an example: when = ... # whom it holds for.
var condition = regexp.MustCompile(`(?m)^when = (.*?) +# (.*)$`)

// Each condition of the page holds for those whom the page names, and nobody else
// of its tables.
func TestMappingExamples(t *testing.T) {
	t.Parallel()
	examples := condition.FindAllStringSubmatch(read(t, mappings), -1)
	if len(examples) < 20 {
		t.Fatalf("only %d examples were found", len(examples))
	}
	users, clients := usersOf(t), clientsOf(t)
	for _, e := range examples {
		t.Run(e[1], func(t *testing.T) {
			t.Parallel()
			var want []string
			if e[2] != "nobody" {
				want = words(e[2])
			}
			got, err := holdsForUsers(t.Context(), e[1], users)
			if strings.Contains(e[1], "auth.") {
				got, err = holdsForSessions(t, e[1])
			}
			if strings.Contains(e[1], "client.") {
				got, err = holdsForClients(t.Context(), e[1], clients)
			}
			compareNames(t, want, got, err)
		})
	}
}

func compareNames(t *testing.T, want, got []string, err error) {
	t.Helper()
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-page +policy):\n%s", err, diff)
	}
}

func TestMappingExamplesCanFail(t *testing.T) {
	t.Parallel()
	got, err := holdsForUsers(t.Context(), `user.department == "Analytics"`, usersOf(t))
	if err != nil || !slices.Equal(got, []string{"jane"}) {
		t.Errorf("it holds for %v, %v", got, err)
	}
	if _, err := holdsForUsers(t.Context(), `user.department`, nil); err == nil {
		t.Error("what is no condition is none here either")
	}
}

// What the page says is refused is, as it says.
func TestMappingRefusals(t *testing.T) {
	t.Parallel()
	rows := table(t, mappings, "Condition")
	if len(rows) < 10 {
		t.Fatalf("only %d rows were found", len(rows))
	}
	for _, cells := range rows {
		_, ds := compile(t.Context(), cells[0], policy.Mapping{Connection: "c"})
		if len(ds) == 0 || ds[0].Summary != cells[1] {
			t.Errorf("%s is refused as %v, and the page says %s", cells[0], ds, cells[1])
		}
	}
}

// The page has every part that a condition can have, and every attribute of
// clients: the list is that of the message for what cannot be.
func TestMappingPartsAreComplete(t *testing.T) {
	t.Parallel()
	page := read(t, mappings)
	_, ds := compile(t.Context(), `client.id > "a"`, policy.Mapping{})
	if len(ds) != 1 {
		t.Fatalf("it is refused as %v", ds)
	}
	list, attributes, _ := strings.Cut(ds[0].Detail, "and the attributes ")
	parts := append(regexp.MustCompile(`[a-z]+\([a-z, ]+\)|[=!&|]+|true|false`).FindAllString(list, -1), words(strings.TrimSuffix(attributes, "."))...)
	if len(parts) < 15 {
		t.Fatalf("the message lists only %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(page, part) && !strings.Contains(page, strings.ReplaceAll(part, "|", `\|`)) {
			t.Errorf("the page does not have %s", part)
		}
	}
}

// The configuration of the page is one.
func TestMappingConfiguration(t *testing.T) {
	t.Parallel()
	found := 0
	for _, block := range regexp.MustCompile("(?ms)^```hcl\n(.*?)^```$").FindAllStringSubmatch(read(t, mappings), -1) {
		if !strings.HasPrefix(block[1], "connection ") || !strings.Contains(block[1], "mapping") {
			continue
		}
		found++
		text := "organization \"acme\" {}\nrole \"admin\" {\n  permissions = [\"*\"]\n}\nrole \"analyst\" {\n  permissions = []\n}\n" + block[1]
		c, report := config.Load(config.Source{Files: []config.File{{Name: "a.hcl", Text: []byte(text)}}}, config.Options{Dev: true})
		if report.HasErrors() || len(c.Connections) != 1 {
			t.Fatalf("%s", report.Summary())
		}
		rules := policy.Rules{Roles: []policy.Role{{Name: "admin"}, {Name: "analyst"}}}
		for _, m := range c.Connections[0].Mappings {
			rules.Mappings = append(rules.Mappings, policy.Mapping{Name: m.Name, Connection: "acme-okta", Groups: m.Groups, When: m.When, Roles: m.Roles})
		}
		p, ds := policy.Compile(t.Context(), rules)
		if ds.HasErrors() {
			t.Fatal(ds)
		}
		users := usersOf(t)
		for i := range users {
			users[i].Connection = "acme-okta"
		}
		granted, err := p.Mapped(t.Context(), users)
		var got []string
		for i, list := range granted {
			for _, g := range list {
				got = append(got, users[i].ID+" "+g.Role)
			}
		}
		compareNames(t, []string{"jane admin", "jane analyst", "lee admin"}, got, err)
	}
	if found != 1 {
		t.Errorf("%d configurations were found", found)
	}
}

// usersOf reads the users of the page's table.
func usersOf(t *testing.T) []policy.User {
	t.Helper()
	var list []policy.User
	for _, cells := range table(t, mappings, "user") {
		u := policy.User{ID: cells[0], Organization: "acme", Connection: "c", Texts: map[string]string{}, Emails: words(cells[3])}
		for i, name := range []string{"department", "title", "email"} {
			if value := cells[i+1]; value != "" {
				u.Texts[name] = value
			}
		}
		for _, g := range words(cells[4]) {
			u.Groups = append(u.Groups, policy.Group{Name: g})
		}
		list = append(list, u)
	}
	return list
}

// clientsOf reads the clients of the page's table.
func clientsOf(t *testing.T) []policy.Principal {
	t.Helper()
	var list []policy.Principal
	for _, cells := range table(t, mappings, "client") {
		list = append(list, policy.Principal{Kind: policy.KindClient, ID: cells[0], Organization: cells[1], Owner: cells[2], Scopes: words(cells[3])})
	}
	return list
}

func words(cell string) []string {
	return slices.DeleteFunc(strings.Split(cell, ", "), func(s string) bool { return s == "" })
}

// compile makes a policy of one mapping with a condition.
func compile(ctx context.Context, when string, m policy.Mapping) (*policy.Policy, hcl.Diagnostics) {
	e, ds := hclsyntax.ParseExpression([]byte(when), "page", hcl.InitialPos)
	if ds.HasErrors() {
		return nil, ds
	}
	m.Name, m.Where, m.When, m.Roles = "m", "page:1", e, []string{"r"}
	return policy.Compile(ctx, policy.Rules{Roles: []policy.Role{{Name: "r"}}, Mappings: []policy.Mapping{m}})
}

func holdsForUsers(ctx context.Context, when string, users []policy.User) (names []string, err error) {
	p, ds := compile(ctx, when, policy.Mapping{Connection: "c"})
	if ds.HasErrors() {
		return nil, ds
	}
	granted, err := p.Mapped(ctx, users)
	for i, list := range granted {
		if len(list) > 0 {
			names = append(names, users[i].ID)
		}
	}
	return names, err
}

func holdsForClients(ctx context.Context, when string, clients []policy.Principal) (names []string, err error) {
	p, ds := compile(ctx, when, policy.Mapping{})
	if ds.HasErrors() {
		return nil, ds
	}
	for _, c := range clients {
		set, err := p.RoleSet(ctx, c)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.ID, err)
		}
		if len(set.Roles) > 0 {
			names = append(names, c.ID)
		}
	}
	return names, nil
}

// holdsForSessions evaluates a condition for the sessions of the page's table.
func holdsForSessions(t *testing.T, when string) (names []string, err error) {
	t.Helper()
	p, ds := compile(t.Context(), when, policy.Mapping{Connection: "c"})
	if ds.HasErrors() {
		return nil, ds
	}
	said := map[string]authn.MultiFactor{"yes": authn.MultiFactorYes, "no": authn.MultiFactorNo}
	for _, cells := range table(t, mappings, "session") {
		granted, err := p.Sessional(t.Context(), policy.User{ID: "jane", Organization: "acme", Connection: "c"}, policy.Auth{
			MultiFactor: said[cells[1]], Context: cells[2], Methods: words(cells[3]), Connection: "c", Instance: "c/saml",
		})
		if err != nil {
			return nil, err
		}
		if len(granted) > 0 {
			names = append(names, cells[0])
		}
	}
	return names, nil
}

// Each pattern matches the groups that the page says, and not the others.
func TestMappingPatterns(t *testing.T) {
	t.Parallel()
	rows := table(t, mappings, "pattern")
	if len(rows) < 4 {
		t.Fatalf("only %d patterns were found", len(rows))
	}
	for _, cells := range rows {
		p, ds := policy.Compile(t.Context(), policy.Rules{Roles: []policy.Role{{Name: "r"}}, Mappings: []policy.Mapping{
			{Name: "m", Connection: "c", GroupPatterns: []string{strings.Trim(cells[0], "`")}, Roles: []string{"r"}},
		}})
		if ds.HasErrors() {
			t.Fatal(ds)
		}
		for i, matches := range []bool{true, false} {
			for _, name := range words(cells[i+1]) {
				got, err := p.Mapped(t.Context(), []policy.User{{ID: "u", Organization: "acme", Connection: "c", Groups: []policy.Group{{Name: name}}}})
				if err != nil || (len(got[0]) > 0) != matches {
					t.Errorf("%s and %q: %v, %v", cells[0], name, got, err)
				}
			}
		}
	}
}

// The policy of the page is one, and gives the users of its table what it says.
func TestMappingOwnRego(t *testing.T) {
	t.Parallel()
	blocks := regexp.MustCompile("(?ms)^```rego\n(.*?)^```$").FindAllStringSubmatch(read(t, mappings), -1)
	if len(blocks) != 1 {
		t.Fatalf("%d policies were found", len(blocks))
	}
	p, ds := policy.Compile(t.Context(), policy.Rules{
		Roles: []policy.Role{{Name: "admin"}, {Name: "analyst"}}, Own: []policy.Own{{Connection: "c", Source: blocks[0][1]}},
	})
	if ds.HasErrors() {
		t.Fatal(ds)
	}
	var got []string
	for _, u := range usersOf(t) {
		granted, err := p.Owned(t.Context(), u)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range granted {
			got = append(got, u.ID+" "+g.Role+" "+g.Rule)
		}
	}
	compareNames(t, []string{"jane admin c/rego:by-department", "jane analyst c/rego:by-department", "kim analyst c/rego:contractors"}, got, nil)
}
