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

// selection says which users or groups are listed.
type selection struct {
	Organization string `placeholder:"LABEL" help:"Only those of this organization."`
	IDP          string `name:"connection" placeholder:"LABEL" help:"Only those that this connection provisions."`
	Limit        int    `default:"100" help:"How many to show, at most 1000."`
	After        string `placeholder:"ID" help:"Begin behind this id: where the list before ended."`
}

func (s selection) query() admin.PeopleQuery {
	return admin.PeopleQuery{Organization: s.Organization, Connection: s.IDP, Limit: s.Limit, After: s.After}
}

type usersListCommand struct {
	selection
	output
	connection
}

func (c *usersListCommand) Run(ctx context.Context, t *terminal) error {
	h, err := c.dial(ctx, t)
	if err != nil {
		return err
	}
	page, err := h.Users(ctx, c.query())
	if err != nil {
		return err
	}
	if c.JSON {
		return t.printJSON(page)
	}
	return t.users(page)
}

func (t *terminal) users(page admin.UserPage) error {
	if len(page.Users) == 0 {
		return t.printf("There are no such users.\n")
	}
	var rows [][]string
	for _, u := range page.Users {
		rows = append(rows, []string{u.ID, state(u), u.Connection, u.UserName})
	}
	if err := t.table([]column{{title: "USER"}, {title: "STATE"}, {title: "CONNECTION"}, {title: "USER NAME", cut: true}}, rows); err != nil {
		return err
	}
	return t.more(page.Next)
}

func (t *terminal) more(next string) error {
	if next == "" {
		return nil
	}
	return t.printf("\nThere are more: --after %s\n", next)
}

func state(u admin.User) string {
	if u.Active {
		return "active"
	}
	return "inactive"
}

// resourceID is how ids of the directory look (RFC 9562 §4).
var resourceID = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

type usersShowCommand struct {
	User string `arg:"" help:"Id or userName."`
	IDP  string `name:"connection" placeholder:"LABEL" help:"Whose user it is, where several connections have the userName."`
	output
	connection
}

func (usersShowCommand) Help() string {
	return `Shows the attributes of a user, the groups that they are in and the roles that they have, with the rule and
the reason of each.

    gatehouse users show jane@acme.example`
}

func (c *usersShowCommand) Run(ctx context.Context, t *terminal) error {
	h, err := c.dial(ctx, t)
	if err != nil {
		return err
	}
	id, err := userID(ctx, h, admin.PeopleQuery{Name: c.User, Connection: c.IDP})
	if err != nil {
		return err
	}
	detail, err := h.User(ctx, id)
	if err != nil {
		return err
	}
	if c.JSON {
		return t.printJSON(detail)
	}
	return t.user(detail, time.Now())
}

// userID is the id of the one user whom a query names, by id or by userName.
func userID(ctx context.Context, h *admin.Host, q admin.PeopleQuery) (string, error) {
	if resourceID.MatchString(q.Name) {
		return q.Name, nil
	}
	q.Limit = namesakes
	page, err := h.Users(ctx, q)
	if err != nil {
		return "", err
	}
	var found []named
	for _, u := range page.Users {
		found = append(found, named{u.ID, u.Connection})
	}
	return only("user", q, "gatehouse users list", found)
}

// namesakes is how many of one name are shown.
const namesakes = 10

// named is who has a name. Names are unique within a connection only.
type named struct{ id, connection string }

// only is the one that has the name of a query.
func only(what string, q admin.PeopleQuery, list string, found []named) (string, error) {
	switch len(found) {
	case 0:
		if q.Connection != "" {
			return "", problem.New(problem.NotFound, "there is no %s %q in connection %s", what, q.Name, q.Connection).WithHint("%s --connection %s", list, q.Connection)
		}
		return "", problem.New(problem.NotFound, "there is no %s %q", what, q.Name).WithHint("%s", list)
	case 1:
		return found[0].id, nil
	}
	var who []string
	for _, n := range found {
		who = append(who, n.id+" of "+cmp.Or(n.connection, "no connection"))
	}
	return "", problem.New(problem.Invalid, "several have the name %q: %s", q.Name, strings.Join(who, ", ")).
		WithHint("say which: by the id, or with --connection")
}

func (t *terminal) user(u admin.UserDetail, now time.Time) error {
	if err := t.printf("%s\n", t.bold("User "+u.UserName)); err != nil {
		return err
	}
	if err := t.fields([]field{
		{"id", u.ID}, {"state", state(u.User)}, {"name", u.DisplayName}, {"organization", u.Organization}, {"connection", u.Connection}, {"external id", u.ExternalID},
		{"changed", relative(u.UpdatedAt, now, "")},
	}); err != nil {
		return err
	}
	var groups, roles []field
	for _, g := range u.Groups {
		through := ""
		if g.Nested {
			through = " (through a group within it)"
		}
		groups = append(groups, field{"", g.DisplayName + through})
	}
	for _, r := range u.Roles {
		roles = append(roles, field{r.Name, whyOf(r)})
	}
	attributes, err := attributesOf(u.Attributes)
	if err != nil {
		return err
	}
	if err := t.section("Attributes", attributes, "none"); err != nil {
		return err
	}
	if err := t.section("Groups", groups, "none"); err != nil {
		return err
	}
	return t.section("Roles", roles, "none")
}

// section prints a heading with what is below it.
func (t *terminal) section(title string, list []field, none string) error {
	if err := t.printf("\n%s\n", t.bold(title)); err != nil {
		return err
	}
	if len(list) == 0 {
		return t.printf("  %s\n", none)
	}
	return t.paragraphs("  ", list)
}

type groupsListCommand struct {
	selection
	output
	connection
}

func (c *groupsListCommand) Run(ctx context.Context, t *terminal) error {
	h, err := c.dial(ctx, t)
	if err != nil {
		return err
	}
	page, err := h.Groups(ctx, c.query())
	if err != nil {
		return err
	}
	if c.JSON {
		return t.printJSON(page)
	}
	return t.groups(page)
}

func (t *terminal) groups(page admin.GroupPage) error {
	if len(page.Groups) == 0 {
		return t.printf("There are no such groups.\n")
	}
	var rows [][]string
	for _, g := range page.Groups {
		rows = append(rows, []string{g.ID, g.Connection, g.DisplayName})
	}
	if err := t.table([]column{{title: "GROUP"}, {title: "CONNECTION"}, {title: "NAME", cut: true}}, rows); err != nil {
		return err
	}
	return t.more(page.Next)
}

type groupsShowCommand struct {
	Group string `arg:"" help:"Id or displayName."`
	IDP   string `name:"connection" placeholder:"LABEL" help:"Whose group it is, where several connections have one of the name."`
	After string `placeholder:"ID" help:"Begin with the members behind this id."`
	output
	connection
}

func (c *groupsShowCommand) Run(ctx context.Context, t *terminal) error {
	h, err := c.dial(ctx, t)
	if err != nil {
		return err
	}
	id := c.Group
	if !resourceID.MatchString(id) {
		q := admin.PeopleQuery{Name: c.Group, Connection: c.IDP, Limit: namesakes}
		page, err := h.Groups(ctx, q)
		if err != nil {
			return err
		}
		var found []named
		for _, g := range page.Groups {
			found = append(found, named{g.ID, g.Connection})
		}
		if id, err = only("group", q, "gatehouse groups list", found); err != nil {
			return err
		}
	}
	detail, err := h.Group(ctx, id, c.After)
	if err != nil {
		return err
	}
	if c.JSON {
		return t.printJSON(detail)
	}
	return t.group(detail, time.Now())
}

func (t *terminal) group(g admin.GroupDetail, now time.Time) error {
	if err := t.printf("%s\n", t.bold("Group "+g.DisplayName)); err != nil {
		return err
	}
	if err := t.fields([]field{
		{"id", g.ID}, {"organization", g.Organization}, {"connection", g.Connection}, {"external id", g.ExternalID}, {"changed", relative(g.UpdatedAt, now, "")},
	}); err != nil {
		return err
	}
	if len(g.Members) == 0 {
		return t.printf("\nNobody is in it.\n")
	}
	var rows [][]string
	for _, m := range g.Members {
		rows = append(rows, []string{m.ID, m.Type, m.Display})
	}
	if err := t.printf("\n"); err != nil {
		return err
	}
	if err := t.table([]column{{title: "MEMBER"}, {title: "TYPE"}, {title: "NAME", cut: true}}, rows); err != nil {
		return err
	}
	return t.more(g.Next)
}
