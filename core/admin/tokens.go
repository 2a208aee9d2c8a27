package admin

import (
	"net/http"
	"time"

	"github.com/gatehouse-id/gatehouse/core/credential"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

func (a *API) listTokens(c *call) (int, any, error) {
	asked, _, err := parseQuery(c.URL.RawQuery, recordID)
	if err != nil {
		return 0, nil, err
	}
	tokens, err := a.Tokens.List(c.Context(), c.actor.organization, asked.after, asked.limit+1)
	if err != nil {
		return 0, nil, err
	}
	list := wire.TokenList{Tokens: []wire.Token{}}
	for i, t := range tokens {
		if i == asked.limit {
			list.Next = tokens[i-1].ID
			break
		}
		list.Tokens = append(list.Tokens, a.asToken(t))
	}
	return http.StatusOK, list, nil
}

func (a *API) createToken(c *call) (int, any, error) {
	var asked wire.NewToken
	if err := read(c, &asked); err != nil {
		return 0, nil, err
	}
	if asked.Name == "" {
		return 0, nil, problem.New(problem.Invalid, "the token has no name").WithHint("name it after who will use it")
	}
	if err := checkText("name", asked.Name); err != nil {
		return 0, nil, err
	}
	if err := checkScopes(asked.Scopes); err != nil {
		return 0, nil, err
	}
	if err := c.actor.mayGive(asked.Scopes); err != nil {
		return 0, nil, err
	}
	organization, err := a.confinement(c.actor, asked)
	if err != nil {
		return 0, nil, err
	}
	token, text, err := a.Tokens.Create(c.Context(), c.by(), asked.Name, organization, asked.Scopes, time.Duration(asked.Lifetime))
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, issuedToken{wire.IssuedToken{Token: a.asToken(token)}, text.Reveal()}, nil
}

// confinement is the organization that a new token is for; "" is the whole
// installation. Whoever is confined has to name their own: nobody gets another
// token than they asked for.
func (a *API) confinement(who actor, asked wire.NewToken) (string, error) {
	if asked.Organization == nil {
		if who.organization != "" {
			return "", problem.New(problem.Forbidden, "this admin token is confined to the organization %q, and a token without one is for the whole installation", who.organization).
				WithHint("name that organization")
		}
		return "", nil
	}
	if err := a.checkOrganization(who, *asked.Organization); err != nil {
		return "", err
	}
	return *asked.Organization, checkUse(asked.Scopes)
}

type issuedToken struct {
	wire.IssuedToken
	Secret string `json:"secret"` // in place of the field that redacts itself
}

func (i issuedToken) kept() wire.Made { return wire.Made{Token: &i.Token} }

func (a *API) revokeToken(c *call) (int, any, error) {
	if err := read(c, &wire.Empty{}); err != nil {
		return 0, nil, err
	}
	id := c.PathValue("id")
	if !recordID.MatchString(id) {
		return 0, nil, problem.New(problem.NotFound, "%s cannot be a token's id", quoted(id)).WithHint("gatehouse admin token list")
	}
	token, err := a.Tokens.Revoke(c.Context(), c.by(), id)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, a.asToken(token), nil
}

func (a *API) asToken(t credential.AdminToken) wire.Token {
	scopes := t.Scopes
	if scopes == nil {
		scopes = []string{}
	}
	return wire.Token{
		ID: t.ID, Name: t.Name, Organization: t.Organization, Scopes: scopes, State: a.state(!t.RevokedAt.IsZero(), t.ExpiresAt),
		CreatedAt: t.CreatedAt.UTC(), ExpiresAt: t.ExpiresAt.UTC(), RevokedAt: t.RevokedAt.UTC(),
	}
}
