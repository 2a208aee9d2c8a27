package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-id/gatehouse/core/access/decided"
	"github.com/gatehouse-id/gatehouse/core/config"
	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/session"
	"github.com/gatehouse-id/gatehouse/core/store"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// opened is an id with what it refers to.
type opened struct {
	decided.Facts
	now    *generation
	then   *config.Config // of the revision; nil: it cannot be read any more
	detail wire.DecisionDetail
}

// Decision implements admin.Explainer.
func (x explainer) Decision(ctx context.Context, within, id string, q wire.ExplainQuery) (wire.DecisionDetail, error) {
	f, err := x.h.decided.Open(id)
	if err != nil {
		return wire.DecisionDetail{}, err
	}
	if within != "" && f.Organization != decided.TagOf(within) {
		return wire.DecisionDetail{}, problem.New(problem.NotFound, "there is no such decision").
			WithHint("this admin token is confined to the organization %q", within)
	}
	o := &opened{Facts: f, now: x.h.current.Load()}
	if o.then, err = x.revision(ctx, o); err != nil {
		return wire.DecisionDetail{}, err
	}
	if err := x.describe(ctx, o); err != nil {
		return wire.DecisionDetail{}, err
	}
	o.detail.Sentences, o.detail.Changes = o.sentences(), o.revised()
	if err := x.since(ctx, within, o, q); err != nil {
		return wire.DecisionDetail{}, err
	}
	return o.detail, nil
}

// revision is the configuration that decided. Values that only its time knew, such as
// of environment variables, are not needed of it.
func (x explainer) revision(ctx context.Context, o *opened) (*config.Config, error) {
	if o.Revision == o.now.revision {
		return o.now.config, nil
	}
	var files string
	err := x.h.store.Read(ctx, func(tx *store.Tx) error {
		return tx.QueryRow(ctx, `SELECT files FROM config_revision WHERE number = $1`, o.Revision).Scan(&files)
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil //nolint:nilnil // another database had it
	}
	if err != nil {
		return nil, err
	}
	var source config.Source
	if err := json.Unmarshal([]byte(files), &source); err != nil {
		return nil, fmt.Errorf("revision %d of the configuration cannot be read: %w", o.Revision, err)
	}
	c, _ := x.h.load(source, true) // what is wrong with it today was not then
	return c, nil
}

// describe says what the facts stand for.
func (x explainer) describe(ctx context.Context, o *opened) error {
	d := wire.DecisionDetail{
		At: o.At.UTC(), Process: fmt.Sprintf("%08x", o.Process), ThisProcess: o.Process == x.h.decided.Process(), Revision: o.Revision, Way: "proxy",
		Method: o.Method, Outcome: o.Outcome, Reason: string(o.Reason), Kind: o.Kind, Principal: o.Principal,
	}
	if o.Way == decided.ForwardAuth {
		d.Way = "forward_auth"
	}
	if o.then != nil {
		if o.Upstream >= 0 && o.Upstream < len(o.then.Upstreams) {
			d.Upstream = o.then.Upstreams[o.Upstream].Name
		}
		d.Route = routeOf(o.then, o.Rule)
	}
	for _, c := range []*config.Config{o.now.config, o.then} {
		if c == nil || o.Kind == "" {
			continue
		}
		for _, one := range c.Organizations {
			if decided.TagOf(one.Label) == o.Organization {
				d.Organization = one.Label
			}
		}
	}
	o.detail = d
	if !o.Cut {
		return nil
	}
	full, err := x.whole(ctx, o)
	if full == "" {
		full = o.Principal + "…"
	}
	o.detail.Principal = full
	return err
}

// whole finds the id of a client that was too long for the id of a decision, among
// those that begin alike.
func (x explainer) whole(ctx context.Context, o *opened) (string, error) {
	const page, most = 100, 10
	for after, n := o.Principal, 0; o.Kind == policy.KindClient && n < most; n++ {
		list, err := x.h.records.Clients(ctx, o.detail.Organization, after, page)
		if err != nil {
			return "", err
		}
		for _, c := range list {
			if o.Is(c.ID) {
				return c.ID, nil
			}
			if after = c.ID; !strings.HasPrefix(c.ID, o.Principal) {
				return "", nil
			}
		}
		if len(list) < page {
			return "", nil
		}
	}
	return "", nil
}

// since says what has changed of the principal, and how the same question is answered
// now.
func (x explainer) since(ctx context.Context, within string, o *opened, q wire.ExplainQuery) error {
	if o.Kind == "" {
		return nil
	}
	if !o.Recorded {
		o.change("access", fmt.Sprintf("%s %q has no record here: what it may do is in its credential, so it cannot be said what has changed.", title(o.Kind), o.detail.Principal))
		return nil
	}
	again, same := o.again(q)
	find := x.Client
	if o.Kind == policy.KindUser {
		find = x.User
	}
	now, err := find(ctx, within, o.detail.Principal, wire.ExplainQuery{Upstream: again.Upstream, Method: again.Method, Path: again.Path})
	if problem.Is(err, problem.NotFound) {
		o.change("access", fmt.Sprintf("%s %q is not there any more.", title(o.Kind), o.detail.Principal))
		return nil
	}
	if err != nil {
		return err
	}
	if !same {
		if now.Request, err = x.sameRoute(ctx, o, &now); err != nil {
			return err
		}
	}
	o.detail.Now = &now
	o.compare(&now)
	credential, err := x.credential(ctx, o)
	if err != nil {
		return err
	}
	if credential != "" {
		o.change("credential", credential)
	}
	o.answer(&now)
	return nil
}

// again is the same question, if it was given: an id has no path.
func (o *opened) again(q wire.ExplainQuery) (wire.ExplainQuery, bool) {
	if q.Path == "" || o.detail.Upstream == "" || !slices.Contains(o.now.labels(), o.detail.Upstream) {
		return wire.ExplainQuery{}, false
	}
	again := wire.ExplainQuery{Upstream: o.detail.Upstream, Method: q.Method, Path: q.Path}
	if again.Method == "" {
		again.Method = o.Method
	}
	return again, true
}

// sameRoute asks about the route that decided, where it still stands: the path is not
// known, so another may come before it now.
func (x explainer) sameRoute(ctx context.Context, o *opened, about *wire.Explanation) (*wire.RequestAnswer, error) {
	i := o.routeNow()
	if i == decided.None && (o.detail.Route != nil || !slices.Contains(o.now.labels(), o.detail.Upstream)) {
		return nil, nil //nolint:nilnil // there is no such question any more
	}
	a := wire.RequestAnswer{Upstream: o.detail.Upstream, Method: o.Method, Path: "a path without a route"}
	rule := policy.Rule{Index: policy.NoRule, Upstream: a.Upstream}
	for _, u := range o.now.config.Upstreams {
		rule.Deny = rule.Deny || u.Name == a.Upstream && u.Deny
	}
	if i != decided.None {
		r := o.now.config.Routes[i]
		a.Path = r.Pattern
		rule = policy.Rule{
			Index: i, Upstream: a.Upstream, Pattern: r.Pattern, Permission: r.Permission, Public: r.Public, SignOn: policy.SignOn{MultiFactor: r.MFA, MaxAge: r.MaxAge},
		}
	}
	st, err := x.standing(ctx, o.now, about)
	if err != nil {
		return nil, err
	}
	return x.request(ctx, o.now, about, &st, rule, a)
}

// routeNow is where the route that decided stands in the configuration in force.
func (o *opened) routeNow() int {
	if o.detail.Route == nil {
		return decided.None
	}
	of := func(c *config.Config, r config.Route) string {
		if r.Upstream == "" && len(c.Upstreams) == 1 {
			return c.Upstreams[0].Name
		}
		return r.Upstream
	}
	i := slices.IndexFunc(o.now.config.Routes, func(r config.Route) bool {
		return of(o.now.config, r) == o.detail.Upstream && r.Pattern == o.detail.Route.Pattern && slices.Equal(sortedCopy(r.Methods), sortedCopy(o.detail.Route.Methods))
	})
	if i < 0 {
		return decided.None
	}
	return i
}

func sortedCopy(list []string) []string { return slices.Sorted(slices.Values(list)) }

// credential says what became of the key or the session.
func (x explainer) credential(ctx context.Context, o *opened) (string, error) {
	if o.Credential == 0 {
		return "", nil
	}
	if o.Kind == policy.KindUser {
		const most = 1000
		list, err := x.h.sessions.List(ctx, session.Query{User: o.Principal, Limit: most})
		if err != nil || slices.ContainsFunc(list, func(s session.Session) bool { return decided.Hash(s.ID) == o.Credential }) {
			return "", err
		}
		return "The session that was used has ended.", nil
	}
	keys, err := x.h.records.Keys(ctx, o.detail.Principal)
	if err != nil {
		return "", err
	}
	for _, k := range keys {
		if decided.Hash(k.ID) == o.Credential {
			return keySentence(k, x.h.clock()), nil
		}
	}
	return "The key that was used is not there any more.", nil
}
