package trial

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/gatehouse-id/gatehouse/core/config"
	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

// Why a role is missing is found out for some tests only, and in few mappings: one
// mistake fails many tests, and nobody reads more.
const (
	explained     = 50 // failed tests
	maxCandidates = 20 // mappings that would give one role
	maxListed     = 5  // values of a list
)

// Failures says of each test that failed what was expected, what came by which
// mapping, and why a role is missing.
func (s *Suite) Failures(ctx context.Context, results []Result) (hcl.Diagnostics, error) {
	var diags hcl.Diagnostics
	for i := range results {
		r := &results[i]
		if r.Passed() {
			continue
		}
		text, err := s.Explain(ctx, r, len(diags) < explained)
		if err != nil {
			return nil, err
		}
		diags = append(diags, complaint(r.Range, "Test fails", "%s", text))
	}
	return diags, nil
}

// Explain is one paragraph on a test that failed; deep says also why roles are
// missing.
func (s *Suite) Explain(ctx context.Context, r *Result, deep bool) (string, error) {
	parts := []string{fmt.Sprintf("Expected %s, and got %s.", listOf(slices.Compact(slices.Sorted(slices.Values(r.Roles)))), listOf(namesOf(r.Got)))}
	for _, role := range r.Missing {
		text := ""
		if deep {
			why, err := s.missing(ctx, r, role)
			if err != nil {
				return "", err
			}
			text = ": " + why
		}
		parts = append(parts, fmt.Sprintf("Missing is %q%s.", role, text))
	}
	for _, role := range r.Surplus {
		var by []string
		for _, g := range r.Got {
			if g.Role == role {
				by = append(by, s.source(r, g))
			}
		}
		parts = append(parts, fmt.Sprintf("Not expected is %q: %s.", role, strings.Join(by, "; ")))
	}
	return strings.Join(parts, " "), nil
}

func listOf(roles []string) string {
	if len(roles) == 0 {
		return "no role"
	}
	quoted := make([]string, len(roles))
	for i, r := range roles {
		quoted[i] = strconv.Quote(r)
	}
	return strings.Join(quoted, ", ")
}

// source says what gave a role.
func (s *Suite) source(r *Result, g policy.Granted) string {
	if policy.IsOwn(g.Rule) {
		return fmt.Sprintf("the Rego of the connection (%s) gives it", s.policy.Where(g.Rule))
	}
	if g.Source != policy.SourceMapping {
		return "it is among the roles of the block"
	}
	name, where := g.Rule, s.policy.Where(g.Rule)
	if r.Connection == "" {
		where = s.whereOfClient(r.who.client.ID, g.Rule)
	} else {
		_, name, _ = strings.Cut(g.Rule, "/")
	}
	text := fmt.Sprintf("mapping %q", name)
	if where != "" {
		text += " (" + where + ")"
	}
	if g.Reason != "" {
		return text + " gives it, by " + g.Reason
	}
	return text + " gives it"
}

// whereOfClient is the place of a mapping of clients, by its name.
func (s *Suite) whereOfClient(id, name string) string {
	for _, m := range s.rules.Mappings {
		if m.Connection == "" && m.Name == name && (m.Client == "" || m.Client == id) {
			return m.Where
		}
	}
	return ""
}

// missing says what would have given a role, and what it lacked: of several
// mappings, the one that lacked least.
func (s *Suite) missing(ctx context.Context, r *Result, role string) (string, error) {
	var candidates []policy.Mapping
	for _, m := range s.rules.Mappings {
		if m.Connection == r.Connection && (m.Client == "" || m.Client == r.who.client.ID) && slices.Contains(m.Roles, role) {
			candidates = append(candidates, m)
		}
	}
	if len(candidates) == 0 {
		if r.Connection == "" {
			return "no mapping gives it to such a client", nil
		}
		return "no mapping of this connection gives it", nil
	}
	candidates = candidates[:min(len(candidates), maxCandidates)]
	lacks, err := s.lacks(ctx, r.who, candidates)
	if err != nil {
		return "", err
	}
	best := 0
	for i := range lacks {
		if len(lacks[i]) < len(lacks[best]) {
			best = i
		}
	}
	m := candidates[best]
	if len(lacks[best]) == 0 {
		return fmt.Sprintf("mapping %q (%s) gives it, and another role takes its place", m.Name, m.Where), nil
	}
	more := ""
	if n := len(candidates) - 1; n == 1 {
		more = ", and another mapping lacks as much or more"
	} else if n > 1 {
		more = fmt.Sprintf(", and %d other mappings lack as much or more", n)
	}
	return fmt.Sprintf("mapping %q (%s) would give it, but %s%s", m.Name, m.Where, strings.Join(lacks[best], ", and "), more), nil
}

// lacks says of each mapping which of its parts do not hold. Each part is compiled
// as a mapping of its own, and asked for.
func (s *Suite) lacks(ctx context.Context, who subject, mappings []policy.Mapping) ([][]string, error) {
	type part struct {
		mapping int
		text    string
	}
	parts := newParts()
	var of []part
	for i, m := range mappings {
		if g, any := onlyGroups(m); any && parts.add(g) {
			of = append(of, part{i, whyNoGroup(m, who)})
		}
		for _, e := range conjuncts(m.When) {
			if parts.add(onlyWhen(m, e)) {
				of = append(of, part{i, written(e) + " does not hold" + values(attributes(e), who)})
			}
		}
	}
	holds, err := parts.hold(ctx, []subject{who})
	if err != nil {
		return nil, err
	}
	lacks := make([][]string, len(mappings))
	for i, p := range of {
		if !holds[0][i] {
			lacks[p.mapping] = append(lacks[p.mapping], p.text)
		}
	}
	return lacks, nil
}

// whyNoGroup says which groups a mapping asks for, and whether one of the user's is
// nearly that.
func whyNoGroup(m policy.Mapping, who subject) string {
	var wanted, has []string
	for _, g := range m.Groups {
		wanted = append(wanted, strconv.Quote(g))
	}
	for _, id := range m.GroupIDs {
		wanted = append(wanted, "the one with the id "+strconv.Quote(id))
	}
	for _, p := range m.GroupPatterns {
		wanted = append(wanted, "any like "+strconv.Quote(p))
	}
	for _, g := range who.user.Groups {
		has = append(has, g.Name)
	}
	text := "the user is not in the group " + few(wanted, " or ")
	if len(wanted) > 1 {
		text = "the user is in none of the groups " + few(wanted, ", ")
	}
	for _, g := range m.Groups {
		if near := config.Nearest(g, has); near != "" {
			return text + fmt.Sprintf(", only in %q", near)
		}
	}
	return text
}

// values says what the attributes of a condition are.
func values(names []string, who subject) string {
	var parts []string
	for _, name := range names {
		switch text, list := who.value(name); {
		case policy.IsTruth(name) && text != "":
			parts = append(parts, name+" is "+text)
		case policy.IsList(name) && len(list) == 0:
			parts = append(parts, name+" is empty")
		case policy.IsList(name):
			quoted := make([]string, len(list))
			for i, v := range list {
				quoted[i] = strconv.Quote(v)
			}
			parts = append(parts, name+" holds "+few(quoted, ", "))
		case text == "":
			parts = append(parts, name+" is absent")
		default:
			parts = append(parts, name+" is "+strconv.Quote(text))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

func few(list []string, between string) string {
	if n := len(list) - maxListed; n > 0 {
		return strings.Join(list[:maxListed], between) + fmt.Sprintf(" and %d more", n)
	}
	return strings.Join(list, between)
}

// value is an attribute of a subject.
func (who subject) value(name string) (text string, list []string) {
	if u := who.user; u != nil {
		switch name {
		case "user.id":
			return u.ID, nil
		case "user.organization":
			return u.Organization, nil
		case "auth.context":
			return who.auth.Context, nil
		case "auth.connection":
			return who.auth.Connection, nil
		case "auth.instance":
			return who.auth.Instance, nil
		case "auth.methods":
			return "", who.auth.Methods
		case "auth.mfa":
			return map[authn.MultiFactor]string{authn.MultiFactorYes: "true", authn.MultiFactorNo: "false"}[who.auth.MultiFactor], nil
		case "user.emails":
			return "", u.Emails
		case "user.groups", "user.group_ids":
			for _, g := range u.Groups {
				if v := map[string]string{"user.groups": g.Name, "user.group_ids": g.ID}[name]; v != "" {
					list = append(list, v)
				}
			}
			return "", list
		}
		return u.Texts[strings.TrimPrefix(name, "user.")], nil
	}
	switch name {
	case "client.id":
		return who.client.ID, nil
	case "client.organization":
		return who.client.Organization, nil
	case "client.owner":
		return who.client.Owner, nil
	case "client.kind":
		return who.client.Kind, nil
	}
	return "", who.client.Scopes
}
