package trial

import (
	"context"
	"fmt"
	"strconv"

	"github.com/hashicorp/hcl/v2"

	"github.com/gatehouse-id/gatehouse/core/policy"
)

// parts are mappings that are made from parts of others, to be asked whether they
// hold. They give one role, and their names are their numbers.
type parts struct{ rules policy.Rules }

const partRole = "part"

func newParts() *parts {
	return &parts{policy.Rules{Roles: []policy.Role{{Name: partRole}}}}
}

// add takes a part. It reports false for one that the policy does not take, such as
// a branch that is too large when it is joined with its whole.
func (p *parts) add(m policy.Mapping) bool {
	m.Name, m.Roles = strconv.Itoa(len(p.rules.Mappings)), []string{partRole}
	if !policy.Takes(m) {
		return false
	}
	p.rules.Mappings = append(p.rules.Mappings, m)
	return true
}

// hold tells of each subject which parts hold for it.
func (p *parts) hold(ctx context.Context, subjects []subject) ([][]bool, error) {
	compiled, diags := policy.Compile(ctx, p.rules)
	if diags.HasErrors() {
		return nil, fmt.Errorf("compiling the parts of mappings: %w", diags)
	}
	direct := make([]subject, len(subjects))
	for i, who := range subjects {
		who.client.Grants = nil
		direct[i] = who
	}
	got, err := granted(ctx, compiled, direct)
	if err != nil {
		return nil, err
	}
	out := make([][]bool, len(subjects))
	for i, grants := range got {
		out[i] = make([]bool, len(p.rules.Mappings))
		for _, g := range grants {
			name := g.Rule
			if who := direct[i].user; who != nil {
				name = g.Rule[len(who.Connection)+1:]
			}
			n, err := strconv.Atoi(name)
			if err != nil || n < 0 || n >= len(out[i]) {
				return nil, fmt.Errorf("the policy names a mapping %q that there is not", name)
			}
			out[i][n] = true
		}
	}
	return out, nil
}

// onlyGroups is a mapping for its groups alone; any is false where it has none.
func onlyGroups(m policy.Mapping) (part policy.Mapping, any bool) {
	any = len(m.Groups)+len(m.GroupIDs)+len(m.GroupPatterns) > 0
	m.When = nil
	return m, any
}

// onlyWhen is a mapping for a condition alone.
func onlyWhen(m policy.Mapping, when hcl.Expression) policy.Mapping {
	return policy.Mapping{Client: m.Client, Connection: m.Connection, When: when, Where: m.Where}
}

// alternative is a part of a mapping of which one is enough.
type alternative struct {
	what  string // in words
	where string // file:line
	part  policy.Mapping
}

// alternatives are the groups of a mapping, where there are several, and the
// branches of its condition; each with all that must hold beside it.
func alternatives(m policy.Mapping) []alternative {
	var list []alternative
	only := func(what string, groups, ids, patterns []string) {
		part := m
		part.Groups, part.GroupIDs, part.GroupPatterns = groups, ids, patterns
		list = append(list, alternative{what, m.Where, part})
	}
	if len(m.Groups)+len(m.GroupIDs)+len(m.GroupPatterns) > 1 {
		for _, g := range m.Groups {
			only(fmt.Sprintf("group %q", g), []string{g}, nil, nil)
		}
		for _, id := range m.GroupIDs {
			only(fmt.Sprintf("group with the id %q", id), nil, []string{id}, nil)
		}
		for _, p := range m.GroupPatterns {
			only(fmt.Sprintf("groups like %q", p), nil, nil, []string{p})
		}
	}
	for _, b := range branches(m.When) {
		part := m
		part.When = within(b, m.When)
		at := b.Range()
		list = append(list, alternative{written(b), fmt.Sprintf("%s:%d", at.Filename, at.Start.Line), part})
	}
	return list
}
