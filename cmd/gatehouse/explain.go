package main

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

type explainCommand struct {
	Who      string `arg:"" optional:"" help:"A user, by id or userName, or a client, by id."`
	Role     string `placeholder:"ROLE" help:"Say what is missing for this role, mapping by mapping."`
	Path     string `placeholder:"PATH" help:"Say whether a request for this path may be made, and why."`
	Method   string `placeholder:"METHOD" help:"Of the request; without it, GET."`
	Upstream string `placeholder:"LABEL" help:"That the path is of, where there are several."`
	Host     string `placeholder:"NAME" help:"In place of --upstream: a host name that it serves."`
	Decision string `placeholder:"ID" help:"Open the id of a decision, and say what has changed since."`
	IDP      string `name:"connection" placeholder:"LABEL" help:"Whose user it is, where several connections have the userName."`
	output
	connection
}

func (explainCommand) Help() string {
	return `Says why somebody has which roles: the source of each, the rule with its file and line, and what of them fulfilled it.
With --role, what is missing for one that they do not have; with --path, which route applies to a request, and why they may make it or not.

    gatehouse explain jane@acme.example
    gatehouse explain jane@acme.example --role admin
    gatehouse explain my-tenant --method POST --path /api/v1/query/execute

The answer to each request has the id of the decision on it in the header X-Gatehouse-Decision, and that to a refused one in "decision" of its body. For 90 days it tells what was decided, and what is otherwise now:

    gatehouse explain --decision AVZ4…`
}

func (c *explainCommand) Run(ctx context.Context, t *terminal) error {
	switch {
	case (c.Who == "") == (c.Decision == ""):
		return usagef("name a user or a client, or a decision with --decision")
	case c.Decision != "" && (c.Role != "" || c.Upstream != "" || c.Host != ""):
		return usagef("beside --decision there is only --path and --method: who it was, and of which upstream, is in it")
	case c.Path == "" && (c.Method != "" || c.Upstream != "" || c.Host != ""):
		return usagef("--method, --upstream and --host say nothing without --path")
	}
	h, err := c.dial(ctx, t)
	if err != nil {
		return err
	}
	q := admin.ExplainQuery{Role: c.Role, Upstream: c.Upstream, Host: c.Host, Method: strings.ToUpper(c.Method), Path: c.Path}
	if c.Decision != "" {
		d, err := h.Decision(ctx, c.Decision, q)
		if err != nil {
			return err
		}
		if c.JSON {
			return t.printJSON(d)
		}
		return t.decision(d, time.Now())
	}
	e, err := c.explain(ctx, h, q)
	if err != nil {
		return err
	}
	if c.JSON {
		return t.printJSON(e)
	}
	return t.explanation(e, time.Now())
}

// clientID is how ids of clients look, and userNames hardly ever.
var clientID = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

// explain asks about a client where there is one of that id, and otherwise a user.
func (c *explainCommand) explain(ctx context.Context, h *admin.Host, q admin.ExplainQuery) (e admin.Explanation, err error) {
	if c.IDP == "" && clientID.MatchString(c.Who) && !resourceID.MatchString(c.Who) {
		if e, err = h.ExplainClient(ctx, c.Who, q); !problem.Is(err, problem.NotFound) {
			return e, err
		}
	}
	id, err := userID(ctx, h, admin.PeopleQuery{Name: c.Who, Connection: c.IDP})
	if problem.Is(err, problem.NotFound) {
		err = problem.New(problem.NotFound, "there is no user and no client %q", c.Who).WithHint("gatehouse users list, or gatehouse keys list")
	}
	if err != nil {
		return e, err
	}
	return h.ExplainUser(ctx, id, q)
}

func (t *terminal) explanation(e admin.Explanation, now time.Time) error {
	what := "User "
	if e.Kind == "client" {
		what = "Client "
	}
	if err := t.printf("%s\n", t.bold(what+cmp.Or(e.Name, e.ID))); err != nil {
		return err
	}
	if err := t.fields([]field{{"id", e.ID}, {"organization", e.Organization}, {"connection", e.Connection}}); err != nil {
		return err
	}
	if err := t.sentences(e.Sentences); err != nil {
		return err
	}
	switch {
	case e.Role != nil:
		if err := t.sentences(append(e.Role.Sentences, sentencesOf(e.Roles)...)); err != nil {
			return err
		}
	case e.Request == nil:
		if err := t.explainedRoles(e.Roles, now); err != nil {
			return err
		}
	}
	if e.Request != nil {
		return t.sentences(e.Request.Sentences)
	}
	return nil
}

// explainedRoles are a table, and a sentence of each beneath it.
func (t *terminal) explainedRoles(roles []admin.ExplainedRole, now time.Time) error {
	if len(roles) == 0 {
		return t.printf("\nThey have no roles.\n")
	}
	var rows [][]string
	for _, r := range roles {
		counts := "yes"
		if !r.InForce {
			counts = "no"
		}
		rows = append(rows, []string{r.Name, r.Source, counts, relative(r.Since, now, ""), cmp.Or(r.Where, r.Rule)})
	}
	if err := t.printf("\n"); err != nil {
		return err
	}
	if err := t.table([]column{{title: "ROLE"}, {title: "SOURCE"}, {title: "COUNTS"}, {title: "SINCE"}, {title: "AT", cut: true}}, rows); err != nil {
		return err
	}
	return t.sentences(sentencesOf(roles))
}

func sentencesOf(roles []admin.ExplainedRole) (list []string) {
	for _, r := range roles {
		list = append(list, r.Sentence)
	}
	return list
}

// sentences print each in lines of its own, with an empty one before them.
func (t *terminal) sentences(list []string) error {
	if len(list) == 0 {
		return nil
	}
	if err := t.printf("\n"); err != nil {
		return err
	}
	for _, s := range list {
		if err := t.paragraphs("", []field{{"", s}}); err != nil {
			return err
		}
	}
	return nil
}

func (t *terminal) decision(d admin.DecisionDetail, now time.Time) error {
	if err := t.printf("%s\n", t.bold("Decision of "+relative(d.At, now, ""))); err != nil {
		return err
	}
	process := d.Process
	if !d.ThisProcess {
		process += " (not the one that answers now)"
	}
	if err := t.fields([]field{{"process", process}, {"organization", d.Organization}}); err != nil {
		return err
	}
	if err := t.sentences(d.Sentences); err != nil {
		return err
	}
	var changes []field
	for _, c := range d.Changes {
		changes = append(changes, field{c.Kind, c.Text})
	}
	if err := t.section("Changed since", changes, "nothing"); err != nil {
		return err
	}
	if d.Now == nil {
		return nil
	}
	var list []string
	roles := d.Now.Roles
	if d.Now.Request != nil {
		list = slices.Clone(d.Now.Request.Sentences) // with those of the roles that it comes with
		roles = slices.DeleteFunc(slices.Clone(roles), func(r admin.ExplainedRole) bool { return slices.Contains(d.Now.Request.By, r.Name) })
	}
	list = append(list, sentencesOf(roles)...)
	if err := t.printf("\n%s\n", t.bold("Now")); err != nil {
		return err
	}
	for _, s := range list {
		if err := t.paragraphs("  ", []field{{"", s}}); err != nil {
			return err
		}
	}
	return nil
}
