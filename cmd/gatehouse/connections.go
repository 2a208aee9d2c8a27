package main

import (
	"context"
	"fmt"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/admin"
)

type connectionsListCommand struct {
	output
	connection
}

func (connectionsListCommand) Help() string {
	return `The connections of the configuration in force, whose people come by each, and how it is doing.

    gatehouse connections list`
}

func (c *connectionsListCommand) Run(ctx context.Context, t *terminal) error {
	h, err := c.dial(ctx, t)
	if err != nil {
		return err
	}
	list, err := h.Connections(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return t.printJSON(admin.ConnectionPage{Connections: append([]admin.Connection{}, list...)})
	}
	if len(list) == 0 {
		return t.printf("The configuration has no connection.\n")
	}
	now := time.Now()
	var rows [][]string
	for _, one := range list {
		rows = append(rows, []string{one.Label, one.Organization, one.Provider, fmt.Sprint(one.ActiveUsers), fmt.Sprint(one.LiveTokens), one.Brake, lastHeard(one, now)})
	}
	return t.table([]column{{title: "CONNECTION"}, {title: "ORGANIZATION"}, {title: "PROVIDER"}, {title: "ACTIVE"}, {title: "TOKENS"}, {title: "BRAKE"}, {title: "LAST HEARD"}}, rows)
}

// lastHeard is when the identity provider last said something: by itself, or
// because it was asked.
func lastHeard(c admin.Connection, now time.Time) string {
	at := c.LastRequest
	for _, p := range c.Provisioners {
		if p.Pull != nil && p.Pull.CompletedAt.After(at) {
			at = p.Pull.CompletedAt
		}
	}
	return relative(at, now, "not yet")
}

type connectionsShowCommand struct {
	IDP string `arg:"" name:"connection" help:"Label of the connection, such as acme-okta."`
	output
	connection
}

func (connectionsShowCommand) Help() string {
	return `    gatehouse connections show acme-okta

What its identity provider has asked for lately is in gatehouse scim-log, who has left in gatehouse brake list.`
}

func (c *connectionsShowCommand) Run(ctx context.Context, t *terminal) error {
	h, err := c.dial(ctx, t)
	if err != nil {
		return err
	}
	found, err := h.Connection(ctx, c.IDP)
	if err != nil {
		return err
	}
	if c.JSON {
		return t.printJSON(found)
	}
	return t.connection(found, time.Now())
}

func (t *terminal) connection(c admin.Connection, now time.Time) error {
	if err := t.printf("%s\n", t.bold("Connection "+c.Label)); err != nil {
		return err
	}
	last := relative(c.LastRequest, now, "none since the start of this host")
	if c.LastStatus != 0 {
		last += fmt.Sprintf(", answered with %d", c.LastStatus)
	}
	fields := []field{
		{"organization", c.Organization}, {"provider", c.Provider}, {"active users", fmt.Sprint(c.ActiveUsers)}, {"live tokens", fmt.Sprint(c.LiveTokens)},
		{"brake", c.Brake}, {"last request", last},
	}
	var pulls []admin.Pull
	for _, p := range c.Provisioners {
		where := p.Instance
		if p.URL != "" {
			where += ", at " + p.URL
		}
		fields = append(fields, field{"provisioner", where})
		if p.Pull != nil {
			pulls = append(pulls, *p.Pull)
		}
	}
	if err := t.fields(fields); err != nil {
		return err
	}
	return t.pulls(pulls, now)
}

type pullCommand struct {
	IDP string `arg:"" name:"connection" help:"Label of the connection, such as acme-google."`
	output
	connection
}

func (pullCommand) Help() string {
	return `Goes through all people and groups of the identity provider now, rather than at the connection's time. It goes on by itself; gatehouse connections show says how far it is. It is for providers that are asked, such as Google Workspace: those that push have a button of their own.

    gatehouse pull acme-google`
}

func (c *pullCommand) Run(ctx context.Context, t *terminal) error {
	h, err := c.dial(ctx, t)
	if err != nil {
		return err
	}
	found, err := h.PullConnection(ctx, c.IDP)
	if err != nil {
		return err
	}
	if c.JSON {
		return t.printJSON(found)
	}
	if err := t.printf("The identity provider of %s is asked within a few seconds.\n", c.IDP); err != nil {
		return err
	}
	return t.connection(found, time.Now())
}
