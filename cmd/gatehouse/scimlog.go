package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/admin"
)

type scimLogCommand struct {
	IDP    string `arg:"" name:"connection" help:"Label of the connection, such as acme-okta."`
	Limit  int    `default:"50" help:"How many requests to show, at most 200."`
	Failed bool   `help:"Only those that were not answered with success."`
	Bodies bool   `help:"Show the bodies too, without what is secret or personal."`
	output
	connection
}

func (scimLogCommand) Help() string {
	return `The last requests come last. Below each stands what it changed in the directory, and where it was understood otherwise than it was written.

    gatehouse scim-log acme-okta --limit 10
    gatehouse scim-log acme-okta --failed --bodies

The host keeps the last 200 requests of a connection in memory: none of before its start, and with several hosts those of the one that is asked. What was done to whom is in the audit log for good.`
}

func (c *scimLogCommand) Run(ctx context.Context, t *terminal) error {
	h, err := c.dial(ctx, t)
	if err != nil {
		return err
	}
	list, err := h.Exchanges(ctx, c.IDP, c.asked())
	if err != nil {
		return err
	}
	if c.Failed {
		list = slices.DeleteFunc(list, func(e admin.Exchange) bool { return e.Status > 0 && e.Status < http.StatusBadRequest })
	}
	list = list[:min(len(list), max(0, c.Limit))]
	if c.JSON {
		return t.printJSON(admin.ExchangeList{Exchanges: append([]admin.Exchange{}, list...)})
	}
	return t.exchanges(c.IDP, list, c.Bodies)
}

// asked is how many the host is asked for: those that have failed are sought
// among all.
func (c *scimLogCommand) asked() int {
	if c.Failed {
		return 1000
	}
	return c.Limit
}

func (t *terminal) exchanges(connection string, list []admin.Exchange, bodies bool) error {
	if len(list) == 0 {
		return t.printf("The host has no such request of connection %s since its start.\n", connection)
	}
	for _, e := range slices.Backward(list) {
		if err := t.exchange(e, bodies); err != nil {
			return err
		}
	}
	return nil
}

func (t *terminal) exchange(e admin.Exchange, bodies bool) error {
	status := painted(strconv.Itoa(e.Status))
	switch {
	case e.Status == 0:
		status = "---" // whoever asked went away
	case e.Status >= http.StatusBadRequest:
		status = t.warn(string(status))
	}
	tail := "  " + time.Duration(e.Duration).Round(time.Millisecond).String()
	if e.Times > 1 {
		tail += fmt.Sprintf("  %d times", e.Times)
	}
	room := max(narrowed, t.room()-len("01-02 15:04:05  200  ")-len(e.Method)-1-len(tail))
	if err := t.printf("%s  %s  %s %s%s\n", e.At.UTC().Format("01-02 15:04:05"), status, e.Method, shorten(e.Target, room), tail); err != nil {
		return err
	}
	var below []field
	if e.Problem != "" {
		below = append(below, field{"refused", e.Problem + ", trace id " + e.TraceID})
	}
	for _, c := range e.Changes {
		what := c.What + " " + c.Type + " " + c.ID
		if c.Name != "" {
			what += ", " + c.Name
		}
		if len(c.Unknown) > 0 {
			what += "; nobody is " + strings.Join(c.Unknown, ", ")
		}
		below = append(below, field{"changed", what})
	}
	for _, n := range e.Notes {
		below = append(below, field{"note", strings.TrimSpace(n.Rule + ": " + n.Detail)})
	}
	if bodies {
		below = append(below, field{"request", e.Request}, field{"response", e.Response})
	}
	return t.paragraphs("    ", below)
}
