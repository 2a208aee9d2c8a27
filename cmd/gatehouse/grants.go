package main

import (
	"cmp"
	"context"
	"regexp"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// holder is whom a role is given to.
type holder struct {
	Holder string `arg:"" name:"user|client" help:"Id or userName of a user, or id of a client; with user: or client: before it where both have the name."`
	IDP    string `name:"connection" placeholder:"LABEL" help:"Whose user it is, where several connections have the userName."`
}

type grantAddCommand struct {
	holder
	Role   string   `arg:"" help:"Name of the role."`
	Reason string   `required:"" placeholder:"TEXT" help:"Why, for whoever asks later."`
	Until  moment   `xor:"end" placeholder:"TIME" help:"When it ends, such as 2027-06-30T00:00:00Z."`
	For    lifetime `xor:"end" placeholder:"DURATION" help:"For how long, such as 8h or 30d."`
	output
	connection
}

func (grantAddCommand) Help() string {
	return `Gives a role by hand, beside whatever mappings give: neither takes what the other gave. It counts with the next request. With an end it counts until then and not after. Given once more, the reason and the end are the new ones.

    gatehouse grant add jane@acme.example admin --reason "on call, ticket 4711" --for 8h
    gatehouse grant add my-tenant analyst --reason "monthly report"`
}

func (c *grantAddCommand) Run(ctx context.Context, t *terminal) error {
	h, err := c.dial(ctx, t)
	if err != nil {
		return err
	}
	principal, err := c.principal(ctx, h)
	if err != nil {
		return err
	}
	given, err := h.AddGrant(ctx, admin.NewGrant{Principal: principal, Role: c.Role, Reason: c.Reason, EndsAt: c.Until.Time, Lifetime: admin.Duration(c.For.span)})
	if err != nil {
		return err
	}
	if c.JSON {
		return t.printJSON(given)
	}
	end := "until it is taken back"
	if !given.EndsAt.IsZero() {
		end = "until " + minute(given.EndsAt)
	}
	return t.printf("%s has role %s %s.\n", calledAs(given), given.Role, end)
}

type grantRemoveCommand struct {
	holder
	Role string `arg:"" help:"Name of the role."`
	output
	connection
}

func (grantRemoveCommand) Help() string {
	return `Takes back, with the next request, a role that was given by hand. What a mapping, a file or "keys create" gave stays, and is changed there. The last grant of a protected role is not taken: give the role to somebody else first.

    gatehouse grant remove jane@acme.example admin`
}

func (c *grantRemoveCommand) Run(ctx context.Context, t *terminal) error {
	h, err := c.dial(ctx, t)
	if err != nil {
		return err
	}
	principal, err := c.principal(ctx, h)
	if err != nil {
		return err
	}
	taken, err := h.RemoveGrant(ctx, admin.GrantRemoval{Principal: principal, Role: c.Role})
	if err != nil {
		return err
	}
	if c.JSON {
		return t.printJSON(taken)
	}
	return t.printf("%s does not have role %s by hand any more.\n", calledAs(taken), taken.Role)
}

type grantListCommand struct {
	Holder       string `arg:"" optional:"" name:"user|client" help:"Only theirs: id or userName of a user, or id of a client."`
	IDP          string `name:"connection" placeholder:"LABEL" help:"Whose user it is, where several connections have the userName."`
	Role         string `placeholder:"ROLE" help:"Only of this role."`
	Organization string `placeholder:"LABEL" help:"Only in this organization."`
	Limit        int    `default:"100" help:"How many to show, at most 1000."`
	After        string `placeholder:"CURSOR" help:"Begin where the list before ended."`
	output
	connection
}

func (grantListCommand) Help() string {
	return `Who was given which role, and from which source: by a mapping, by hand (manual), by a file, or with a client (api). Roles that mappings give to clients are not listed: they are evaluated with each.

    gatehouse grant list --role admin --organization acme
    gatehouse grant list jane@acme.example`
}

func (c *grantListCommand) Run(ctx context.Context, t *terminal) error {
	h, err := c.dial(ctx, t)
	if err != nil {
		return err
	}
	q := admin.GrantQuery{Organization: c.Organization, Role: c.Role, Limit: c.Limit, After: c.After}
	if c.Holder != "" {
		if q.Principal, err = (holder{c.Holder, c.IDP}).principal(ctx, h); err != nil {
			return err
		}
	}
	page, err := h.Grants(ctx, q)
	if err != nil {
		return err
	}
	if c.JSON {
		return t.printJSON(page)
	}
	return t.grants(page, time.Now())
}

func (t *terminal) grants(page admin.GrantPage, now time.Time) error {
	if len(page.Grants) == 0 {
		return t.printf("There are no such grants. To give a role: gatehouse grant add\n")
	}
	var rows [][]string
	for _, g := range page.Grants {
		end := relative(g.EndsAt, now, "")
		if !g.KeptSince.IsZero() {
			end = "kept"
		}
		rows = append(rows, []string{g.Role, g.Organization, cmp.Or(g.UserName, g.Principal), strings.TrimSpace(g.Source + " " + g.Rule), end, g.Reason})
	}
	columns := []column{{title: "ROLE"}, {title: "ORGANIZATION"}, {title: "HOLDER", cut: true}, {title: "FROM", cut: true}, {title: "ENDS"}, {title: "REASON", cut: true}}
	if err := t.table(columns, rows); err != nil {
		return err
	}
	return t.more(page.Next)
}

// calledAs is whom people read.
func calledAs(g admin.Grant) string {
	if g.UserName != "" {
		return "User " + g.UserName
	}
	kind, id, _ := strings.Cut(g.Principal, ":")
	return strings.ToUpper(kind[:1]) + kind[1:] + " " + id
}

// clientID is how ids of clients look.
var clientID = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

// principal is the user or the client who is meant.
func (c holder) principal(ctx context.Context, h *admin.Host) (string, error) {
	kind, name, ok := strings.Cut(c.Holder, ":")
	if !ok || kind != "user" && kind != "client" {
		kind, name = "", c.Holder
	}
	if kind == "client" {
		return c.Holder, nil
	}
	id, err := userID(ctx, h, admin.PeopleQuery{Name: name, Connection: c.IDP})
	if kind == "user" || c.IDP != "" || resourceID.MatchString(name) || !clientID.MatchString(name) || err != nil && !problem.Is(err, problem.NotFound) && !problem.Is(err, problem.Forbidden) {
		return "user:" + id, err
	}
	_, noClient := h.Client(ctx, name)
	switch {
	case noClient == nil && err == nil:
		return "", problem.New(problem.Invalid, "%q is the userName of a user and the id of a client", name).WithHint("write user:%[1]s or client:%[1]s", name)
	case noClient == nil:
		return "client:" + name, nil
	case err == nil:
		return "user:" + id, nil
	case problem.Is(noClient, problem.NotFound) && problem.Is(err, problem.NotFound):
		return "", problem.New(problem.NotFound, "there is neither a user nor a client %q", name).WithHint("gatehouse users list and gatehouse keys list show them")
	case problem.Is(err, problem.NotFound):
		return "", noClient
	}
	return "", err
}

// givenBy says what gave a role, and why it gives nothing if it does not.
func givenBy(r admin.Role) string {
	by := r.Source
	if r.Rule != "" {
		by += " " + r.Rule
	}
	if r.GivenBy != "" {
		by += " by " + r.GivenBy
	}
	switch {
	case r.Undeclared:
		by += "; not declared, so it gives nothing"
	case r.OutrankedBy != "":
		by += "; outranked by " + r.OutrankedBy + ", so it gives nothing"
	}
	return by
}

// whyOf is all that is known of how somebody came to a role.
func whyOf(r admin.Role) string {
	why := givenBy(r)
	if r.Reason != "" {
		why += ": " + r.Reason
	}
	why += ", since " + minute(r.Since)
	switch {
	case !r.KeptSince.IsZero():
		why += "; kept since " + minute(r.KeptSince) + " as the last of a protected role, which " + r.KeptFrom + " would have taken"
	case !r.EndsAt.IsZero():
		why += ", until " + minute(r.EndsAt)
	}
	return why
}
