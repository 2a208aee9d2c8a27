package host

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/core/access"
	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/policy"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// named is how sentences call somebody.
func named(about *wire.Explanation) string {
	if about.Kind == policy.KindClient {
		return fmt.Sprintf("Client %q", about.ID)
	}
	return fmt.Sprintf("User %q", cmp.Or(about.Name, about.ID))
}

// standing says whether somebody has access at all.
func standing(about wire.Explanation, active bool, refused error) []string {
	switch {
	case !active:
		return []string{named(&about) + " is deactivated, and has no access, whatever roles they have."}
	case refused != nil:
		return []string{fmt.Sprintf("%s has no access, whatever roles: %s.", named(&about), problem.As(refused).Detail)}
	case about.Kind == policy.KindUser && about.Connection == "":
		return []string{named(&about) + " is provisioned by no connection, and no mapping gives them a role."}
	}
	return []string{}
}

func texts(whys []wire.Why) string {
	var list []string
	for _, w := range whys {
		list = append(list, w.Text)
	}
	return strings.Join(list, "; ")
}

func at(where string) string {
	if where == "" {
		return ""
	}
	return " at " + where
}

// roleSentence says where a role comes from, and what keeps it from counting.
func roleSentence(one wire.ExplainedRole, declared bool, st *access.Standing) string {
	var s string
	switch grant.Source(one.Source) {
	case grant.Mapping:
		s = fmt.Sprintf("mapping %q%s gives it", one.Rule, at(one.Where))
	case grant.File:
		s = fmt.Sprintf("the block %s of the files gives it", one.Rule)
	case grant.Manual:
		s = "it was given by hand"
	case grant.API:
		s = "it was given with the admin API"
	default:
		s = fmt.Sprintf("the source %q gives it", one.Source)
	}
	if !one.Since.IsZero() {
		s += ", since " + one.Since.Format(time.RFC3339)
	}
	if len(one.Why) > 0 {
		s += ": " + texts(one.Why)
	}
	s = fmt.Sprintf("Role %q: %s.", one.Name, s)
	switch {
	case !declared:
		s += " The configuration declares no such role, so it counts for nothing."
	case st.Refused != nil:
	case !st.Has(one.Name) && st.Owner != nil:
		s += " It does not count: it permits what the user who owns the client may not do."
	}
	if len(one.Withheld) > 0 {
		s += fmt.Sprintf(" The scopes of the client (%s) withhold %s.", strings.Join(st.Scopes, ", "), strings.Join(one.Withheld, ", "))
	}
	return s
}

// roleAnswer says of each mapping that gives a role what is missing.
func roleAnswer(about *wire.Explanation, st *access.Standing, role string, e policy.Explanation) *wire.RoleAnswer {
	a := &wire.RoleAnswer{Name: role, Declared: e.Declared, Has: e.Declared && st.Has(role), Mappings: []wire.ExplainedMapping{}, More: e.More}
	inactive := about.Kind == policy.KindUser && st.Refused != nil
	granted := slices.ContainsFunc(held(st), func(g grant.Grant) bool { return g.Role == role })
	for _, m := range e.Mappings {
		one := wire.ExplainedMapping{Rule: m.Rule, Where: m.Where, Gives: m.Gives, Because: asWhys(m.Because), More: m.More, Roles: m.Roles}
		for _, way := range m.Either {
			one.Either = append(one.Either, wire.Way{Missing: asWhys(way)})
		}
		one.Sentence = mappingSentence(one, inactive && !a.Has)
		a.Mappings = append(a.Mappings, one)
	}
	switch {
	case !e.Declared:
		a.Sentences = append(a.Sentences, fmt.Sprintf("The configuration declares no role %q.", role))
		if e.Similar != "" {
			a.Sentences = append(a.Sentences, fmt.Sprintf("Did you mean %q?", e.Similar))
		}
		return a
	case a.Has:
		a.Sentences = append(a.Sentences, fmt.Sprintf("%s has the role %q.", named(about), role))
	case granted && st.Owner != nil:
		a.Sentences = append(a.Sentences, fmt.Sprintf("%s was given the role %q, which does not count: it permits what the user who owns the client may not do.", named(about), role))
	default:
		a.Sentences = append(a.Sentences, fmt.Sprintf("%s does not have the role %q.", named(about), role))
	}
	if len(a.Mappings) == 0 {
		a.Sentences = append(a.Sentences, "No mapping gives it to "+map[string]string{policy.KindClient: "clients like this one.", policy.KindUser: "users of this organization."}[about.Kind])
	}
	for _, m := range a.Mappings {
		a.Sentences = append(a.Sentences, m.Sentence)
	}
	if a.More > 0 {
		a.Sentences = append(a.Sentences, fmt.Sprintf("%d more mappings that give it are not shown.", a.More))
	}
	return a
}

func mappingSentence(m wire.ExplainedMapping, inactive bool) string {
	s := fmt.Sprintf("Mapping %q%s ", m.Rule, at(m.Where))
	switch {
	case m.Gives && inactive:
		return s + "would give it to them if they had access: " + texts(m.Because) + "."
	case m.Gives:
		return s + "gives it: " + texts(m.Because) + "."
	}
	s += "does not: " + texts(m.Because)
	if len(m.Either) == 0 {
		return s + "."
	}
	if len(m.Because) > 0 {
		s += "; and "
	}
	var ways []string
	for _, w := range m.Either {
		ways = append(ways, texts(w.Missing))
	}
	if m.More > 0 {
		ways = append(ways, fmt.Sprintf("%d more alternatives", m.More))
	}
	return s + "each of its alternatives lacks something: either " + strings.Join(ways, ", or ") + "."
}
