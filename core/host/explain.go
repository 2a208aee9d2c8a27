package host

import (
	"context"
	"slices"
	"strings"

	"github.com/gatehouse-id/gatehouse/core/access"
	"github.com/gatehouse-id/gatehouse/core/admin"
	"github.com/gatehouse-id/gatehouse/core/config"
	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/server/reqpath"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// explainer says why, for the admin API. It asks the rooms that decide.
type explainer struct{ h *house }

var _ admin.Explainer = explainer{}

// asker explains mappings to one somebody: those that give a role, or without one
// those that give them any.
type asker func(role string) (policy.Explanation, error)

// User implements admin.Explainer.
func (x explainer) User(ctx context.Context, within, id string, q wire.ExplainQuery) (wire.Explanation, error) {
	now := x.h.current.Load()
	e, err := people{x.h}.one(ctx, within, sdk.User, id)
	if err != nil {
		return wire.Explanation{}, err
	}
	who, err := x.h.grants.Person(ctx, id)
	if err != nil {
		return wire.Explanation{}, err
	}
	st, err := now.access.StandingOfUser(ctx, who)
	if err != nil {
		return wire.Explanation{}, err
	}
	var near []string
	for _, c := range now.config.Connections {
		if c.Organization == who.Organization && c.Label != who.Connection {
			near = append(near, c.Label)
		}
	}
	about := wire.Explanation{Kind: policy.KindUser, ID: id, Name: asUser(e).UserName, Organization: who.Organization, Connection: who.Connection, Access: st.Refused == nil}
	about.Sentences = standing(about, who.Active, st.Refused)
	return about, x.fill(ctx, now, &about, &st, q, func(role string) (policy.Explanation, error) {
		return now.policy.ExplainUser(ctx, who.Mapped(), near, role)
	})
}

// Client implements admin.Explainer.
func (x explainer) Client(ctx context.Context, within, id string, q wire.ExplainQuery) (wire.Explanation, error) {
	now := x.h.current.Load()
	c, err := x.h.records.Client(ctx, within, id)
	if err != nil {
		return wire.Explanation{}, err
	}
	st, err := now.access.StandingOfClient(ctx, c)
	if err != nil {
		return wire.Explanation{}, err
	}
	about := wire.Explanation{Kind: policy.KindClient, ID: id, Organization: c.Organization, Access: st.Refused == nil}
	about.Sentences = standing(about, true, st.Refused)
	if len(c.Networks) > 0 {
		var list []string
		for _, n := range c.Networks {
			list = append(list, n.String())
		}
		about.Sentences = append(about.Sentences, "Its keys may be used from "+strings.Join(list, ", ")+" only.")
	}
	return about, x.fill(ctx, now, &about, &st, q, func(role string) (policy.Explanation, error) {
		return now.policy.ExplainClient(ctx, st.Who, role)
	})
}

// standing finds that of somebody who was explained before.
func (x explainer) standing(ctx context.Context, now *generation, about *wire.Explanation) (st access.Standing, err error) {
	if about.Kind == policy.KindClient {
		c, err := x.h.records.Client(ctx, "", about.ID)
		if err != nil {
			return st, err
		}
		return now.access.StandingOfClient(ctx, c)
	}
	who, err := x.h.grants.Person(ctx, about.ID)
	if err != nil {
		return st, err
	}
	return now.access.StandingOfUser(ctx, who)
}

// fill adds the roles, and what was asked for.
func (x explainer) fill(ctx context.Context, now *generation, about *wire.Explanation, st *access.Standing, q wire.ExplainQuery, ask asker) error {
	given, err := ask("")
	if err != nil {
		return err
	}
	about.Roles = []wire.ExplainedRole{}
	for _, g := range held(st) {
		one, err := x.role(ctx, now, st, g, given)
		if err != nil {
			return err
		}
		if q.Role == "" || q.Role == one.Name {
			about.Roles = append(about.Roles, one)
		}
	}
	if q.Role != "" {
		e, err := ask(q.Role)
		if err != nil {
			return err
		}
		about.Role = roleAnswer(about, st, q.Role, e)
	}
	if q.Path == "" {
		return nil
	}
	rule, label, path, err := x.rule(now, q)
	if err != nil {
		return err
	}
	about.Request, err = x.request(ctx, now, about, st, rule, wire.RequestAnswer{Upstream: label, Method: method(q), Path: path})
	return err
}

// held are the grants of somebody: those that are kept, and of a client what mappings
// give it.
func held(st *access.Standing) []grant.Grant {
	list := slices.Clone(st.Grants)
	for _, g := range st.Own {
		if g.Source == policy.SourceMapping && st.Who.Kind == policy.KindClient {
			list = append(list, grant.Grant{Role: g.Role, Source: grant.Mapping, Rule: g.Rule})
		}
	}
	slices.SortStableFunc(list, func(a, b grant.Grant) int { return strings.Compare(a.Role, b.Role) })
	return list
}

// role explains one grant.
func (x explainer) role(ctx context.Context, now *generation, st *access.Standing, g grant.Grant, given policy.Explanation) (one wire.ExplainedRole, err error) {
	one = wire.ExplainedRole{Name: g.Role, Source: string(g.Source), Rule: g.Rule, Since: g.CreatedAt, Why: []wire.Why{}}
	if !one.Since.IsZero() {
		one.Since = one.Since.UTC()
	}
	if g.Source == grant.Mapping {
		i := slices.IndexFunc(given.Mappings, func(m policy.Explained) bool { return m.Rule == g.Rule })
		if i >= 0 {
			one.Where, one.Why = given.Mappings[i].Where, asWhys(given.Mappings[i].Because)
		} else if g.Reason != "" { // more of them than are looked at
			one.Where, one.Why = now.policy.Where(g.Rule), []wire.Why{{Kind: string(policy.WhyAttribute), Text: g.Reason}}
		}
	}
	declared := slices.ContainsFunc(now.config.Roles, func(r config.Role) bool { return r.Name == g.Role })
	one.InForce = declared && st.Refused == nil && st.Has(g.Role)
	if one.InForce {
		if one.Withheld, err = now.policy.Withheld(ctx, g.Role, st.Scopes); err != nil {
			return one, err
		}
	}
	one.Sentence = roleSentence(one, declared, st)
	return one, nil
}

// rule finds the route for what a query asks.
func (x explainer) rule(now *generation, q wire.ExplainQuery) (rule policy.Rule, label, path string, err error) {
	target, _, _ := strings.Cut(q.Path, "?")
	path, err = reqpath.Normalize(target)
	if err != nil {
		return rule, "", "", err
	}
	labels := now.labels()
	label = q.Upstream
	switch {
	case q.Host != "":
		i, _, ok := now.requests.Proxy.For(q.Host)
		if !ok {
			return rule, "", "", problem.New(problem.Invalid, "no application is served under the host name %q", q.Host).WithHint("name an upstream: %s", strings.Join(labels, ", "))
		}
		label = labels[i]
	case label == "" && len(labels) == 1:
		label = labels[0]
	}
	if !slices.Contains(labels, label) {
		what := "there is no upstream \"" + label + "\" in the configuration"
		if label == "" {
			what = "there are several upstreams"
		}
		return rule, "", "", problem.New(problem.Invalid, "%s", what).WithHint("name one with --upstream, or a host with --host: %s", strings.Join(labels, ", "))
	}
	return now.policy.Route(label, method(q), path), label, path, nil
}

func method(q wire.ExplainQuery) string {
	if q.Method == "" {
		return "GET"
	}
	return q.Method
}

// request explains what a rule says to somebody.
func (x explainer) request(ctx context.Context, now *generation, about *wire.Explanation, st *access.Standing, rule policy.Rule, a wire.RequestAnswer) (*wire.RequestAnswer, error) {
	o, err := now.access.Explain(ctx, st, rule)
	if err != nil {
		return nil, err
	}
	a.Route = routeOf(now.config, rule.Index)
	a.StepUp = o.Verdict.Allow && rule.SignOn != (policy.SignOn{})
	a.Reason, a.By, a.Could, a.More = string(o.Verdict.Reason), o.By, o.Could, o.More
	a.Allowed = o.Verdict.Allow && (st.Refused == nil || rule.Public) && (!a.StepUp || about.Kind == policy.KindUser)
	a.Sentences = requestSentences(about, st, a)
	return &a, nil
}

// routeOf is a route as the configuration has it; nil is none.
func routeOf(c *config.Config, index int) *wire.RouteRule {
	if index < 0 || index >= len(c.Routes) {
		return nil
	}
	r := c.Routes[index]
	return &wire.RouteRule{
		Pattern: r.Pattern, Methods: r.Methods, Where: where(r.Range.Filename, r.Range.Start.Line), Permission: r.Permission, Public: r.Public,
		MultiFactor: r.MFA, MaxAge: wire.Duration(r.MaxAge),
	}
}

func asWhys(list []policy.Why) []wire.Why {
	whys := []wire.Why{}
	for _, w := range list {
		whys = append(whys, wire.Why{Kind: string(w.Kind), Attribute: w.Attribute, Is: w.Is, Asked: w.Asked, Groups: w.Groups, Text: w.Text})
	}
	return whys
}
