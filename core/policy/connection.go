package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// connection is the mappings of one connection.
type connection struct {
	kept      *table // what they give is kept
	sessional *table // what they give is the session's; nil: there are none
	own       *own   // nil: there is none
	digest    string // of what they all say
}

// group builds the tables of each connection.
func group(mappings []rule, owns map[string]*own) map[string]*connection {
	by := map[string][]rule{}
	for _, m := range mappings {
		if m.Connection != "" && !m.when.never() {
			by[m.Connection] = append(by[m.Connection], m)
		}
	}
	for label := range owns {
		by[label] = append(by[label], []rule{}...)
	}
	connections, terms, known := map[string]*connection{}, newTerms(), connectionAttributes()
	for label, rules := range by {
		slices.SortStableFunc(rules, func(a, b rule) int { return strings.Compare(a.Name, b.Name) })
		c := &connection{digest: digest(rules, owns[label]), own: owns[label]}
		var kept, sessional []rule
		for _, m := range rules {
			if m.when != nil && m.when.names(authRoot) {
				sessional = append(sessional, m)
			} else {
				kept = append(kept, m)
			}
		}
		c.kept = newTable(kept, known, terms)
		if len(sessional) > 0 {
			c.sessional = newTable(sessional, known, terms)
		}
		connections[label] = c
	}
	return connections
}

// ofClients builds the table of the mappings of clients.
func ofClients(mappings []rule) *table {
	mappings = slices.DeleteFunc(slices.Clone(mappings), func(m rule) bool { return m.Connection != "" || m.when.never() })
	return newTable(mappings, clientAttributes(), newTerms())
}

// Digest tells whether the mappings of a connection say the same in two
// policies, wherever they stand; "" are none.
func (p *Policy) Digest(label string) string {
	if c := p.connections[label]; c != nil {
		return c.digest
	}
	return ""
}

// Where is the file and line of the mapping that gave a user's grant, by the
// grant's rule; "" where there is no such mapping any more.
func (p *Policy) Where(rule string) string {
	label, _, _ := strings.Cut(rule, "/")
	c := p.connections[label]
	switch {
	case c == nil:
		return ""
	case IsOwn(rule) && c.own != nil:
		return c.own.Where
	}
	for _, t := range []*table{c.kept, c.sessional} {
		if t == nil {
			continue
		}
		if i, ok := t.named[rule]; ok {
			return t.rules[i].Where
		}
	}
	return ""
}

// Mapped evaluates what mappings give to each of the users, sorted by role and
// rule, with the reason. It costs as much as the users differ in the facts that the
// mappings of their connection ask for, and nothing for other connections'. On an
// error there is no answer at all.
func (p *Policy) Mapped(ctx context.Context, users []User) ([][]Granted, error) {
	type key struct{ connection, seen string }
	known, alike := map[key][]given{}, map[key][]Granted{}
	out := make([][]Granted, len(users))
	for i := range users {
		u := &users[i]
		if err := u.check(); err != nil {
			return nil, err
		}
		c := p.connections[u.Connection]
		if c == nil || len(c.kept.rules) == 0 {
			continue
		}
		what := c.kept.see(u)
		k := key{u.Connection, what.key()}
		same := key{u.Connection, k.seen + what.reasons(c.kept)}
		granted, ok := alike[same]
		if ok {
			out[i] = granted
			continue
		}
		gives, ok := known[k]
		if !ok {
			var err error
			if gives, err = p.mapped(ctx, c.kept, what.facts); err != nil {
				return nil, err
			}
			known[k] = gives
		}
		out[i] = c.kept.granted(gives, what)
		alike[same] = out[i]
	}
	return out, nil
}

// mapped asks OPA what follows from facts.
func (p *Policy) mapped(ctx context.Context, t *table, facts []string) ([]given, error) {
	answer, err := p.engine.evaluate(ctx, p.engine.grants, ast.NewObject(t.input(facts)...))
	if err != nil {
		return nil, err
	}
	gives, err := t.readMapped(answer)
	if err != nil {
		return nil, problem.Wrap(err, problem.Internal, "the policy gave an answer of another form")
	}
	return gives, nil
}

// input writes facts and table as the rules read them.
func (t *table) input(facts []string) [][2]*ast.Term {
	terms := make([]*ast.Term, len(facts))
	for i, fact := range facts {
		terms[i] = ast.StringTerm(fact)
	}
	return [][2]*ast.Term{
		ast.Item(ast.InternedTerm("facts"), ast.SetTerm(terms...)), ast.Item(ast.InternedTerm("mappings"), ast.NewTerm(t.rows)),
	}
}

// granted says in words why each mapping gives what it gives: because of those facts that
// it stands under which are true.
func (t *table) granted(gives []given, what seen) []Granted {
	granted := make([]Granted, len(gives))
	for i, g := range gives {
		var groups []string
		for _, fact := range t.under[g.rule] {
			for _, name := range what.groups[fact] {
				groups = append(groups, shown(fact, name))
			}
		}
		slices.Sort(groups)
		m := &t.rules[g.rule]
		granted[i] = Granted{Role: g.role, Source: SourceMapping, Rule: m.rule(), Reason: m.because(slices.Compact(groups), what)}
	}
	return granted
}

// shown is a group that makes a fact, in words.
func shown(fact, group string) string {
	if strings.HasPrefix(fact, groupID) {
		return fmt.Sprintf("group with the id %q", group)
	}
	return fmt.Sprintf("group %q", group)
}

// write shows what a connection has.
func (c *connection) write(b *strings.Builder, label string) {
	c.kept.write(b, "The mappings of a connection.", "gatehouse.connections["+quote(label)+"]")
	if c.sessional != nil {
		b.WriteByte('\n')
		c.sessional.write(b, "Those that are evaluated for each session.", "gatehouse.sessions["+quote(label)+"]")
	}
	if c.own != nil {
		fmt.Fprintf(b, "\n# The own rego of connection %s, at %s, is compiled by itself.\n", quote(label), quote(c.own.Where))
	}
}
