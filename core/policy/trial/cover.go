package trial

import (
	"context"

	"github.com/gatehouse-id/gatehouse/core/policy"
)

// Coverage says what tests reach: which mappings gave somebody a role, and of those
// with several groups or branches of a condition, which of them.
type Coverage struct {
	Mappings []Covered
	Unasked  []policy.Role // roles that no test block expects, and nobody has whom Rego tests asked about
	Reached  int           // of Parts
	Parts    int           // alternatives, and mappings that have none
}

// Covered is one mapping.
type Covered struct {
	policy.Mapping
	Tests        int // in which it gave a role
	Alternatives []Alternative
}

// Alternative is a group of a mapping, or a branch of its condition.
type Alternative struct {
	What  string // in words, or as the condition has it
	Where string // file:line
	Tests int    // in which it held, with all that the mapping asks for beside it
}

// Cover counts over results, and over those whom Rego tests have asked about.
func (s *Suite) Cover(ctx context.Context, results []Result, asked *Asked) (Coverage, error) {
	var subjects []subject
	expected := map[string]bool{}
	for i := range results {
		subjects = append(subjects, results[i].who)
		for _, role := range results[i].Roles {
			expected[role] = true
		}
	}
	if asked != nil {
		subjects = append(subjects, asked.list...)
		got, err := granted(ctx, s.policy, asked.list)
		if err != nil {
			return Coverage{}, err
		}
		for _, grants := range got {
			for _, g := range grants {
				expected[g.Role] = true
			}
		}
	}
	var c Coverage
	parts := newParts()
	type place struct{ mapping, alternative int } // alternative -1 is the mapping itself
	var places []place
	for _, m := range s.rules.Mappings {
		covered := Covered{Mapping: m}
		if parts.add(m) {
			places = append(places, place{len(c.Mappings), -1})
		}
		for _, a := range alternatives(m) {
			if parts.add(a.part) { // else it cannot be told apart, and is left out
				places = append(places, place{len(c.Mappings), len(covered.Alternatives)})
				covered.Alternatives = append(covered.Alternatives, Alternative{What: a.what, Where: a.where})
			}
		}
		c.Mappings = append(c.Mappings, covered)
	}
	holds, err := parts.hold(ctx, subjects)
	if err != nil {
		return c, err
	}
	for _, held := range holds {
		for i, yes := range held {
			switch at := places[i]; {
			case !yes:
			case at.alternative < 0:
				c.Mappings[at.mapping].Tests++
			default:
				c.Mappings[at.mapping].Alternatives[at.alternative].Tests++
			}
		}
	}
	c.sum()
	for _, r := range s.rules.Roles {
		if !expected[r.Name] {
			c.Unasked = append(c.Unasked, r)
		}
	}
	return c, nil
}

func (c *Coverage) sum() {
	count := func(tests int) {
		c.Parts++
		if tests > 0 {
			c.Reached++
		}
	}
	for _, m := range c.Mappings {
		if len(m.Alternatives) == 0 {
			count(m.Tests)
		}
		for _, a := range m.Alternatives {
			count(a.Tests)
		}
	}
}
