package config

import (
	"regexp"
	"strconv"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/gatehouse-id/gatehouse/sdk/schema"
)

// Role is a role block: a name with permissions.
type Role struct {
	Name        string
	Permissions []string // patterns: see ValidPermission
	Description string
	Protected   bool   // its last grant is kept against every path
	Exclusive   string // of the roles with this word, somebody holds the one with the highest Priority; "" is all of them
	Priority    int    // see Exclusive
	Range       hcl.Range
}

// Mapping is a mapping block: a rule that gives roles.
type Mapping struct {
	Name     string
	Groups   []string       // display names, and
	GroupIDs []string       // ids at the IdP, in one of which a user must be; both nil: in any or none
	When     hcl.Expression // nil: always. The policy checks and compiles it
	Roles    []string
	Range    hcl.Range
}

var roleFrame = frame{
	kind: "role", labels: []label{{name: "name"}},
	doc: "A name with permissions. A role grants nothing by itself: mappings and clients give it.",
	Schema: schema.Schema{Attributes: []schema.Attribute{
		{Name: "permissions", Type: schema.Strings, Required: true, Doc: "What the role permits: words joined by colons, `*` for any word, `*` alone for everything but Gatehouse's own administration.", Example: `["query:execute", "policy:*"]`},
		{Name: "description", Type: schema.String, Doc: "What the role is for, shown to operators.", Example: `"Runs queries"`},
		{Name: "protected", Type: schema.Bool, Default: false, Doc: "Whether the last grant of the role is kept, whatever an IdP, a sign-on, an operator or another configuration would take: so an organization never loses its last administrator by mistake. Somebody who is deactivated has no access all the same.", Example: `true`},
		{Name: "exclusive", Type: schema.String, Doc: "A word that several roles share of which somebody holds one only: of those that they were given, the one with the highest `priority`.", Example: `"plan"`},
		{Name: "priority", Type: schema.Number, Default: 0.0, Doc: "Which of several exclusive roles is held: the highest, from 0 to 1000. It differs among the roles of a word.", Example: `10`},
	}},
}

var mappingFrame = frame{
	kind: "mapping", labels: []label{{name: "name"}},
	doc: "A rule that gives roles. By itself it is for every client; within a client block, for that client.",
	Schema: schema.Schema{Attributes: []schema.Attribute{
		{Name: "roles", Type: schema.Strings, Required: true, Doc: "The roles that the mapping gives.", Example: `["analyst"]`},
	}},
	expressions: []schema.Attribute{
		{Name: "when", Doc: "The condition under which it does. Without it, always.", Example: `client.organization == "acme"`},
	},
}

var permissionForm = regexp.MustCompile(`^([a-z0-9._-]+|\*)(:([a-z0-9._-]+|\*))*$`)

const permissionRule = `A permission is words of lower case letters, digits, dots, underscores and dashes, joined by colons, such as "query:execute".`

// ValidPermission reports whether s is a permission or a pattern of some:
// segments of [a-z0-9._-], joined by colons, where a whole segment may be *.
func ValidPermission(s string) bool { return len(s) <= 255 && permissionForm.MatchString(s) }

// permissions checks a list of permissions.
func (b *block) permissions(name string) []string {
	b.unique(name)
	list := b.texts(name)
	for i, p := range list {
		if !ValidPermission(p) {
			b.invalid(name, strconv.Itoa(i), "Not a permission", "%s A * is a whole word of it, or stands alone.", permissionRule)
		}
	}
	return list
}

func (l *loader) role(b *block) {
	r := Role{Name: b.labels[0], Permissions: b.permissions("permissions"), Description: b.text("description"), Protected: b.flag("protected"), Exclusive: b.text("exclusive"), Priority: b.whole("priority", 0, 1000), Range: b.at}
	l.keep(b, func() { l.config.Roles = append(l.config.Roles, r) })
}

func (l *loader) mapping(b *block) {
	m := l.rule(b)
	l.keep(b, func() { l.config.Mappings = append(l.config.Mappings, m) })
}

// rules reads the mappings of a client or a connection. A grant names its
// mapping, so a name stands once.
func (l *loader) rules(b *block) []Mapping {
	var list []Mapping
	names := map[string]*block{}
	for _, m := range b.blocks["mapping"] {
		if len(m.labels) == 0 {
			continue // which is reported
		}
		r := l.rule(m)
		if first := names[r.Name]; first != nil {
			m.fail(m.at, m.path, CodeDuplicate, "Name stands twice", "This %s has a mapping %q in %s already.", b.path[0], r.Name, position(first.at))
		} else {
			names[r.Name] = m
		}
		list = append(list, r)
	}
	return list
}

// rule reads a mapping, wherever it stands.
func (l *loader) rule(b *block) Mapping {
	m := Mapping{Name: b.labels[0], Groups: b.groups("groups"), GroupIDs: b.groups("group_ids"), Roles: b.texts("roles"), Range: b.at}
	if e, ok := b.kept["when"]; ok {
		m.When = hcl.Expression(e)
		if v, literal := e.(*hclsyntax.LiteralValueExpr); literal && v.Val.IsNull() {
			m.When = nil
		}
	}
	b.unique("roles")
	if a := b.attrs["roles"]; a.given && !a.unknown && len(m.Roles) == 0 {
		b.invalid("roles", "", "No roles", "A mapping gives at least one role.")
	}
	l.roleLists = append(l.roleLists, b)
	return m
}
