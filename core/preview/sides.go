package preview

import (
	"slices"

	"github.com/gatehouse-id/gatehouse/core/policy"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
)

// counts reports whether grants of a role count: the configuration declares it.
func (s *Side) counts(role string) bool {
	_, declared := s.Roles[role]
	return declared
}

// roles are the names of the roles that count among grants, sorted.
func (s *Side) roles(granted ...[]policy.Granted) []string {
	var names []string
	for _, list := range granted {
		for _, g := range list {
			if s.counts(g.Role) {
				names = append(names, g.Role)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// has is what somebody has: what mappings gave, and what was given otherwise.
type has struct {
	side           *Side
	mapped, direct []policy.Granted
	roles          []string
}

func (s *Side) has(mapped, direct []policy.Granted) has {
	return has{s, mapped, direct, s.roles(mapped, direct)}
}

// without lists the roles that are not among others, with what gave them.
func (h has) without(other has) (list []wire.PlannedGrant) {
	for _, role := range h.roles {
		if _, also := slices.BinarySearch(other.roles, role); !also {
			list = append(list, h.why(role))
		}
	}
	return list
}

// why is the first grant of a role.
func (h has) why(role string) wire.PlannedGrant {
	for _, list := range [][]policy.Granted{h.direct, h.mapped} {
		for _, g := range list {
			if g.Role == role {
				return wire.PlannedGrant{Role: role, Source: g.Source, Rule: g.Rule, Reason: g.Reason, Where: h.side.Policy.Where(g.Rule)}
			}
		}
	}
	return wire.PlannedGrant{Role: role}
}

// standing reports whether users of a connection come in at all. Those of none
// are nobody's to take away.
func (s *Side) standing(label string) bool {
	_, there := s.Connections[label]
	return label == "" || there
}

// admission is what becomes of the access of a connection's users.
func (c *comparison) admission(label string) (access, because string) {
	before, was := c.before.Connections[label]
	after, is := c.after.Connections[label]
	switch {
	case was && !is:
		return wire.AccessLost, wire.ByConnection
	case !was && is:
		return wire.AccessGained, wire.ByConnection
	case before.SignOn && !after.SignOn:
		return wire.AccessLost, wire.BySignOn
	case !before.SignOn && after.SignOn:
		return wire.AccessGained, wire.BySignOn
	}
	return "", ""
}
