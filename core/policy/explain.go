package policy

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"golang.org/x/text/unicode/norm"

	"github.com/gatehouse-id/gatehouse/core/config"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Limits of an explanation: the rest is counted.
const (
	maxExplained = 20 // mappings
	maxWays      = 3  // alternatives of one condition
	maxNamed     = 5  // groups in a sentence
)

// Explained is one mapping, as far as somebody fulfils it.
type Explained struct {
	Mapping string // its name
	Rule    string // what its grants say gave them
	Where   string // file:line
	Roles   []string
	Gives   bool
	Because []Why   // where it gives: what fulfilled it; else what is missing, all of it
	Either  [][]Why // and, where the condition has alternatives, one of these, the nearest first
	More    int     // further alternatives
}

// Explanation says of the mappings that give a role what somebody has of each.
type Explanation struct {
	Declared bool
	Similar  string // a declared role of nearly that name; ""
	Mappings []Explained
	More     int // further mappings, which were not looked at
}

// ExplainUser says for each mapping that gives a role why it gives it to a user,
// or why not; without a role, for each that gives them any. near are the other
// connections of the user's organization, whose mappings are told as such; of those
// of other organizations nothing is said. What is told to be given is what Mapped
// gives: where the two should differ, the answer is an error.
func (p *Policy) ExplainUser(ctx context.Context, u User, near []string, role string) (Explanation, error) {
	granted, err := p.Mapped(ctx, []User{u})
	if err != nil {
		return Explanation{}, err
	}
	e := p.explanation(role)
	var own, others []rule
	for _, m := range p.giving(role, granted[0]) {
		switch {
		case m.Connection == "":
		case m.Connection == u.Connection:
			own = append(own, m)
		case slices.Contains(near, m.Connection):
			others = append(others, m)
		}
	}
	if c := p.connections[u.Connection]; c != nil {
		own = e.bounded(own)
		if err := e.explain(ctx, own, c.see(&u).input(u.Connection), granted[0]); err != nil {
			return Explanation{}, err
		}
	} else { // its only mappings hold for nobody
		for _, m := range e.bounded(own) {
			e.Mappings = append(e.Mappings, m.explain(probed{}))
		}
	}
	for _, m := range e.bounded(others) {
		one := m.head()
		from := "no connection"
		if u.Connection != "" {
			from = fmt.Sprintf("connection %q", u.Connection)
		}
		one.Because = []Why{{Kind: WhyConnection, Text: fmt.Sprintf("it is for the users of connection %q, and this one is of %s", m.Connection, from)}}
		e.Mappings = append(e.Mappings, one)
	}
	return e, nil
}

// ExplainClient does the same for a client. What mappings give it does not say what
// it may do where a user owns it: see Within.
func (p *Policy) ExplainClient(ctx context.Context, who Principal, role string) (Explanation, error) {
	set, err := p.RoleSet(ctx, who)
	if err != nil {
		return Explanation{}, err
	}
	granted := slices.DeleteFunc(slices.Clone(set.Roles), func(g Granted) bool { return g.Source != SourceMapping })
	e := p.explanation(role)
	var own []rule
	for _, m := range p.giving(role, granted) {
		if m.Connection == "" && (m.Client == "" || norm.NFC.String(m.Client) == norm.NFC.String(who.ID)) {
			own = append(own, m)
		}
	}
	return e, e.explain(ctx, e.bounded(own), p.reads.of(who).input(), granted)
}

func (p *Policy) explanation(role string) Explanation {
	if role == "" {
		return Explanation{Declared: true}
	}
	_, declared := p.roles[role]
	e := Explanation{Declared: declared}
	if !declared {
		e.Similar = config.Nearest(role, slices.Sorted(maps.Keys(p.roles)))
	}
	return e
}

// giving are the mappings that give a role, or without one those that gave any.
func (p *Policy) giving(role string, granted []Granted) (list []rule) {
	for _, m := range p.mappings {
		gave := slices.ContainsFunc(granted, func(g Granted) bool { return g.Rule == m.rule() })
		if role == "" && gave || role != "" && slices.Contains(m.Roles, role) {
			list = append(list, m)
		}
	}
	return list
}

// bounded takes as many as still fit, and counts the rest.
func (e *Explanation) bounded(list []rule) []rule {
	n := min(len(list), max(0, maxExplained-len(e.Mappings)))
	e.More += len(list) - n
	return list[:n]
}

// explain asks for each line of the mappings whether it holds, and compares what
// follows from that with what was given.
func (e *Explanation) explain(ctx context.Context, list []rule, input ast.Value, granted []Granted) error {
	p := &probe{known: map[string]int{}}
	for i, m := range list {
		if !p.add(m) {
			e.More += len(list) - i
			list = list[:i]
			break
		}
	}
	found, err := p.ask(ctx, input)
	if err != nil {
		return err
	}
	for _, m := range list {
		one := m.explain(found)
		if one.Gives != slices.ContainsFunc(granted, func(g Granted) bool { return g.Rule == one.Rule }) {
			return problem.New(problem.Internal, "the explanation of mapping %q does not agree with what it gives", one.Rule)
		}
		e.Mappings = append(e.Mappings, one)
	}
	return nil
}

func (m rule) head() Explained {
	return Explained{Mapping: m.Name, Rule: m.rule(), Where: m.Where, Roles: m.Roles}
}

// explain puts together what was found out about the lines of a mapping.
func (m rule) explain(found probed) Explained {
	one := m.head()
	if len(m.lines) == 0 { // and so nobody has looked at its groups
		one.Because = []Why{{Kind: WhyNever, Text: "its condition holds for nobody"}}
		return one
	}
	in, groups := m.groupsOf(found)
	if !in {
		one.Because = append(one.Because, groups)
	}
	var missing [][]Why
	fulfilled := -1
	for i, alternative := range m.lines {
		lacks := slices.DeleteFunc(slices.Clone(alternative), func(ch check) bool { return found.holds[ch.rego] })
		if missing = append(missing, whys(lacks, false, found.values)); len(lacks) == 0 && fulfilled < 0 {
			fulfilled = i
		}
	}
	switch {
	case fulfilled < 0 && len(missing) == 1:
		one.Because = append(one.Because, missing[0]...)
	case fulfilled < 0:
		slices.SortStableFunc(missing, func(a, b []Why) int { return len(a) - len(b) })
		n := min(len(missing), maxWays)
		one.Either, one.More = missing[:n], len(missing)-n
	case in:
		one.Gives = true
		if groups.Text != "" {
			one.Because = append(one.Because, groups)
		}
		one.Because = append(one.Because, whys(m.lines[fulfilled], true, found.values)...)
		if len(one.Because) == 0 {
			one.Because = []Why{m.everybody()}
		}
	}
	return one
}

func (m rule) everybody() Why {
	switch {
	case m.Connection != "":
		return Why{Kind: WhyEverybody, Text: "it is for every user of the connection"}
	case m.Client != "":
		return Why{Kind: WhyEverybody, Text: "it is for this client"}
	}
	return Why{Kind: WhyEverybody, Text: "it is for every client"}
}

// groupsOf says in which of the mapping's groups somebody is, or that it is none.
func (m rule) groupsOf(found probed) (in bool, why Why) {
	parts := m.groupParts()
	var has, lacks []string
	for _, g := range parts {
		if found.holds[g.line] {
			has = append(has, g.words)
		} else {
			lacks = append(lacks, g.words)
		}
	}
	switch {
	case len(parts) == 0:
		return true, Why{}
	case len(has) > 0:
		return true, Why{Kind: WhyGroup, Groups: has, Text: "in " + several(has, "and")}
	case len(lacks) == 1:
		return false, Why{Kind: WhyGroup, Groups: lacks, Text: "not in " + lacks[0]}
	}
	return false, Why{Kind: WhyGroup, Groups: lacks, Text: "neither in " + several(lacks, "nor in")}
}

// several lists what there is, and counts what is more than people read.
func several(list []string, last string) string {
	if n := len(list) - maxNamed; n > 0 {
		list = append(slices.Clone(list[:maxNamed]), fmt.Sprintf("%d more", n))
	}
	if len(list) == 1 {
		return list[0]
	}
	return strings.Join(list[:len(list)-1], ", ") + " " + last + " " + list[len(list)-1]
}
