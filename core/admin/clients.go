package admin

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/store"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

var clientIDs = regexp.MustCompile(credential.ClientIDForm)

func (a *API) listClients(c *call) (int, any, error) {
	asked, query, err := parseQuery(c.URL.RawQuery, clientIDs, "organization")
	if err != nil {
		return 0, nil, err
	}
	organization := c.actor.organization
	if query.Has("organization") {
		organization = query.Get("organization")
		if err := a.checkOrganization(c.actor, organization); err != nil {
			return 0, nil, err
		}
	}
	list, err := a.Records.Clients(c.Context(), organization, asked.after, asked.limit+1)
	if err != nil {
		return 0, nil, err
	}
	page := wire.ClientPage{Clients: []wire.Client{}}
	for i, one := range list {
		if i == asked.limit {
			page.Next = list[i-1].ID
			break
		}
		page.Clients = append(page.Clients, asClient(one))
	}
	return http.StatusOK, page, nil
}

func (a *API) showClient(c *call) (int, any, error) {
	client, err := a.client(c)
	if err != nil {
		return 0, nil, err
	}
	granted, err := a.Grants.Of(c.Context(), grant.Client(client.ID))
	if err != nil {
		return 0, nil, err
	}
	keys, err := a.Records.Keys(c.Context(), client.ID)
	if err != nil {
		return 0, nil, err
	}
	mapped, err := a.Known.MappedRoles(c.Context(), client)
	if err != nil {
		return 0, nil, err
	}
	detail := wire.ClientDetail{Client: asClient(client), Roles: []wire.Role{}, Keys: a.asKeys(keys)}
	for _, g := range granted {
		detail.Roles = append(detail.Roles, AsRole(g))
	}
	a.markRoles(detail.Roles, mapped)
	c.header.Set("ETag", etag(client))
	return http.StatusOK, detail, nil
}

// client finds the client that the path names.
func (a *API) client(c *call) (credential.Client, error) {
	id := c.PathValue("id")
	if !credential.IsClientID(id) {
		return credential.Client{}, noClientID(id)
	}
	return a.Records.Client(c.Context(), c.actor.organization, id)
}

func noClientID(id string) error {
	return problem.New(problem.NotFound, "%s cannot be a client's id", quoted(id)).WithHint("gatehouse keys list shows the clients")
}

// checkRoles refuses roles that the configuration in force does not declare.
func (a *API) checkRoles(roles []string) error {
	if len(roles) > maxList {
		return tooLong("roles")
	}
	for _, role := range roles {
		if err := checkKnown("role", role, a.Known.Roles()); err != nil {
			return err
		}
	}
	return nil
}

func (a *API) createClient(c *call) (int, any, error) {
	var asked wire.NewClient
	if err := read(c, &asked); err != nil {
		return 0, nil, err
	}
	client, err := a.newClient(c.actor, asked)
	if err != nil {
		return 0, nil, err
	}
	if err := a.checkOwner(c.Context(), client.Organization, client.Owner); err != nil {
		return 0, nil, err
	}
	by := c.by()
	client, key, text, err := a.Records.Create(c.Context(), by, client, time.Duration(asked.KeyLifetime), func(tx *store.Tx) error {
		granter := grant.By{Actor: by.Actor, TraceID: by.TraceID, Organization: client.Organization}
		return a.Grants.Replace(c.Context(), tx, granter, grant.Client(client.ID), grant.API, "", asked.Roles)
	})
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, a.issued(client, key, text, nil), nil
}

// newClient checks what was asked for against the configuration in force, as a
// client block would be; its owner is for checkOwner.
func (a *API) newClient(who actor, n wire.NewClient) (credential.Client, error) {
	none := credential.Client{}
	if err := a.checkOrganization(who, n.Organization); err != nil {
		return none, err
	}
	instance, err := a.instance(n.Authenticator)
	if err != nil {
		return none, err
	}
	if err := a.checkRoles(n.Roles); err != nil {
		return none, err
	}
	if err := checkPatterns(n.Scopes); err != nil {
		return none, err
	}
	networks, err := parseNetworks(n.Networks)
	if err != nil {
		return none, err
	}
	rate, err := parseRate(n.Rate)
	if err != nil {
		return none, err
	}
	if err := checkText("name", n.Name); err != nil {
		return none, err
	}
	if err := checkEnd("expires_at", n.ExpiresAt, a.Clock()); err != nil {
		return none, err
	}
	return credential.Client{
		ID: n.ID, Organization: n.Organization, Instance: instance, Name: n.Name, Owner: n.Owner,
		Scopes: n.Scopes, Networks: networks, Rate: rate, ExpiresAt: n.ExpiresAt,
	}, nil
}

// instance is the authenticator that was named, or the only one.
func (a *API) instance(name string) (string, error) {
	known := a.Known.Instances()
	if name == "" && len(known) == 1 {
		return known[0], nil
	}
	if name == "" {
		return "", problem.New(problem.Invalid, "the configuration has %d authenticators that issue keys, and none was named", len(known)).
			WithHint("say which: %s", didYouMean(name, known))
	}
	if err := checkKnown("authenticator", name, known); err != nil {
		return "", fmt.Errorf("authenticator: %w", err)
	}
	return name, nil
}

// ownerForm is the pattern of a new client's owner.
const ownerForm = `^(organization|user:[0-9A-Za-z-]{1,64})?$`

var owners = regexp.MustCompile(ownerForm)

// checkOwner refuses an owner who is no active user of the client's
// organization. Whether they still are is asked again with every use of the
// client's keys.
func (a *API) checkOwner(ctx context.Context, organization, owner string) error {
	if !owners.MatchString(owner) {
		return problem.New(problem.Invalid, "%s cannot be the owner of a client", quoted(owner)).
			WithHint("leave owner out, and the organization owns it; or write user: and the id of a user, as in user:0198c7a2-3b4c-7d5e-8f60-718293a4b5c6")
	}
	id := credential.OwnerOf(owner)
	if id == "" {
		return nil
	}
	user, err := a.People.User(ctx, organization, id)
	if problem.Is(err, problem.NotFound) {
		return problem.New(problem.Invalid, "there is no user %s in organization %q to own the client", quoted(id), organization).
			WithHint("gatehouse users list --organization %s shows the users and their ids", organization)
	}
	if err != nil {
		return fmt.Errorf("finding the owner of the client: %w", err)
	}
	if !user.Active {
		return problem.New(problem.Invalid, "user %s is inactive, and cannot own a client", quoted(id)).
			WithHint("choose another owner, or leave owner out: the organization owns it")
	}
	return nil
}
