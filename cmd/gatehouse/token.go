package main

import (
	"context"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/admin"
)

type tokenCreateCommand struct {
	Name         string   `arg:"" help:"Who will use it, such as ci."`
	Scope        []string `placeholder:"PERMISSION" help:"What it may do, such as gatehouse:clients:read; may be repeated. Without it, everything."`
	Organization *string  `placeholder:"LABEL" help:"The one organization that it is confined to. Without it, the whole installation."`
	Lifetime     lifetime `placeholder:"DURATION" help:"How long it lives, such as 30d; 90 days by default."`
	output
	connection
}

func (tokenCreateCommand) Help() string {
	return `The first token is made over the local socket, on the machine and as the user of the host. The secret is printed once and is stored nowhere.

    gatehouse admin token create ci --scope 'gatehouse:clients:*' --lifetime 30d
    gatehouse admin token create acme-admin --organization acme

A token of one organization makes and sees clients, keys and tokens of that one only.

Permissions: gatehouse:clients:read, gatehouse:clients:write, gatehouse:tokens:read, gatehouse:tokens:write, gatehouse:plugins:read, gatehouse:status:read, gatehouse:keyring:read, gatehouse:keyring:write, gatehouse:provisioning:read, gatehouse:provisioning:write, gatehouse:users:read, gatehouse:sessions:read, gatehouse:sessions:write, gatehouse:domains:read, gatehouse:domains:write, gatehouse:authorize:ask, gatehouse:config:read, gatehouse:config:write.`
}

func (c *tokenCreateCommand) Run(ctx context.Context, t *terminal) error {
	h, err := c.dial(ctx, t)
	if err != nil {
		return err
	}
	issued, err := h.CreateToken(ctx, admin.NewToken{Name: c.Name, Organization: c.Organization, Scopes: c.Scope, Lifetime: admin.Duration(c.Lifetime.span)})
	if err != nil {
		return err
	}
	if c.JSON {
		return t.printJSON(struct {
			admin.IssuedToken
			Secret string `json:"secret"` // in place of the field that redacts itself
		}{issued, issued.Secret.Reveal()})
	}
	if err := t.printf("Admin token %s, %s:\n\n", issued.Token.ID, issued.Token.Name); err != nil {
		return err
	}
	if err := t.fields([]field{
		{"token", issued.Secret.Reveal()},
		{"organization", confinedTo(issued.Token)},
		{"scopes", orNone(issued.Token.Scopes, "everything")},
		{"expires", day(issued.Token.ExpiresAt)},
	}); err != nil {
		return err
	}
	return t.printf("\n%s\n", t.warn("The token is not shown again. Programs read it from GATEHOUSE_ADMIN_TOKEN."))
}

// confinedTo is the organization of a token, or what no label can be.
func confinedTo(t admin.Token) string {
	if t.Organization == "" {
		return "(all)"
	}
	return t.Organization
}

type tokenListCommand struct {
	output
	connection
}

func (c *tokenListCommand) Run(ctx context.Context, t *terminal) error {
	h, err := c.dial(ctx, t)
	if err != nil {
		return err
	}
	list, err := h.Tokens(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return t.printJSON(admin.TokenList{Tokens: list})
	}
	if len(list) == 0 {
		return t.printf("There are no tokens. Make one: gatehouse admin token create NAME\n")
	}
	now := time.Now()
	var rows [][]string
	for _, one := range list {
		end := relative(one.ExpiresAt, now, "never")
		if one.State == admin.KeyRevoked {
			end = relative(one.RevokedAt, now, "")
		}
		rows = append(rows, []string{one.ID, one.Name, string(one.State), end, confinedTo(one), orNone(one.Scopes, "everything")})
	}
	return t.table([]column{{title: "TOKEN"}, {title: "NAME", cut: true}, {title: "STATE"}, {title: "ENDS"}, {title: "ORGANIZATION"}, {title: "SCOPES", cut: true}}, rows)
}

type tokenRevokeCommand struct {
	ID string `arg:"" name:"token" help:"Id of the token, as the list shows it."`
	output
	connection
}

func (c *tokenRevokeCommand) Run(ctx context.Context, t *terminal) error {
	h, err := c.dial(ctx, t)
	if err != nil {
		return err
	}
	revoked, err := h.RevokeToken(ctx, idOf(c.ID))
	if err != nil {
		return err
	}
	if c.JSON {
		return t.printJSON(revoked)
	}
	return t.printf("Admin token %s (%s) is revoked.\n", revoked.ID, revoked.Name)
}
