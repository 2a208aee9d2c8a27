package policy

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
)

// compilation checks rules and collects what is wrong with them.
type compilation struct {
	permissions map[string]bool // that are asked for
	reads       reads           // what of clients mappings read
	diags       hcl.Diagnostics
}

// asked lists the permissions that routes and others ask for, sorted.
func (c *compilation) asked() []string { return slices.Sorted(maps.Keys(c.permissions)) }

func (c *compilation) complain(at hcl.Range, summary, format string, args ...any) {
	d := &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: fmt.Sprintf(format, args...)}
	if at != (hcl.Range{}) {
		d.Subject = at.Ptr()
	}
	c.diags = append(c.diags, d)
}

// permission checks a name, and keeps one that is asked for.
func (c *compilation) permission(name string, pattern bool, at hcl.Range, whose string) {
	if err := checkPermission(name, pattern); err != nil {
		c.complain(at, "Not a permission", "In %s: %v.", whose, err)
		return
	}
	if !pattern {
		c.permissions[name] = true
	}
}

// roles checks them and returns their names.
func (c *compilation) roles(roles []Role) map[string]bool {
	declared := map[string]bool{}
	for _, r := range roles {
		switch {
		case r.Name == "":
			c.complain(r.Range, "Role without a name", "A role has a name, by which mappings give it.")
		case declared[r.Name]:
			c.complain(r.Range, "Role declared twice", "There is another role %q.", r.Name)
		}
		declared[r.Name] = true
		for _, p := range r.Permissions {
			c.permission(p, true, r.Range, fmt.Sprintf("role %q", r.Name))
		}
	}
	return declared
}

// mappings compiles their conditions. A name is the rule of a grant, so within
// the mappings that can apply to one principal it stands once.
func (c *compilation) mappings(mappings []Mapping, roles map[string]bool) []rule {
	type key struct{ client, name string }
	exact, anywhere := map[key]Mapping{}, map[string]Mapping{}
	var out []rule
	for _, m := range mappings {
		rule := m.rule()
		other, taken := exact[key{m.Client, rule}]
		if m.Client == "" && !taken {
			other, taken = anywhere[rule]
		} else if !taken {
			other, taken = exact[key{"", rule}]
		}
		exact[key{m.Client, rule}], anywhere[rule] = m, m
		if taken {
			c.complain(m.Range, "Mapping declared twice", "%s: there is another mapping %q, at %s: a grant could not say which of them gave it.",
				m.Where, m.Name, other.Where)
		}
		if len(m.Roles) == 0 {
			c.complain(m.Range, "Mapping without roles", "%s: mapping %q gives no role.", m.Where, m.Name)
		}
		for _, name := range m.Roles {
			if !roles[name] {
				c.complain(m.Range, "Unknown role", "%s: mapping %q gives the role %q, which is not declared.%s",
					m.Where, m.Name, name, didYouMean(name, slices.Collect(maps.Keys(roles))))
			}
		}
		out = append(out, c.mapping(m))
	}
	return out
}

// maxGroups bounds the rules that one mapping is written as: one for each of its
// groups with each alternative of its condition.
const maxGroups = 1000

func (c *compilation) mapping(m Mapping) rule {
	r := rule{Mapping: m, bodies: [][]string{nil}, lines: [][]check{nil}}
	if m.When != nil {
		known := clientAttributes()
		if m.Connection != "" {
			known = userAttributes()
		}
		when, diags := readCondition(m.When, known)
		c.diags = append(c.diags, diags...)
		r.bodies, r.lines, r.attributes = when.bodies(), when.lines(), when.attributes
	}
	if m.Connection == "" {
		c.reads.attributes(r.attributes)
	}
	if m.Client != "" {
		c.reads.client(m.Client)
	}
	if n := (len(m.Groups) + len(m.GroupIDs)) * len(r.bodies); n > maxGroups {
		c.complain(m.Range, "Mapping too large", "%s: the groups and the alternatives of the condition of mapping %q make %d rules, and %d is the most. Divide it among several mappings.",
			m.Where, m.Name, n, maxGroups)
	}
	return r
}

// routes builds the trie of each upstream.
func (c *compilation) routes(all []Route) map[string]*routes {
	upstreams := map[string]*routes{}
	for i, r := range all {
		segments, err := parsePattern(r.Pattern)
		if err != nil {
			c.complain(r.Range, "Not a pattern", "%s: route %.200q: %v.", r.Where, r.Pattern, err)
			continue
		}
		for _, m := range r.Methods {
			if !methodName(m) {
				c.complain(r.Range, "Not a method", "%s: route %q: a method is written in capitals, such as \"GET\": %.100q.", r.Where, r.Pattern, m)
			}
		}
		if r.Public && r.Permission != "" {
			c.complain(r.Range, "Public with a permission", "%s: route %q is open to everybody or asks for %q, not both.", r.Where, r.Pattern, r.Permission)
		}
		if r.Permission != "" {
			c.permission(r.Permission, false, r.Range, fmt.Sprintf("route %q", r.Pattern))
		}
		if upstreams[r.Upstream] == nil {
			upstreams[r.Upstream] = &routes{}
		}
		rule := Rule{Index: i, Upstream: r.Upstream, Pattern: r.Pattern, Permission: r.Permission, Public: r.Public, SignOn: r.SignOn, Where: r.Where}
		if other, taken := upstreams[r.Upstream].add(segments, dedupe(r.Methods), rule); taken {
			c.complain(r.Range, "Two equal routes", "%s: route %q of upstream %q matches the same requests as %q at %s: neither is more specific.",
				r.Where, r.Pattern, r.Upstream, other.Pattern, other.Where)
		}
	}
	for _, r := range upstreams {
		r.sort()
	}
	return upstreams
}

func dedupe(methods []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(methods)))
}

// methodName reports whether m is a method of capitals, digits and "-".
func methodName(m string) bool {
	for i := range len(m) {
		if b := m[i]; !('A' <= b && b <= 'Z' || '0' <= b && b <= '9' || b == '-') {
			return false
		}
	}
	return m != "" && len(m) <= 32
}
