package main

import (
	"context"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/admin"
)

type scimTokenCreateCommand struct {
	IDP      string   `arg:"" name:"connection" help:"Label of the connection, such as acme-okta."`
	Name     string   `help:"What people read, such as okta-2026."`
	Domain   []string `placeholder:"DOMAIN" help:"Refuse users outside of this e-mail domain; may be repeated. Without it, none is refused."`
	Lifetime lifetime `placeholder:"DURATION" help:"How long it lives, such as 90d; a year by default."`
	output
	connection
}

func (scimTokenCreateCommand) Help() string {
	return `The token is printed once and is stored nowhere. It names the connection: the URL is the same for all of them.

    gatehouse scim-token create acme-okta
    gatehouse scim-token create acme-okta --domain acme.example --lifetime 180d

A connection has at most two live tokens, the one in use and the next. To rotate, make the second, enter it at the IdP, and revoke the first when gatehouse scim-token list says that it is not used any more.`
}

func (c *scimTokenCreateCommand) Run(ctx context.Context, t *terminal) error {
	h, err := c.dial(ctx, t)
	if err != nil {
		return err
	}
	issued, err := h.CreateProvisioningToken(ctx, admin.NewProvisioningToken{Connection: c.IDP, Name: c.Name, Domains: c.Domain, Lifetime: admin.Duration(c.Lifetime.span)})
	if err != nil {
		return err
	}
	if c.JSON {
		return t.printJSON(struct {
			admin.IssuedProvisioningToken
			Secret string `json:"secret"` // in place of the field that redacts itself
		}{issued, issued.Secret.Reveal()})
	}
	if err := t.printf("Provisioning token %s of connection %s, organization %s:\n\n", issued.Token.ID, issued.Token.Connection, issued.Token.Organization); err != nil {
		return err
	}
	fields := []field{{"token", issued.Secret.Reveal()}}
	for _, url := range issued.URLs {
		fields = append(fields, field{"url", url})
	}
	fields = append(fields, field{"domains", orNone(issued.Token.Domains, "all")}, field{"expires", day(issued.Token.ExpiresAt)})
	if err := t.fields(fields); err != nil {
		return err
	}
	return t.printf("\n%s\n", t.warn("The token is not shown again: enter both at the identity provider now."))
}

type scimTokenListCommand struct {
	IDP string `arg:"" optional:"" name:"connection" help:"Only the tokens of this connection."`
	output
	connection
}

func (c *scimTokenListCommand) Run(ctx context.Context, t *terminal) error {
	h, err := c.dial(ctx, t)
	if err != nil {
		return err
	}
	list, err := h.ProvisioningTokens(ctx, c.IDP)
	if err != nil {
		return err
	}
	if c.JSON {
		return t.printJSON(admin.ProvisioningTokenPage{Tokens: append([]admin.ProvisioningToken{}, list...)})
	}
	return t.provisioningTokens(list, time.Now())
}

func (t *terminal) provisioningTokens(list []admin.ProvisioningToken, now time.Time) error {
	if len(list) == 0 {
		return t.printf("There are no tokens. Make one: gatehouse scim-token create CONNECTION\n")
	}
	var rows [][]string
	for _, one := range list {
		end := relative(one.ExpiresAt, now, "never")
		if one.State == admin.KeyRevoked {
			end = relative(one.RevokedAt, now, "")
		}
		rows = append(rows, []string{one.ID, one.Connection, string(one.State), end, relative(one.LastUsedAt, now, "never"), one.Name})
	}
	return t.table([]column{{title: "TOKEN"}, {title: "CONNECTION"}, {title: "STATE"}, {title: "ENDS"}, {title: "LAST USED"}, {title: "NAME", cut: true}}, rows)
}

type scimTokenRevokeCommand struct {
	ID string `arg:"" name:"token" help:"Id of the token, as the list shows it."`
	output
	connection
}

func (c *scimTokenRevokeCommand) Run(ctx context.Context, t *terminal) error {
	h, err := c.dial(ctx, t)
	if err != nil {
		return err
	}
	revoked, err := h.RevokeProvisioningToken(ctx, idOf(c.ID))
	if err != nil {
		return err
	}
	if c.JSON {
		return t.printJSON(revoked)
	}
	return t.printf("Provisioning token %s of connection %s is revoked.\n", revoked.ID, revoked.Connection)
}
