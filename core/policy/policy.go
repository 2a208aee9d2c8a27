// Package policy says what a principal may do. Roles, mappings and the rules of
// routes are compiled to Rego, which OPA evaluates: one package, and one for the
// mappings of each connection, so that a user meets those of their own only. Which
// rule applies to a request is looked up in a trie, because it depends on nothing but
// method and path.
//
// It stores nothing and reads no clock, file or network: a Policy is made from
// Rules, never changes, and gives equal answers to equal questions. Doubt, an
// error or a missing answer, is a refusal.
package policy

import (
	"context"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// Rules are what a configuration says about roles and routes.
type Rules struct {
	Roles    []Role
	Mappings []Mapping
	Routes   []Route

	// Closed names the upstreams whose paths without a rule are closed
	// (default = "deny"). Those of the others are open to any authenticated
	// principal.
	Closed []string

	// Permissions are those that Decide is asked about other than by routes.
	Permissions []string
}

// Role is a name with permissions: patterns of segments joined by ":", in which
// "*" stands for a segment, or in the last place for all that remain.
type Role struct {
	Name        string
	Permissions []string
	Protected   bool      // its last grant is kept against every path
	Exclusive   string    // of the roles with this word, somebody holds the one with the highest Priority; "" is all of them
	Priority    int       // see Exclusive
	Range       hcl.Range // for diagnostics; may be zero
}

// Mapping gives roles to the principals that it is about: clients, or the users
// of one connection. Its name is the rule of the grants that it gives, after the
// connection and a slash if it has one.
type Mapping struct {
	Name       string
	Where      string         // file:line
	Client     string         // only this client; "" is all of them
	Connection string         // only users of this connection; "" is clients
	Groups     []string       // of users: only who is in one of these by name,
	GroupIDs   []string       // or in one of these by the IdP's id; none of either asks for no group
	When       hcl.Expression // only where this is true; nil is always
	Roles      []string
	Range      hcl.Range // for diagnostics; may be zero
}

// rule is what its grants say gave them.
func (m Mapping) rule() string {
	if m.Connection == "" {
		return m.Name
	}
	return m.Connection + "/" + m.Name
}

// Route is a rule for requests to an upstream. In a pattern "*" is one segment
// and "**" any number. A route without methods is for all of them, one for GET
// also for HEAD.
type Route struct {
	Upstream   string
	Pattern    string
	Methods    []string // upper case
	Permission string   // one permission, no pattern; "" asks for any authenticated principal
	Public     bool
	SignOn     SignOn
	Where      string    // file:line
	Range      hcl.Range // for diagnostics; may be zero
}

// Policy is compiled Rules. It is safe for concurrent use.
type Policy struct {
	engine      *engine
	connections map[string]*connection // that have mappings
	roles       permissionsOf
	upstreams   map[string]*routes
	closed      map[string]bool
	permissions map[string]bool // that Decide can be asked about
	reads       reads
	mappings    []rule // all, for explanations
}

// Rego is what runs, formatted: the package of all, and those of connections.
func (p *Policy) Rego() string { return p.engine.source }

// Route returns the most specific rule for a request: patterns are compared
// segment by segment from the left, a literal before "*" before "**", and for
// one pattern the rule that names the method is before the one that does not.
// The path is canonical (core/server/reqpath) and a trailing slash means
// nothing. Where no rule stands, the answer has the index NoRule and says
// whether the upstream is closed. A path that is not canonical in its slashes,
// or a method with lower case letters, which applications read differently, is
// answered as closed.
func (p *Policy) Route(upstream, method, path string) Rule {
	none := Rule{Index: NoRule, Upstream: upstream, Deny: p.closed[upstream]}
	if !strings.HasPrefix(path, "/") || strings.Contains(path, "//") || !upperCase(method) {
		none.Deny = true
		return none
	}
	r := p.upstreams[upstream]
	if r == nil {
		return none
	}
	if rule, ok := r.find(method, path); ok {
		return rule
	}
	return none
}

// upperCase reports whether a method is not empty and has no small letters.
func upperCase(method string) bool {
	for i := range len(method) {
		if 'a' <= method[i] && method[i] <= 'z' {
			return false
		}
	}
	return method != ""
}

// Compile checks the rules and makes the policy that they mean. With errors
// among the diagnostics there is no policy.
func Compile(ctx context.Context, rules Rules) (*Policy, hcl.Diagnostics) {
	c := compilation{permissions: map[string]bool{}}
	roles := c.roles(rules.Roles)
	mappings := c.mappings(rules.Mappings, roles)
	connections := group(mappings)
	upstreams := c.routes(rules.Routes)
	for _, p := range rules.Permissions {
		c.permission(p, false, hcl.Range{}, "a permission that is asked for")
	}
	if c.diags.HasErrors() {
		return nil, c.diags
	}
	e, err := newEngine(ctx, append([]string{writeRego(rules.Roles, mappings, c.asked())}, writeConnections(connections)...))
	if err != nil {
		c.complain(hcl.Range{}, "The policy does not compile", "%v", err)
		return nil, c.diags
	}
	closed := map[string]bool{}
	for _, name := range rules.Closed {
		closed[name] = true
	}
	return &Policy{
		engine: e, connections: connections, roles: patternsOf(rules.Roles), upstreams: upstreams, closed: closed, permissions: c.permissions, reads: c.reads, mappings: mappings,
	}, c.diags
}
