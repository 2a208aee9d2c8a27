package main

import (
	"context"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/admin"
)

type sessionsListCommand struct {
	User         string `placeholder:"USER" help:"Only those of this user, by id or userName."`
	Organization string `placeholder:"LABEL" help:"Only those of this organization."`
	IDP          string `name:"connection" placeholder:"LABEL" help:"Only those that this connection has signed on."`
	output
	connection
}

func (sessionsListCommand) Help() string {
	return `People who have signed on with a browser, the last first.

    gatehouse sessions list --user jane@acme.example`
}

func (c *sessionsListCommand) Run(ctx context.Context, t *terminal) error {
	h, err := c.dial(ctx, t)
	if err != nil {
		return err
	}
	q := admin.SessionQuery{Organization: c.Organization, Connection: c.IDP}
	if c.User != "" {
		if q.User, err = userID(ctx, h, admin.PeopleQuery{Name: c.User, Organization: c.Organization, Connection: c.IDP}); err != nil {
			return err
		}
	}
	list, err := h.Sessions(ctx, q)
	if err != nil {
		return err
	}
	if c.JSON {
		return t.printJSON(admin.SessionPage{Sessions: append([]admin.Session{}, list...)})
	}
	return t.sessions(list, time.Now())
}

func (t *terminal) sessions(list []admin.Session, now time.Time) error {
	if len(list) == 0 {
		return t.printf("Nobody has signed on.\n")
	}
	var rows [][]string
	for _, s := range list {
		rows = append(rows, []string{s.ID, s.Connection, relative(s.SeenAt, now, ""), s.Address, s.User})
	}
	return t.table([]column{{title: "SESSION"}, {title: "CONNECTION"}, {title: "SEEN"}, {title: "FROM"}, {title: "USER", cut: true}}, rows)
}

type sessionsRevokeCommand struct {
	Session string `arg:"" help:"Id of the session."`
	output
	connection
}

func (sessionsRevokeCommand) Help() string {
	return `Ends a session with the next request. The person can sign on again: to keep them out, have them deactivated at their identity provider.`
}

func (c *sessionsRevokeCommand) Run(ctx context.Context, t *terminal) error {
	h, err := c.dial(ctx, t)
	if err != nil {
		return err
	}
	ended, err := h.RevokeSession(ctx, c.Session)
	if err != nil {
		return err
	}
	if c.JSON {
		return t.printJSON(ended)
	}
	return t.printf("Session %s of user %s has ended.\n", ended.ID, ended.User)
}

type usersUnpinCommand struct {
	User string `arg:"" help:"Id or userName."`
	IDP  string `name:"connection" placeholder:"LABEL" help:"Whose user it is, where several connections have the userName."`
	connection
}

func (usersUnpinCommand) Help() string {
	return `From a user's first sign-on, their identity provider's own name for them counts, and somebody with another name is not let in as them. Where the same person has another name there, such as after a move to another directory, unpin them: their next sign-on is matched as their first was.`
}

func (c *usersUnpinCommand) Run(ctx context.Context, t *terminal) error {
	h, err := c.dial(ctx, t)
	if err != nil {
		return err
	}
	id, err := userID(ctx, h, admin.PeopleQuery{Name: c.User, Connection: c.IDP})
	if err != nil {
		return err
	}
	if err := h.UnpinUser(ctx, id); err != nil {
		return err
	}
	return t.printf("The next sign-on of user %s is matched as their first was.\n", id)
}
