package main

import (
	"context"
	"fmt"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

type brakeListCommand struct {
	IDP string `arg:"" optional:"" name:"connection" help:"Show the people too who have left this connection."`
	output
	connection
}

func (brakeListCommand) Help() string {
	return `A window begins with the first who leaves a connection. Whoever leaves is suspended at once; their keys are revoked, and deleted accounts removed, at its end. Where too many leave it trips, and waits for release or discard.

    gatehouse brake list
    gatehouse brake list acme-okta`
}

func (c *brakeListCommand) Run(ctx context.Context, t *terminal) error {
	h, err := c.dial(ctx, t)
	if err != nil {
		return err
	}
	list, err := h.Brakes(ctx)
	if err != nil {
		return err
	}
	if c.IDP == "" {
		if c.JSON {
			return t.printJSON(admin.BrakeList{Windows: append([]admin.BrakeWindow{}, list...)})
		}
		return t.brakes(list, time.Now())
	}
	details := []admin.BrakeDetail{}
	for _, w := range list {
		if w.Connection != c.IDP {
			continue
		}
		detail := admin.BrakeDetail{BrakeWindow: w, Leavers: []admin.BrakeLeaver{}}
		for next := ""; ; next = detail.Next {
			page, err := h.Brake(ctx, w.ID, next)
			if err != nil {
				return err
			}
			detail.Leavers, detail.Next = append(detail.Leavers, page.Leavers...), page.Next
			if page.Next == "" {
				break
			}
		}
		details = append(details, detail)
	}
	if len(details) == 0 { // so that a wrong label is not taken for one that nobody leaves
		if _, err := h.Connection(ctx, c.IDP); err != nil {
			return err
		}
	}
	if c.JSON {
		return t.printJSON(struct {
			Windows []admin.BrakeDetail `json:"windows"`
		}{details})
	}
	return t.brakeDetails(c.IDP, details, time.Now())
}

func (t *terminal) brakes(list []admin.BrakeWindow, now time.Time) error {
	if len(list) == 0 {
		return t.printf("Nobody has left a connection within its brake's window.\n")
	}
	var rows [][]string
	for _, w := range list {
		rows = append(rows, []string{w.Connection, w.State, fmt.Sprint(w.Left), fmt.Sprint(w.Allowed), fmt.Sprint(w.Active), fmt.Sprint(w.Held), fmt.Sprint(w.Stuck), ends(w, now)})
	}
	return t.table([]column{{title: "CONNECTION"}, {title: "STATE"}, {title: "LEFT"}, {title: "ALLOWED"}, {title: "BEFORE"}, {title: "HELD"}, {title: "STUCK"}, {title: "ENDS"}}, rows)
}

// ends says when a window ends, or by what.
func ends(w admin.BrakeWindow, now time.Time) string {
	switch {
	case w.State == "open":
		return relative(w.EndsAt, now, "")
	case w.State == "tripped", w.Stuck > 0:
		return "by you"
	}
	return "now"
}

func (t *terminal) brakeDetails(connection string, list []admin.BrakeDetail, now time.Time) error {
	if len(list) == 0 {
		return t.printf("Nobody has left connection %s within its brake's window.\n", connection)
	}
	for i, d := range list {
		if i > 0 {
			if err := t.printf("\n"); err != nil {
				return err
			}
		}
		if err := t.brakes([]admin.BrakeWindow{d.BrakeWindow}, now); err != nil {
			return err
		}
		if err := t.printf("\n"); err != nil {
			return err
		}
		var rows [][]string
		for _, l := range d.Leavers {
			what := "deactivated"
			if l.Deleted {
				what = "deleted"
			}
			rows = append(rows, []string{l.User, l.State, what, relative(l.At, now, ""), l.UserName})
		}
		if err := t.table([]column{{title: "USER"}, {title: "STATE"}, {title: "WAS"}, {title: "AT"}, {title: "NAME", cut: true}}, rows); err != nil {
			return err
		}
		if err := t.stuck(d.Leavers); err != nil {
			return err
		}
	}
	return nil
}

// stuck says why somebody could not be restored.
func (t *terminal) stuck(list []admin.BrakeLeaver) error {
	var why []field
	for _, l := range list {
		if l.Problem != "" {
			why = append(why, field{"-", l.User + ": " + l.Problem})
		}
	}
	if len(why) == 0 {
		return nil
	}
	return t.section("Not restored", why, "")
}

// decidable finds the window of a connection that can be decided on; to discard,
// that is also one that has not tripped.
func decidable(ctx context.Context, h *admin.Host, connection string, discard bool) (admin.BrakeWindow, error) {
	list, err := h.Brakes(ctx)
	if err != nil {
		return admin.BrakeWindow{}, err
	}
	for _, w := range list { // the tripped ones come first
		if w.Connection == connection && (w.State == "tripped" || w.Stuck > 0 || discard && w.State == "open") {
			return w, nil
		}
	}
	return admin.BrakeWindow{}, problem.New(problem.NotFound, "the brake of connection %q has nothing to decide on", connection).WithHint("gatehouse brake list")
}

type brakeReleaseCommand struct {
	IDP string `arg:"" name:"connection" help:"Label of the connection."`
	Yes bool   `help:"Do not ask, such as where no terminal is."`
	output
	connection
}

func (brakeReleaseCommand) Help() string {
	return `What was held back happens: keys of those who have left are revoked, deleted accounts removed, and whoever was kept from leaving leaves. It cannot be taken back, so it asks first, and nobody is released if others have left while it waited. Look first at who it is: gatehouse brake list CONNECTION.

    gatehouse brake release acme-okta
    gatehouse brake release acme-okta --yes`
}

func (c *brakeReleaseCommand) Run(ctx context.Context, t *terminal) error {
	h, err := c.dial(ctx, t)
	if err != nil {
		return err
	}
	w, err := decidable(ctx, h, c.IDP, false)
	if err != nil {
		return err
	}
	if !c.Yes {
		question := fmt.Sprintf("From connection %s %d have left, and %d were held. Their keys are revoked and deleted accounts removed for good.", w.Connection, w.Left, w.Held)
		if err := t.confirm(question, "gatehouse brake list "+w.Connection+" shows who it is"); err != nil {
			return err
		}
	}
	w, err = h.ReleaseBrake(ctx, w.ID, admin.BrakeRelease{Left: w.Left, Held: w.Held})
	if err != nil {
		return err
	}
	if c.JSON {
		return t.printJSON(w)
	}
	return t.printf("Connection %s: the %d who have left, and %d who were held, go for good.\n", w.Connection, w.Left, w.Held)
}

type brakeDiscardCommand struct {
	IDP string `arg:"" name:"connection" help:"Label of the connection."`
	output
	connection
}

func (brakeDiscardCommand) Help() string {
	return `Everybody of the window is restored as they were: active, with their memberships, roles and keys. Put right first what made the identity provider send them away, or it will do so again. Somebody whose name was given away meanwhile is stuck, and gatehouse brake list CONNECTION says why: discard again once that is put right, or release them.`
}

func (c *brakeDiscardCommand) Run(ctx context.Context, t *terminal) error {
	h, err := c.dial(ctx, t)
	if err != nil {
		return err
	}
	before, err := decidable(ctx, h, c.IDP, true)
	if err != nil {
		return err
	}
	w, err := h.DiscardBrake(ctx, before.ID)
	if err != nil {
		return err
	}
	if c.JSON {
		return t.printJSON(w)
	}
	if w.Stuck > 0 {
		return t.printf("Connection %s: of the %d who had left all are restored, but for %d. See gatehouse brake list %s.\n", w.Connection, before.Left, w.Stuck, w.Connection)
	}
	return t.printf("Connection %s: the %d who had left are restored, with their memberships, roles and keys.\n", w.Connection, before.Left)
}
