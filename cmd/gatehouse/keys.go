package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// output says in which form a command answers.
type output struct {
	JSON bool `name:"json" help:"Print JSON, in the shape of the admin API."`
}

type keysCreateCommand struct {
	Client        string   `arg:"" help:"Id of the client, such as my-tenant."`
	Organization  string   `group:"A new client:" placeholder:"LABEL" help:"Make the client, in this organization."`
	Name          string   `group:"A new client:" help:"What people read."`
	Owner         string   `group:"A new client:" placeholder:"USER" help:"Id or userName of the user who owns it: it can do at most what they can, and its keys stop when they leave."`
	Role          []string `group:"A new client:" placeholder:"ROLE" help:"Roles to give; may be repeated."`
	Scope         []string `group:"A new client:" placeholder:"PERMISSION" help:"Permissions that its keys are held to; may be repeated."`
	Network       []string `group:"A new client:" placeholder:"CIDR" help:"Networks that it may call from; may be repeated."`
	Rate          string   `group:"A new client:" placeholder:"RATE" help:"How many requests it may make, such as 100/s or 600/m."`
	Authenticator string   `group:"A new client:" help:"Which authenticator issues its keys, where there are several."`
	ExpiresAt     moment   `group:"A new client:" placeholder:"TIME" help:"When it ends, such as 2027-06-30T00:00:00Z."`
	Lifetime      lifetime `placeholder:"DURATION" help:"How long the key lives, such as 90d; a year by default."`
	output
	connection
}

// moment is a time on the command line.
type moment struct{ time.Time }

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *moment) UnmarshalText(text []byte) (err error) {
	if m.Time, err = time.Parse(time.RFC3339, string(text)); err != nil {
		return fmt.Errorf("%q is no time such as 2027-06-30T00:00:00Z (RFC 3339)", text)
	}
	return nil
}

func (keysCreateCommand) Help() string {
	return `The secret is printed once and is stored nowhere.

    gatehouse keys create my-tenant --organization acme --role analyst
    gatehouse keys create my-tenant --lifetime 90d
    gatehouse keys create jane-key --organization acme --owner jane@acme.example --role analyst
    gatehouse keys create my-tenant --json | jq -r .secret`
}

// owner is how the admin API names a user who owns a client. They are given by id,
// or by a userName that one user of the organization has.
func owner(ctx context.Context, h *admin.Host, organization, user string) (string, error) {
	if user == "" {
		return "", nil
	}
	id, err := userID(ctx, h, admin.PeopleQuery{Name: user, Organization: organization})
	return "user:" + id, err
}

func (c *keysCreateCommand) Run(ctx context.Context, t *terminal) error {
	n := admin.NewClient{
		ID: c.Client, Organization: c.Organization, Name: c.Name, Authenticator: c.Authenticator, Roles: c.Role, Scopes: c.Scope,
		Networks: c.Network, Rate: c.Rate, ExpiresAt: c.ExpiresAt.Time, KeyLifetime: admin.Duration(c.Lifetime.span),
	}
	describes := c.Name+c.Owner+c.Authenticator+c.Rate != "" || len(c.Role)+len(c.Scope)+len(c.Network) > 0 || !c.ExpiresAt.IsZero()
	if c.Organization == "" && describes {
		return usagef("a new client needs --organization; a client that is there is not changed by making a key")
	}
	h, err := c.dial(ctx, t)
	if err != nil {
		return err
	}
	if n.Owner, err = owner(ctx, h, c.Organization, c.Owner); err != nil {
		return err
	}
	var issued admin.Issued
	if c.Organization != "" {
		issued, err = h.CreateClient(ctx, n)
	} else {
		issued, err = h.CreateKey(ctx, c.Client, admin.NewKey{Lifetime: admin.Duration(c.Lifetime.span)})
		if problem.Is(err, problem.NotFound) {
			return problem.New(problem.NotFound, "there is no client %q", c.Client).WithHint("to make it, say of which organization: --organization LABEL")
		}
	}
	if err != nil {
		return err
	}
	return t.issued(issued, c.JSON)
}

type keysRotateCommand struct {
	Client   string   `arg:"" help:"Id of the client."`
	Overlap  *span    `placeholder:"DURATION" help:"For how long the key in use goes on, such as 24h, which is the default; 0s ends it at once."`
	Lifetime lifetime `placeholder:"DURATION" help:"How long the new key lives, such as 90d; a year by default."`
	output
	connection
}

func (keysRotateCommand) Help() string {
	return `Give the new secret to the program within the overlap; "gatehouse keys show" says when the old one is not used any more.

    gatehouse keys rotate my-tenant --overlap 24h`
}

func (c *keysRotateCommand) Run(ctx context.Context, t *terminal) error {
	h, err := c.dial(ctx, t)
	if err != nil {
		return err
	}
	issued, err := h.RotateKey(ctx, c.Client, admin.Rotation{Lifetime: admin.Duration(c.Lifetime.span), Overlap: (*admin.Duration)(c.Overlap)})
	if err != nil {
		return err
	}
	return t.issued(issued, c.JSON)
}

type keysListCommand struct {
	Organization string `placeholder:"LABEL" help:"Only the clients of this organization."`
	output
	connection
}

func (c *keysListCommand) Run(ctx context.Context, t *terminal) error {
	h, err := c.dial(ctx, t)
	if err != nil {
		return err
	}
	list := admin.ClientPage{Clients: []admin.Client{}}
	for q := (admin.ClientQuery{Organization: c.Organization}); ; q.After = list.Next {
		page, err := h.Clients(ctx, q)
		if err != nil {
			return err
		}
		list.Clients, list.Next = append(list.Clients, page.Clients...), page.Next
		if page.Next == "" {
			break
		}
	}
	if c.JSON {
		return t.printJSON(list)
	}
	return t.clients(list.Clients)
}

type keysShowCommand struct {
	Client string `arg:"" help:"Id of the client."`
	output
	connection
}

func (c *keysShowCommand) Run(ctx context.Context, t *terminal) error {
	h, err := c.dial(ctx, t)
	if err != nil {
		return err
	}
	detail, err := h.Client(ctx, c.Client)
	if err != nil {
		return err
	}
	if c.JSON {
		return t.printJSON(detail)
	}
	return t.client(detail, time.Now())
}

type keysRevokeCommand struct {
	ID            string `arg:"" name:"key|client" help:"Id of a key, or of a client that has one live key."`
	Reason        string `placeholder:"TEXT" help:"Why, for the audit log."`
	All           bool   `help:"All live keys of the client."`
	Authenticator string `placeholder:"NAME" help:"The id is of a credential without a record, such as a signed token, which this authenticator verifies."`
	output
	connection
}

func (keysRevokeCommand) Help() string {
	return `What is revoked cannot be brought back: make a new key instead.

    gatehouse keys revoke my-tenant --reason "left the project"
    gatehouse keys revoke K4f9c2mV8sQe7ZtY --reason leaked
    gatehouse keys revoke --authenticator signed-token 4711 --reason leaked`
}

func (c *keysRevokeCommand) Run(ctx context.Context, t *terminal) error {
	h, err := c.dial(ctx, t)
	if err != nil {
		return err
	}
	if c.Authenticator != "" {
		return c.selfContained(ctx, t, h)
	}
	c.ID = idOf(c.ID)
	ids := []string{c.ID}
	if !isKey(c.ID) {
		if ids, err = c.ofClient(ctx, h); err != nil {
			return err
		}
	} else if c.All {
		return usagef("--all is for a client, and %q is a key", c.ID)
	}
	revoked := struct {
		Keys []admin.Key `json:"keys"`
	}{[]admin.Key{}}
	for _, id := range ids {
		key, err := h.RevokeKey(ctx, id, admin.Revocation{Reason: c.Reason})
		if err != nil {
			return err
		}
		revoked.Keys = append(revoked.Keys, key)
		if c.JSON {
			continue
		}
		if err := t.printf("Key %s (%s) of %s is revoked.\n", key.ID, key.Hint, key.Client); err != nil {
			return err
		}
	}
	if c.JSON {
		return t.printJSON(revoked)
	}
	return nil
}

// selfContained revokes a credential that the host has no record of.
func (c *keysRevokeCommand) selfContained(ctx context.Context, t *terminal, h *admin.Host) error {
	asked := admin.CredentialRevocation{Authenticator: c.Authenticator, ID: c.ID, Reason: c.Reason}
	if err := h.RevokeCredential(ctx, asked); err != nil {
		return err
	}
	if c.JSON {
		return t.printJSON(asked)
	}
	return t.printf("Credential %s of authenticator %s is revoked.\n", c.ID, c.Authenticator)
}

// isKey tells the id of a key from that of a client: only a key's begins with a
// capital letter.
func isKey(id string) bool { return id != "" && id[0] >= 'A' && id[0] <= 'Z' }

// ofClient is the live keys of a client, the stopped among them: the only one, or
// all if that was said.
func (c *keysRevokeCommand) ofClient(ctx context.Context, h *admin.Host) ([]string, error) {
	detail, err := h.Client(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, k := range detail.Keys {
		if k.State == admin.KeyLive || k.State == admin.KeyStopped {
			ids = append(ids, k.ID)
		}
	}
	switch {
	case len(ids) == 0:
		return nil, errors.New("client " + c.ID + " has no live key")
	case len(ids) > 1 && !c.All:
		return nil, problem.New(problem.Invalid, "client %q has %d live keys: %s", c.ID, len(ids), orNone(ids, "")).
			WithHint("name the one to revoke, or say --all; gatehouse keys show %s says which is used", c.ID)
	}
	return ids, nil
}
