// Package lint finds what a policy has to no effect: roles that nobody is given,
// mappings that never hold or that give nothing beside others, permissions that no
// role has, routes that no request reaches, and what no test mentions.
//
// It reads conditions, and evaluates none. Where it is in doubt, it says nothing.
package lint

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/gatehouse-id/gatehouse/core/policy"
)

// Kind is what is wrong.
type Kind int

// The kinds.
const (
	RoleUnused       Kind = iota // no mapping and no client is given it
	MappingNever                 // its condition cannot hold
	MappingIdle                  // whoever fulfils it has its roles by another
	Untested                     // no test mentions it
	PermissionNone               // a route asks for what no role has
	RouteUnreachable             // another is more specific for all its requests
)

// Finding is one, at its place.
type Finding struct {
	Kind       Kind
	Diagnostic *hcl.Diagnostic // a warning
}

// Facts are what the rules do not say.
type Facts struct {
	Given       []string       // roles that clients are given by their blocks
	Connections []Connection   // in the order of the files
	Policy      *policy.Policy // compiled from the rules
}

// Connection is one of the configuration.
type Connection struct {
	Label        string
	Organization string
	Range        hcl.Range
	Tests        int
	Mentioned    []string // groups in its tests, by name or by id
}

// Check finds everything, in the order of the rules.
func Check(rules policy.Rules, facts Facts) []Finding {
	c := &checker{rules: rules, facts: facts}
	c.roles()
	c.mappings()
	c.groups()
	c.routes()
	return c.findings
}

type checker struct {
	rules    policy.Rules
	facts    Facts
	findings []Finding
}

func (c *checker) find(kind Kind, at hcl.Range, summary, format string, args ...any) {
	d := &hcl.Diagnostic{Severity: hcl.DiagWarning, Summary: summary, Detail: fmt.Sprintf(format, args...)}
	if at != (hcl.Range{}) {
		d.Subject = at.Ptr()
	}
	c.findings = append(c.findings, Finding{kind, d})
}

// roles finds those that nothing in the files gives.
func (c *checker) roles() {
	if len(c.rules.Own) > 0 { // which roles it gives is known when it is evaluated
		return
	}
	given := map[string]bool{}
	for _, m := range c.rules.Mappings {
		for _, r := range m.Roles {
			given[r] = true
		}
	}
	for _, r := range c.facts.Given {
		given[r] = true
	}
	for _, r := range c.rules.Roles {
		if !given[r.Name] {
			c.find(RoleUnused, r.Range, "Role is never given", "No mapping and no client of the files gives the role %q. Only somebody who is given it at run time has it.", r.Name)
		}
	}
}

// mappings finds those that never hold, and those that others make idle.
func (c *checker) mappings() {
	scopes := map[string][]shape{} // "" is clients
	for _, m := range c.rules.Mappings {
		s := c.shape(m)
		switch {
		case !s.known:
		case len(s.alternatives) == 0:
			c.find(MappingNever, m.Range, "Mapping never holds", "Nobody can fulfil mapping %q: %s.", m.Name, s.why)
			continue
		case s.never != "":
			c.find(MappingNever, m.Range, "Part of a mapping never holds", "A part of the condition of mapping %q that stands beside || can hold for nobody: %s.", m.Name, s.never)
		}
		if s.known {
			scopes[m.Connection] = append(scopes[m.Connection], s)
		}
	}
	for _, m := range c.rules.Mappings { // in their order, each scope once
		c.idle(scopes[m.Connection])
		delete(scopes, m.Connection)
	}
}

// groups finds those that no test mentions, where there are tests.
func (c *checker) groups() {
	has := map[string]bool{}
	for _, m := range c.rules.Mappings {
		has[m.Connection] = true
	}
	mentioned := map[string][]string{}
	for _, k := range c.facts.Connections {
		switch {
		case !has[k.Label]:
		case k.Tests == 0:
			c.find(Untested, k.Range, "Mappings without a test", "No test tries what the mappings of connection %q give. Write a test block into it.", k.Label)
		default:
			mentioned[k.Label] = append([]string{}, k.Mentioned...)
		}
	}
	for _, m := range c.rules.Mappings {
		names, tested := mentioned[m.Connection]
		if m.Connection == "" || !tested {
			continue
		}
		var missing []string
		for _, g := range slices.Concat(m.Groups, m.GroupIDs) {
			if !slices.Contains(names, g) {
				missing = append(missing, strconv.Quote(g))
			}
		}
		if len(missing) > 0 {
			c.find(Untested, m.Range, "Group without a test", "No test of connection %q has a user who is in %s, for which mapping %q asks.", m.Connection, strings.Join(missing, " or "), m.Name)
		}
	}
}

// routes finds those that nobody passes and those that nobody reaches.
func (c *checker) routes() {
	var patterns []string
	for _, r := range c.rules.Roles {
		patterns = append(patterns, r.Permissions...)
	}
	dead := c.facts.Policy.Unreachable()
	for i, r := range c.rules.Routes {
		if r.Permission != "" && !policy.Permits(patterns, r.Permission) {
			c.find(PermissionNone, r.Range, "Permission that no role has", "Route %q asks for %q, which no role has: nobody passes.", r.Pattern, r.Permission)
		}
		if slices.Contains(dead, i) {
			c.find(RouteUnreachable, r.Range, "Route is never reached", "For every request that route %q matches, another route of upstream %q is more specific.", r.Pattern, r.Upstream)
		}
	}
}
