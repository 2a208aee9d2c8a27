package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"golang.org/x/text/unicode/norm"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// User is a person as the mappings of their connection read them.
type User struct {
	ID           string
	Organization string
	Connection   string // that provisions them; "" is none, and such a user is given nothing

	// Texts are attributes by their names, without "user.": those of a single
	// text that has a value.
	Texts  map[string]string
	Emails []string
	Groups []Group // also those reached through groups within groups
}

// Group is a group that a user is in.
type Group struct {
	Name string // as it is shown
	ID   string // that the IdP has for it; "" is none
}

// list gives an attribute that is a list.
func (u *User) list(name string) []string {
	if name == "emails" {
		return u.Emails
	}
	var out []string
	for _, g := range u.Groups {
		if name == "groups" && g.Name != "" {
			out = append(out, g.Name)
		}
		if name == "group_ids" && g.ID != "" {
			out = append(out, g.ID)
		}
	}
	return out
}

// text gives an attribute that is a text; "" is absent.
func (u *User) text(name string) string {
	switch name {
	case "id":
		return u.ID
	case "organization":
		return u.Organization
	}
	return u.Texts[name]
}

// seen is what the mappings of a connection see of a user: the attributes that
// conditions name and the groups that matter, in the normal form NFC, in which
// HCL gives the literals that they are compared with. Users of whom the same is
// seen are given the same.
type seen struct {
	texts map[string]string
	lists map[string][]string
}

func (c *connection) see(u *User) seen {
	s := seen{texts: map[string]string{}, lists: map[string][]string{}}
	for _, name := range c.texts {
		if value := u.text(name); value != "" {
			s.texts[name] = norm.NFC.String(value)
		}
	}
	for _, name := range c.lists {
		values := []string{}
		for _, v := range u.list(name) {
			if v = norm.NFC.String(v); c.named[name] == nil || c.named[name][v] {
				values = append(values, v)
			}
		}
		slices.Sort(values)
		s.lists[name] = slices.Compact(values)
	}
	return s
}

// key is the same for users of whom the same is seen.
func (c *connection) key(s seen) string {
	var b strings.Builder
	for _, name := range c.texts {
		value, ok := s.texts[name]
		fmt.Fprintf(&b, "%t%d:%s", ok, len(value), value)
	}
	for _, name := range c.lists {
		fmt.Fprintf(&b, "%d;", len(s.lists[name]))
		for _, value := range s.lists[name] {
			fmt.Fprintf(&b, "%d:%s", len(value), value)
		}
	}
	return b.String()
}

// input writes what is seen as rules read it.
func (s seen) input(connection string) ast.Value {
	user := ast.NewObject()
	for name, value := range s.texts {
		user.Insert(ast.InternedTerm(name), ast.StringTerm(value))
	}
	for name, values := range s.lists {
		terms := make([]*ast.Term, 0, len(values))
		for _, v := range values {
			terms = append(terms, ast.StringTerm(v))
		}
		user.Insert(ast.InternedTerm(name), ast.ArrayTerm(terms...))
	}
	return ast.NewObject(
		ast.Item(ast.InternedTerm("connection"), ast.StringTerm(connection)),
		ast.Item(ast.InternedTerm("user"), ast.NewTerm(user)),
	)
}

// because says in words what fulfilled a mapping: the groups, and the attributes
// that its condition names.
func (m rule) because(groups []string, s seen) string {
	const most = 5 // groups; more are counted
	parts := groups
	if len(parts) > most {
		parts = append(slices.Clone(parts[:most]), fmt.Sprintf("%d more groups", len(parts)-most))
	}
	for _, attribute := range m.attributes {
		name := strings.TrimPrefix(attribute, "user.")
		if value, ok := s.texts[name]; ok {
			attribute += " is " + strconv.Quote(value)
		}
		parts = append(parts, attribute)
	}
	if len(parts) == 0 {
		return "every user of the connection"
	}
	return strings.Join(parts, ", ")
}

func (u *User) check() error {
	if u.ID == "" || u.Organization == "" {
		return problem.New(problem.Internal, "a user without id or organization has no roles")
	}
	return nil
}
