package admin

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/store"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Grants keeps who has which role.
type Grants interface {
	Of(ctx context.Context, principal string) ([]grant.Grant, error)
	Replace(ctx context.Context, tx *store.Tx, by grant.By, principal string, source grant.Source, rule string, roles []string) error
	Give(ctx context.Context, by grant.By, n grant.ByHand) (grant.Grant, error)
	Take(ctx context.Context, by grant.By, principal, role string) (grant.Grant, error)
	List(ctx context.Context, q grant.Query) ([]grant.Grant, error)
}

// principalForm is the pattern of whom roles are given to.
const principalForm = `^(user:[0-9A-Za-z-]{1,64}|client:[a-z][a-z0-9-]{0,62})$`

var principals = regexp.MustCompile(principalForm)

// grantCursorForm is the pattern of what grantCursor makes.
const grantCursorForm = `^[A-Za-z0-9_-]+$`

var grantCursors = regexp.MustCompile(grantCursorForm)

const (
	maxRole   = 1024 // bytes of a role that is looked for
	maxCursor = 8192 // bytes
)

// grantRoutes are those of roles that were given.
func grantRoutes() []route {
	text := object{"type": "string", "minLength": 1}
	return []route{
		{http.MethodGet, "/grants", ReadGrants, oneOrganization, (*API).listGrants, contract{
			id: "listGrants", summary: "List which roles users and clients were given, by role, organization and principal", out: wire.GrantPage{}, status: http.StatusOK,
			parameters: append(paging(grantCursorForm),
				parameter{"organization", "query", "label of an organization; only what is of it", text},
				parameter{"principal", "query", "only theirs", object{"type": "string", "pattern": principalForm}},
				parameter{"role", "query", "only of this role", object{"type": "string", "minLength": 1, "maxLength": maxRole}}),
		}},
		{http.MethodPost, "/grants", WriteGrants, oneOrganization, (*API).addGrant, contract{
			id: "addGrant", summary: "Give a role by hand, for good or until an end", in: wire.NewGrant{}, needed: true, names: true, out: wire.Grant{}, status: http.StatusCreated,
		}},
		{http.MethodPost, "/grants/remove", WriteGrants, oneOrganization, (*API).removeGrant, contract{
			id: "removeGrant", summary: "Take back a role that was given by hand", in: wire.GrantRemoval{}, needed: true, names: true, out: wire.Grant{}, status: http.StatusOK,
		}},
	}
}

func (a *API) listGrants(c *call) (int, any, error) {
	asked, query, err := parseQuery(c.URL.RawQuery, grantCursors, "organization", "principal", "role")
	if err != nil {
		return 0, nil, err
	}
	q := grant.Query{Organization: c.actor.organization, Principal: query.Get("principal"), Role: query.Get("role"), Limit: asked.limit + 1}
	if query.Has("organization") {
		q.Organization = query.Get("organization")
		if err := a.checkOrganization(c.actor, q.Organization); err != nil {
			return 0, nil, err
		}
	}
	if query.Has("principal") && !principals.MatchString(q.Principal) {
		return 0, nil, noPrincipal(q.Principal)
	}
	if query.Has("role") && (q.Role == "" || len(q.Role) > maxRole) {
		return 0, nil, problem.New(problem.Invalid, "role is empty, or longer than %d bytes", maxRole)
	}
	if q.After, err = readGrantCursor(asked.after); err != nil {
		return 0, nil, err
	}
	found, err := a.Grants.List(c.Context(), q)
	if err != nil {
		return 0, nil, err
	}
	page := wire.GrantPage{Grants: []wire.Grant{}}
	if len(found) > asked.limit {
		found = found[:asked.limit]
		page.Next = grantCursor(found[len(found)-1])
	}
	page.Grants, err = a.asGrants(c, found)
	return http.StatusOK, page, err
}

func (a *API) addGrant(c *call) (int, any, error) {
	var asked wire.NewGrant
	if err := read(c, &asked); err != nil {
		return 0, nil, err
	}
	if err := a.checkGrant(&asked); err != nil {
		return 0, nil, err
	}
	by, err := a.grantBy(c, asked.Principal)
	if err != nil {
		return 0, nil, err
	}
	given, err := a.Grants.Give(c.Context(), by, grant.ByHand{Principal: asked.Principal, Role: asked.Role, Reason: asked.Reason, EndsAt: asked.EndsAt})
	if err != nil {
		return 0, nil, err
	}
	one, err := a.asGrants(c, []grant.Grant{given})
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, one[0], nil
}

// checkGrant refuses what cannot be given, and makes an end of a lifetime.
func (a *API) checkGrant(n *wire.NewGrant) error {
	if err := checkKnown("role", n.Role, a.Known.Roles()); err != nil {
		return err
	}
	for _, p := range a.Known.Permissions(n.Role) {
		if first, _, _ := strings.Cut(p, ":"); first == reserved {
			return problem.New(problem.Invalid, "role %s has the permission %q of Gatehouse's own administration, which no role gives to users or clients", quoted(n.Role), p).
				WithHint("gatehouse admin token create makes a token for it")
		}
	}
	if strings.TrimSpace(n.Reason) == "" {
		return problem.New(problem.Invalid, "no reason was given").WithHint("say in a few words why, such as a ticket: whoever asks later reads it")
	}
	if err := checkText("reason", n.Reason); err != nil {
		return err
	}
	switch {
	case n.Lifetime != 0 && !n.EndsAt.IsZero():
		return problem.New(problem.Invalid, "ends_at and lifetime both say when the grant ends").WithHint("send one of them")
	case n.Lifetime < 0:
		return problem.New(problem.Invalid, "a lifetime of %s is over as soon as it begins", time.Duration(n.Lifetime))
	case n.Lifetime > 0:
		n.EndsAt = a.Clock().Add(time.Duration(n.Lifetime))
	}
	return checkEnd("ends_at", n.EndsAt, a.Clock())
}

func (a *API) removeGrant(c *call) (int, any, error) {
	var asked wire.GrantRemoval
	if err := read(c, &asked); err != nil {
		return 0, nil, err
	}
	if asked.Role == "" || len(asked.Role) > maxRole {
		return 0, nil, problem.New(problem.Invalid, "role is empty, or longer than %d bytes", maxRole)
	}
	by, err := a.grantBy(c, asked.Principal)
	if err != nil {
		return 0, nil, err
	}
	taken, err := a.Grants.Take(c.Context(), by, asked.Principal, asked.Role)
	if err != nil {
		return 0, nil, err
	}
	one, err := a.asGrants(c, []grant.Grant{taken})
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, one[0], nil
}

func noPrincipal(given string) error {
	return problem.New(problem.Invalid, "%s is nobody to whom a role can be given", quoted(given)).
		WithHint("write user: or client: and the id, as in client:my-tenant")
}

// grantBy says who changes the grants of a principal, and whose that is. One of
// another organization than the actor is confined to is not there.
func (a *API) grantBy(c *call, principal string) (grant.By, error) {
	by := grant.By{Actor: c.actor.name, TraceID: c.trace}
	if !principals.MatchString(principal) {
		return by, noPrincipal(principal)
	}
	if id, ok := strings.CutPrefix(principal, "user:"); ok {
		user, err := a.People.User(c.Context(), c.actor.organization, id)
		by.Organization = user.Organization
		return by, err
	}
	client, err := a.Records.Client(c.Context(), c.actor.organization, strings.TrimPrefix(principal, "client:"))
	by.Organization = client.Organization
	return by, err
}

// asGrants adds to grants what people call those who have them.
func (a *API) asGrants(c *call, list []grant.Grant) ([]wire.Grant, error) {
	var ids []string
	for _, g := range list {
		if id, ok := strings.CutPrefix(g.Principal, "user:"); ok {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	names := map[string]string{}
	if len(ids) > 0 {
		var err error
		if names, err = a.People.UserNames(c.Context(), c.actor.organization, slices.Compact(ids)); err != nil {
			return nil, err
		}
	}
	declared := a.Known.Roles()
	all := make([]wire.Grant, len(list))
	for i, g := range list {
		r := AsRole(g)
		all[i] = wire.Grant{
			Principal: g.Principal, Organization: g.Organization, UserName: names[strings.TrimPrefix(g.Principal, "user:")],
			Role: r.Name, Source: r.Source, Rule: r.Rule, Reason: r.Reason, GivenBy: r.GivenBy, Since: r.Since, EndsAt: r.EndsAt,
			KeptSince: r.KeptSince, KeptFrom: r.KeptFrom, Undeclared: !slices.Contains(declared, g.Role),
		}
	}
	return all, nil
}

// AsRole is a grant as it is shown with its holder.
func AsRole(g grant.Grant) wire.Role {
	r := wire.Role{Name: g.Role, Source: string(g.Source), Rule: g.Rule, Reason: g.Reason, GivenBy: g.GivenBy, Since: g.CreatedAt.UTC(), KeptFrom: g.KeptFrom}
	if !g.EndsAt.IsZero() {
		r.EndsAt = g.EndsAt.UTC()
	}
	if g.Kept() {
		r.KeptSince = g.KeptAt.UTC()
	}
	return r
}

// markRoles marks those of a holder's roles that give nothing: the configuration
// in force does not declare them, or another that the holder has as well outranks
// them. others are roles that the holder has beside them.
func (a *API) markRoles(roles []wire.Role, others []string) {
	declared := a.Known.Roles()
	names := slices.Clone(others)
	for i := range roles {
		roles[i].Undeclared = !slices.Contains(declared, roles[i].Name)
		names = append(names, roles[i].Name)
	}
	outranked := a.Known.Outranked(names)
	for i := range roles {
		roles[i].OutrankedBy = outranked[roles[i].Name]
	}
}

// grantCursor is where a grant stands in the list: its key, for which nothing is
// looked up.
func grantCursor(g grant.Grant) string {
	text, _ := json.Marshal([]string{g.Role, g.Organization, g.Principal, string(g.Source), g.Rule}) // texts always can
	return base64.RawURLEncoding.EncodeToString(text)
}

func readGrantCursor(cursor string) (after grant.Grant, err error) {
	if cursor == "" {
		return after, nil
	}
	var key []string
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil {
		err = json.Unmarshal(text, &key)
	}
	if err != nil || len(cursor) > maxCursor || len(key) != 5 || key[2] == "" {
		return after, problem.New(problem.Invalid, "%s cannot be where a page begins", quoted(cursor)).WithHint("after is the next of the page before")
	}
	return grant.Grant{Role: key[0], Organization: key[1], Principal: key[2], Source: grant.Source(key[3]), Rule: key[4]}, nil
}
