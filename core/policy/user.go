package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

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

// seen is what the mappings of a connection see of a user.
type seen struct {
	facts  []string            // that are true of them, sorted
	groups map[string][]string // the names of the groups that make a fact, or their ids
	texts  map[string]value    // attributes that conditions name
}

// key is the same for users of whom the same facts are true: they are given the same.
func (s *seen) key() string {
	var b strings.Builder
	for _, fact := range s.facts {
		put(&b, fact)
	}
	return b.String()
}

// reasons is the same, among users of one key, for those who are given it for the same
// reasons.
func (s *seen) reasons(t *table) string {
	var b strings.Builder
	for _, name := range t.texts {
		put(&b, s.texts[name].text) // an absent one is empty, and no other is
	}
	for _, fact := range s.facts {
		groups := s.groups[fact]
		slices.Sort(groups)
		put(&b, strconv.Itoa(len(groups)))
		for _, g := range groups {
			put(&b, g)
		}
	}
	return b.String()
}

// put appends a text such that texts behind one another are told apart.
func put(b *strings.Builder, text string) {
	b.WriteString(strconv.Itoa(len(text)))
	b.WriteByte(':')
	b.WriteString(text)
}

// see finds the facts that are true of a user.
func (t *table) see(u *User) seen {
	v := t.values(u)
	return t.seeWith(u, &v)
}

// seeWith finds them where more may be known than of the user.
func (t *table) seeWith(u *User, v *values) seen {
	s := seen{facts: []string{everybody}, groups: map[string][]string{}, texts: v.single}
	for _, g := range u.Groups {
		t.seeGroup(g, &s)
	}
	s.facts = t.hold(v, s.facts)
	return s
}

// values are the attributes that conditions name.
func (t *table) values(u *User) values {
	v := values{single: map[string]value{}, lists: map[string]map[string]bool{}}
	for _, name := range t.texts {
		if isOfAuth(name) {
			continue
		}
		if text := u.text(strings.TrimPrefix(name, "user.")); text != "" {
			v.single[name] = value{text: norm.NFC.String(text)}
		}
	}
	for _, name := range t.lists {
		if isOfAuth(name) {
			continue
		}
		v.lists[name] = setOf(u.list(strings.TrimPrefix(name, "user.")))
	}
	return v
}

// setOf are the texts of a list, in NFC.
func setOf(texts []string) map[string]bool {
	set := make(map[string]bool, len(texts))
	for _, text := range texts {
		set[norm.NFC.String(text)] = true
	}
	return set
}

// seeGroup adds the facts that a group makes.
func (t *table) seeGroup(g Group, s *seen) {
	add := func(fact, shown string) {
		s.facts, s.groups[fact] = append(s.facts, fact), append(s.groups[fact], shown)
	}
	if id := norm.NFC.String(g.ID); id != "" && t.ids[id] != "" {
		add(t.ids[id], id)
	}
	name := norm.NFC.String(g.Name)
	if name == "" {
		return
	}
	if fact := t.groups[name]; fact != "" {
		add(fact, name)
	}
	var space [8]string
	for _, fact := range matching(t.patterns, name, space[:0]) {
		add(fact, name)
	}
	if len(t.folded)+len(t.foldedPatterns) == 0 {
		return
	}
	folded := fold(name)
	if fact := t.folded[folded]; fact != "" {
		add(fact, name)
	}
	for _, fact := range matching(t.foldedPatterns, folded, space[:0]) {
		add(fact, name)
	}
}

// because says in words what fulfilled a mapping: the groups, and the attributes
// that its condition names.
func (m *rule) because(groups []string, s seen) string {
	const most = 5 // groups; more are counted
	parts := groups
	if len(parts) > most {
		parts = append(slices.Clone(parts[:most]), fmt.Sprintf("%d more groups", len(parts)-most))
	}
	if m.when != nil {
		for _, attribute := range m.when.attributes {
			if value, ok := s.texts[attribute]; ok && value.text != "" {
				attribute += " is " + strconv.Quote(value.text)
			} else if ok {
				attribute += " is " + strconv.FormatBool(value.truth) // no text is empty
			}
			parts = append(parts, attribute)
		}
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
