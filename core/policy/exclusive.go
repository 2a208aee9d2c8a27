package policy

import (
	"cmp"
	"maps"
	"slices"
)

// distinct are the roles of which not all count beside one another, or not all
// may go.
type distinct struct {
	protected []string        // sorted
	exclusive map[string]Role // by name
}

// distinct checks what roles say of one another.
func (c *compilation) distinct(roles []Role) distinct {
	d := distinct{exclusive: map[string]Role{}}
	type place struct {
		word     string
		priority int
	}
	taken := map[place]Role{}
	for _, r := range roles {
		if r.Protected {
			d.protected = append(d.protected, r.Name)
		}
		switch {
		case r.Exclusive == "" && r.Priority != 0:
			c.complain(r.Range, "Priority without exclusive", "The priority of role %q says which of several exclusive roles counts, and it is not exclusive.", r.Name)
		case r.Exclusive == "":
		case !permissionSegment.MatchString(r.Exclusive):
			c.complain(r.Range, "Not a word", "Role %q: exclusive is a word of a-z, 0-9, \".\", \"_\" and \"-\" that several roles share, such as \"plan\".", r.Name)
		default:
			at := place{r.Exclusive, r.Priority}
			if other, ok := taken[at]; ok && other.Name != r.Name {
				c.complain(r.Range, "Equal priorities", "Role %q is exclusive (%q) with the priority %d, and so is role %q%s: it could not be said which of them counts. Give them different priorities.",
					r.Name, r.Exclusive, r.Priority, other.Name, whereOf(other))
			}
			taken[at] = r
			d.exclusive[string([]rune(r.Name))] = r // as quote writes a name that is not UTF-8
		}
	}
	slices.Sort(d.protected)
	return d
}

func whereOf(r Role) string {
	if r.Range.Filename == "" {
		return ""
	}
	return " at " + r.Range.String()
}

// Protected names the roles whose last grant is kept, sorted.
func (p *Policy) Protected() []string { return slices.Clone(p.distinct.protected) }

// Outranked says which of the roles that somebody was given do not count, because
// of the roles that share a word they have one with a higher priority: by name,
// with that one. The order of the roles means nothing.
func (p *Policy) Outranked(roles []string) map[string]string { return p.distinct.outranked(roles) }

func (d distinct) outranked(roles []string) map[string]string {
	if len(d.exclusive) == 0 {
		return nil
	}
	best := map[string]Role{} // by word
	for _, name := range roles {
		r, ok := d.exclusive[name]
		if before, have := best[r.Exclusive]; ok && (!have || r.Priority > before.Priority) {
			best[r.Exclusive] = r
		}
	}
	out := map[string]string{}
	for _, name := range roles {
		if r, ok := d.exclusive[name]; ok && best[r.Exclusive].Name != r.Name {
			out[name] = best[r.Exclusive].Name
		}
	}
	return out
}

// rank takes out of grants what does not count beside the others.
func (d distinct) rank(grants []Granted) (count, outranked []Granted) {
	names := map[string]bool{}
	for _, g := range grants {
		names[g.Role] = true
	}
	by := d.outranked(slices.Collect(maps.Keys(names)))
	if len(by) == 0 {
		return grants, nil
	}
	for _, g := range grants {
		if _, out := by[g.Role]; out {
			outranked = append(outranked, g)
		} else {
			count = append(count, g)
		}
	}
	return count, outranked
}

// sortGrants orders grants by role, source and rule.
func sortGrants(list []Granted) {
	slices.SortFunc(list, func(a, b Granted) int {
		return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Rule, b.Rule))
	})
}
