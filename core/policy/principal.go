package policy

import (
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
	"golang.org/x/text/unicode/norm"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// The kinds of principals.
const (
	KindClient = "client" // a program with a key
	KindUser   = "user"   // a person
)

// Principal is whom roles are evaluated for. What mappings give to a client is
// evaluated with its roles; a user's is kept (see Mapped), and so among Grants.
type Principal struct {
	Kind         string
	ID           string
	Organization string
	Owner        string   // the user whose client it is; "" when it is the organization's
	Scopes       []string // of its credential; empty restricts nothing
	Grants       []Grant  // as the store has them: of a client, never those of mappings
}

// Grant says that a principal has a role, from which source and by which rule.
type Grant struct {
	Role   string
	Source string // SourceMapping, "manual" or "api"
	Rule   string // with SourceMapping the mapping's name, a user's after their connection and a slash; else what the source wrote
	Reason string // of a user's mapping: the groups and attributes that fulfilled it; else ""
}

// SourceMapping is the source of a grant that a mapping gave.
const SourceMapping = "mapping"

// check refuses a principal that is not one: a blank name must not match rules
// for everybody, and a stored grant of a mapping would outlive the mapping.
func (p Principal) check() error {
	switch {
	case p.Kind != KindClient && p.Kind != KindUser:
		return problem.New(problem.Internal, "roles are not known for a principal of kind %q", p.Kind)
	case p.ID == "" || p.Organization == "":
		return problem.New(problem.Internal, "a principal without id or organization has no roles")
	}
	for _, g := range p.Grants {
		if g.Role == "" || g.Source == "" || p.Kind == KindClient && g.Source == SourceMapping {
			return problem.New(problem.Internal, "%s %q: the grant of %q by source %q is not a direct one", p.Kind, p.ID, g.Role, g.Source)
		}
	}
	return nil
}

// input writes the principal as rules read it: what it was granted, and of a client
// the facts that its mappings ask for.
func (p *Policy) input(who Principal) ast.Value {
	grants := make([]*ast.Term, 0, len(who.Grants))
	for _, g := range who.Grants {
		grants = append(grants, ast.ObjectTerm(
			ast.Item(ast.InternedTerm("role"), ast.StringTerm(g.Role)),
			ast.Item(ast.InternedTerm("rule"), ast.StringTerm(g.Rule)),
			ast.Item(ast.InternedTerm("source"), ast.StringTerm(g.Source)),
		))
	}
	items := [][2]*ast.Term{ast.Item(ast.InternedTerm("grants"), ast.ArrayTerm(grants...))}
	if who.Kind == KindClient {
		items = append(items, p.clients.input(p.clients.factsOf(who))...)
	}
	return ast.NewObject(items...)
}

// factsOf finds the facts that are true of a client. An absent text is left out.
// Attributes are brought into the normal form NFC, in which HCL gives the literals
// that they are compared with.
func (t *table) factsOf(who Principal) []string {
	facts := []string{everybody}
	id := norm.NFC.String(who.ID)
	if fact := t.clients[id]; fact != "" {
		facts = append(facts, fact)
	}
	v := values{single: map[string]value{}, lists: map[string]map[string]bool{}}
	for name, text := range map[string]string{"client.id": id, "client.kind": who.Kind, "client.organization": who.Organization, "client.owner": who.Owner} {
		if text != "" && slices.Contains(t.texts, name) {
			v.single[name] = value{text: norm.NFC.String(text)}
		}
	}
	if slices.Contains(t.lists, "client.scopes") {
		v.lists["client.scopes"] = setOf(who.Scopes)
	}
	return t.hold(&v, facts)
}
