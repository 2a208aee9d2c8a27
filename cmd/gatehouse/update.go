package main

import (
	"context"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/admin"
)

type keysUpdateCommand struct {
	Client     string   `arg:"" help:"Id of a client that was made at run time."`
	Name       *string  `help:"What people read."`
	Role       []string `placeholder:"ROLE" xor:"roles" help:"All roles that it is to have; may be repeated."`
	NoRoles    bool     `xor:"roles" help:"Take its roles away; mappings may still give some."`
	Scope      []string `placeholder:"PERMISSION" xor:"scopes" help:"All permissions that its keys are held to; may be repeated."`
	AnyScope   bool     `xor:"scopes" help:"Hold its keys to nothing but its roles."`
	Network    []string `placeholder:"CIDR" xor:"networks" help:"All networks that it may call from; may be repeated."`
	AnyNetwork bool     `xor:"networks" help:"Let it call from everywhere."`
	Rate       string   `placeholder:"RATE" xor:"rate" help:"How many requests it may make, such as 100/s or 600/m."`
	NoRate     bool     `xor:"rate" help:"Let it make as many requests as it likes."`
	ExpiresAt  moment   `placeholder:"TIME" xor:"end" help:"When it ends, such as 2027-06-30T00:00:00Z."`
	NoEnd      bool     `xor:"end" help:"Let it go on without end."`
	output
	connection
}

func (keysUpdateCommand) Help() string {
	return `What is not said stays. Its keys go on, and are held to the change from the next request on.

    gatehouse keys update my-tenant --role analyst --role auditor
    gatehouse keys update my-tenant --network 192.0.2.0/24 --no-end`
}

func (c *keysUpdateCommand) Run(ctx context.Context, t *terminal) error {
	change := c.change()
	if change.IsZero() {
		return usagef("say what to change, such as --role; gatehouse keys update --help lists all")
	}
	h, err := c.dial(ctx, t)
	if err != nil {
		return err
	}
	before, err := h.Client(ctx, c.Client)
	if err != nil {
		return err
	}
	client, err := h.UpdateClient(ctx, c.Client, before.Version, change)
	if err != nil {
		return err
	}
	if c.JSON {
		return t.printJSON(client)
	}
	return t.printf("Client %s is changed: %s.\n", client.ID, strings.Join(c.named(), ", "))
}

func (c *keysUpdateCommand) change() (change admin.ClientChange) {
	if c.Name != nil {
		change.Name = admin.To(*c.Name)
	}
	if c.NoRoles || len(c.Role) > 0 {
		change.Roles = admin.To(c.Role)
	}
	if c.AnyScope || len(c.Scope) > 0 {
		change.Scopes = admin.To(c.Scope)
	}
	if c.AnyNetwork || len(c.Network) > 0 {
		change.Networks = admin.To(c.Network)
	}
	if c.NoRate || c.Rate != "" {
		change.Rate = admin.To(c.Rate)
	}
	if c.NoEnd {
		change.ExpiresAt = admin.To(time.Time{})
	} else if !c.ExpiresAt.IsZero() {
		change.ExpiresAt = admin.To(c.ExpiresAt.Time)
	}
	return change
}

// named is what was changed, for people.
func (c *keysUpdateCommand) named() (list []string) {
	change := c.change()
	for _, one := range []struct {
		stays bool
		name  string
	}{
		{change.Name.IsZero(), "name"},
		{change.Roles.IsZero(), "roles"},
		{change.Scopes.IsZero(), "scopes"},
		{change.Networks.IsZero(), "networks"},
		{change.Rate.IsZero(), "rate"},
		{change.ExpiresAt.IsZero(), "end"},
	} {
		if !one.stays {
			list = append(list, one.name)
		}
	}
	return list
}
