package admin

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/provisioning"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// ProvisioningTokens keeps the tokens of identity providers.
type ProvisioningTokens interface {
	Create(ctx context.Context, by credential.By, n provisioning.NewToken) (provisioning.Token, secret.Text, error)
	List(ctx context.Context, organization, connection, after string, limit int) ([]provisioning.Token, error)
	Revoke(ctx context.Context, by credential.By, id string) (provisioning.Token, error)
}

// labelForm is the pattern of labels in the configuration.
const labelForm = `^[a-z][a-z0-9-]*$`

func (a *API) listProvisioningTokens(c *call) (int, any, error) {
	asked, query, err := parseQuery(c.URL.RawQuery, recordID, "connection")
	if err != nil {
		return 0, nil, err
	}
	connection := query.Get("connection")
	if query.Has("connection") {
		if _, ok := a.connection(c.actor, connection); !ok {
			return 0, nil, noConnection(problem.Invalid, connection)
		}
	}
	tokens, err := a.ProvisioningTokens.List(c.Context(), c.actor.organization, connection, asked.after, asked.limit+1)
	if err != nil {
		return 0, nil, err
	}
	list := wire.ProvisioningTokenPage{Tokens: []wire.ProvisioningToken{}}
	for i, t := range tokens {
		if i == asked.limit {
			list.Next = tokens[i-1].ID
			break
		}
		list.Tokens = append(list.Tokens, a.asProvisioningToken(t))
	}
	return http.StatusOK, list, nil
}

func (a *API) createProvisioningToken(c *call) (int, any, error) {
	var asked wire.NewProvisioningToken
	if err := read(c, &asked); err != nil {
		return 0, nil, err
	}
	if err := checkText("name", asked.Name); err != nil {
		return 0, nil, err
	}
	connection, ok := a.connection(c.actor, asked.Connection)
	if !ok {
		return 0, nil, noConnection(problem.Invalid, asked.Connection)
	}
	if len(connection.Provisioners) == 0 {
		return 0, nil, problem.New(problem.Invalid, "connection %q has no provisioner that an identity provider could push to", connection.Label).
			WithHint("add one to its block in the configuration, such as provisioner \"scim\" {}")
	}
	token, text, err := a.ProvisioningTokens.Create(c.Context(), c.by(), provisioning.NewToken{
		Connection: connection.Label, Organization: connection.Organization, Name: asked.Name, Domains: asked.Domains, Lifetime: time.Duration(asked.Lifetime),
	})
	if err != nil {
		return 0, nil, err
	}
	issued := wire.IssuedProvisioningToken{Token: a.asProvisioningToken(token)}
	for _, p := range connection.Provisioners {
		issued.URLs = append(issued.URLs, strings.TrimSuffix(a.PublicURL(), "/")+p.Mount)
	}
	return http.StatusCreated, issuedProvisioningToken{issued, text.Reveal()}, nil
}

type issuedProvisioningToken struct {
	wire.IssuedProvisioningToken
	Secret string `json:"secret"` // in place of the field that redacts itself
}

func (i issuedProvisioningToken) kept() wire.Made { return wire.Made{ProvisioningToken: &i.Token} }

func (a *API) revokeProvisioningToken(c *call) (int, any, error) {
	if err := read(c, &wire.Empty{}); err != nil {
		return 0, nil, err
	}
	id := c.PathValue("id")
	if !recordID.MatchString(id) {
		return 0, nil, problem.New(problem.NotFound, "%s cannot be a token's id", quoted(id)).WithHint("gatehouse scim-token list")
	}
	token, err := a.ProvisioningTokens.Revoke(c.Context(), c.by(), id)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, a.asProvisioningToken(token), nil
}

// connection finds a connection of the configuration in force. To whoever is
// confined one of another organization is not there.
func (a *API) connection(who actor, label string) (provisioning.Connection, bool) {
	c, ok := a.Connections.Connection(label)
	return c, ok && (who.organization == "" || c.Organization == who.organization)
}

func noConnection(code problem.Code, label string) error {
	return problem.New(code, "there is no connection %s in the configuration", quoted(label)).
		WithHint("connections are declared in the configuration's files, or are another organization's")
}

func (a *API) asProvisioningToken(t provisioning.Token) wire.ProvisioningToken {
	return wire.ProvisioningToken{
		ID: t.ID, Connection: t.Connection, Organization: t.Organization, Name: t.Name, Domains: append([]string{}, t.Domains...),
		State: a.state(!t.RevokedAt.IsZero(), t.ExpiresAt), CreatedAt: t.CreatedAt.UTC(), ExpiresAt: t.ExpiresAt.UTC(),
		RevokedAt: t.RevokedAt.UTC(), LastUsedAt: t.LastUsedAt.UTC(), LastUsedFrom: t.LastUsedFrom,
	}
}
