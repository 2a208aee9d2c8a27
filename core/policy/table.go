package policy

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"golang.org/x/text/unicode/norm"
)

// table is mappings as OPA reads them: rows under facts. A fact is what a mapping
// asks for, such as a group or that a condition holds; which facts are true of
// somebody is found out here, and what follows from them OPA says. So all tables
// share one small compiled policy, and an evaluation is given its own table only.
type table struct {
	rules []rule
	under [][]string     // the facts that each stands under; none is its condition, or everybody
	named map[string]int // of rules, by what their grants say gave them
	rows  ast.Object     // lists of mappings, by the fact that they stand under

	conditions     []conditional
	groups         map[string]string // the fact that a group makes, by its name
	ids            map[string]string // by its id
	folded         map[string]string // by its folded name
	patterns       []pattern         // of names
	foldedPatterns []pattern         // of folded names
	clients        map[string]string // the fact that a client makes, by its id

	texts, lists []string // attributes that conditions name, sorted
}

// conditional is a condition, and the fact that it makes if it holds. It is looked at
// where its mapping stands under a fact that is true.
type conditional struct {
	fact  string
	under []string // none is everybody
	*condition
}

// everybody is the fact that is true of whomever.
const everybody = "everybody"

// groupID begins the facts that ids of groups make.
const groupID = "group_id "

// newTable builds that of mappings, which are in the order of their names.
func newTable(mappings []rule, known attributes, terms *terms) *table {
	t := &table{rules: mappings, named: map[string]int{}}
	rows := map[string][]*ast.Term{}
	for i, m := range mappings {
		t.named[valid(m.rule())] = i
		when := everybody
		if m.when != nil {
			when = fmt.Sprint("when ", len(t.conditions)+1)
		}
		under := t.facts(m)
		if m.when != nil {
			t.conditions = append(t.conditions, conditional{when, under, m.when})
			t.reads(m.when.attributes, known)
		}
		if t.under = append(t.under, under); len(under) == 0 {
			under = []string{when}
		}
		row := terms.row(m, when)
		for _, fact := range under {
			rows[fact] = append(rows[fact], row)
		}
	}
	pairs := make([][2]*ast.Term, 0, len(rows))
	for _, fact := range slices.Sorted(maps.Keys(rows)) {
		pairs = append(pairs, ast.Item(terms.text(fact), ast.ArrayTerm(rows[fact]...)))
	}
	t.rows = ast.NewObject(pairs...)
	return t
}

// reads notes the attributes that a condition names.
func (t *table) reads(names []string, known attributes) {
	for _, name := range names {
		if known[name] == list {
			t.lists = append(t.lists, name)
		} else {
			t.texts = append(t.texts, name)
		}
	}
	for _, all := range []*[]string{&t.texts, &t.lists} {
		slices.Sort(*all)
		*all = slices.Compact(*all)
	}
}

// facts are those that a mapping stands under, of which one is enough; none, where
// its condition is all that it asks for. The table learns what makes them.
func (t *table) facts(m rule) (under []string) {
	note := func(facts *map[string]string, key, fact string) {
		if *facts == nil {
			*facts = map[string]string{}
		}
		(*facts)[key] = fact
		under = append(under, fact)
	}
	if m.Client != "" {
		id := norm.NFC.String(m.Client)
		note(&t.clients, id, "client "+valid(id))
	}
	for _, g := range m.Groups {
		if g = norm.NFC.String(g); m.IgnoreCase {
			g = fold(g)
			note(&t.folded, g, "folded "+valid(g))
		} else {
			note(&t.groups, g, "group "+valid(g))
		}
	}
	for _, id := range m.GroupIDs {
		id = norm.NFC.String(id)
		note(&t.ids, id, groupID+valid(id))
	}
	for _, text := range m.GroupPatterns {
		text = norm.NFC.String(text)
		into, fact := &t.patterns, "pattern "+valid(text)
		if m.IgnoreCase {
			text = fold(text)
			into, fact = &t.foldedPatterns, "folded-pattern "+valid(text)
		}
		if !slices.ContainsFunc(*into, func(p pattern) bool { return p.fact == fact }) {
			*into = append(*into, newPattern(text, fact))
		}
		under = append(under, fact)
	}
	slices.Sort(under)
	return slices.Compact(under)
}

// hold adds the facts that conditions make of somebody. The facts are sorted before and
// behind.
func (t *table) hold(v *values, facts []string) []string {
	slices.Sort(facts)
	facts = slices.Compact(facts)
	known := facts
	for i := range t.conditions {
		if c := &t.conditions[i]; (len(c.under) == 0 || meet(c.under, known)) && c.holds(v) {
			facts = append(facts, c.fact)
		}
	}
	slices.Sort(facts)
	return facts
}

// meet reports whether one of the facts is among those that are true, which are sorted.
func meet(facts, sorted []string) bool {
	return slices.ContainsFunc(facts, func(fact string) bool {
		_, found := slices.BinarySearch(sorted, fact)
		return found
	})
}

// digest is of what the mappings say, wherever they stand.
func digest(mappings []rule, more *own) string {
	h := sha256.New()
	for _, m := range mappings {
		when := ""
		if m.when != nil {
			when = m.when.String()
		}
		fmt.Fprintf(h, "%q %q %q %q %t %q %q\n", m.rule(), m.Groups, m.GroupIDs, m.GroupPatterns, m.IgnoreCase, when, m.Roles)
	}
	if more != nil {
		fmt.Fprintf(h, "%q\n", more.Source)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// write shows the table as a package of Rego, with what its facts mean.
func (t *table) write(b *strings.Builder, about, name string) {
	fmt.Fprintf(b, "# %s\n# They are evaluated with this as input.mappings, by the facts that are true.\n", about)
	for _, m := range t.rules {
		fmt.Fprintf(b, "#   mapping %s at %s\n", quote(m.Name), quote(m.Where))
	}
	for _, c := range t.conditions {
		fmt.Fprintf(b, "#   %s: %s\n", c.fact, c.condition)
	}
	fmt.Fprintf(b, "package %s\n\nmappings := {\n", name)
	t.rows.Foreach(func(fact, rows *ast.Term) {
		fmt.Fprintf(b, "\t%s: [\n", written(fact))
		rows.Value.(*ast.Array).Foreach(func(row *ast.Term) { fmt.Fprintf(b, "\t\t%s,\n", written(row)) })
		b.WriteString("\t],\n")
	})
	b.WriteString("}\n")
}

// written writes a term of texts, lists and objects as Rego.
func written(t *ast.Term) string {
	var parts []string
	switch v := t.Value.(type) {
	case ast.String:
		return quote(string(v))
	case *ast.Array:
		v.Foreach(func(one *ast.Term) { parts = append(parts, written(one)) })
		return "[" + strings.Join(parts, ", ") + "]"
	case ast.Object:
		v.Foreach(func(key, value *ast.Term) { parts = append(parts, written(key)+": "+written(value)) })
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return quote("")
}

// terms makes those of tables. Thousands of connections have the same words in
// theirs, which stand in memory once.
type terms struct{ texts map[string]*ast.Term }

func newTerms() *terms { return &terms{map[string]*ast.Term{}} }

func (ts *terms) text(s string) *ast.Term {
	s = valid(s)
	if ts.texts[s] == nil {
		ts.texts[s] = ast.StringTerm(s)
	}
	return ts.texts[s]
}

// row is a mapping: the grants that it gives, and the fact that its condition makes.
func (ts *terms) row(m rule, when string) *ast.Term {
	var gives []*ast.Term
	rule := ast.StringTerm(valid(m.rule()))
	for _, role := range m.Roles {
		gives = append(gives, ast.ObjectTerm(
			ast.Item(ts.text("role"), ts.text(role)), ast.Item(ts.text("rule"), rule), ast.Item(ts.text("source"), ts.text(SourceMapping)),
		))
	}
	return ast.ObjectTerm(ast.Item(ts.text("gives"), ast.ArrayTerm(gives...)), ast.Item(ts.text("when"), ts.text(when)))
}

// valid is a text as quote writes one that is not UTF-8.
func valid(s string) string { return string([]rune(s)) }

// given is a row of an answer: a mapping, by its place, gives a role.
type given struct {
	role string
	rule int
}

// readMapped checks the shape of what OPA says that mappings give.
func (t *table) readMapped(answer any) ([]given, error) {
	list, ok := answer.([]any)
	if !ok {
		return nil, fmt.Errorf("grants are missing")
	}
	found := make([]given, 0, len(list))
	for _, g := range list {
		fields, _ := g.(map[string]any)
		role, ok1 := fields["role"].(string)
		rule, ok2 := fields["rule"].(string)
		if !ok1 || !ok2 {
			return nil, fmt.Errorf("a grant does not say role and rule")
		}
		i, ok := t.named[rule]
		if !ok {
			return nil, fmt.Errorf("a grant names a rule that there is not")
		}
		found = append(found, given{role, i})
	}
	slices.SortFunc(found, func(a, b given) int {
		return cmp.Or(cmp.Compare(a.role, b.role), cmp.Compare(t.rules[a.rule].Name, t.rules[b.rule].Name))
	})
	return found, nil
}
