package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

type statusCommand struct {
	output
	connection
}

func (statusCommand) Help() string {
	return `The exit status is 1 if the host is not ready, so that scripts can ask too.

    gatehouse status --url https://app.example.com`
}

// overview is the JSON of the command. Plugins are missing where the token may
// not see them.
type overview struct {
	admin.Status
	Plugins []admin.Plugin `json:"plugins,omitempty"`
}

func (c *statusCommand) Run(ctx context.Context, t *terminal) error {
	h, err := c.dial(ctx, t)
	if err != nil {
		return err
	}
	var o overview
	if o.Status, err = h.Status(ctx); err != nil {
		return err
	}
	plugins, err := h.Plugins(ctx)
	hidden := problem.Is(err, problem.Forbidden)
	if err != nil && !hidden {
		return err
	}
	o.Plugins = plugins
	if c.JSON {
		err = t.printJSON(o)
	} else {
		err = t.overview(o, hidden, time.Now())
	}
	if err == nil && !o.Ready {
		return errSilent
	}
	return err
}

func (t *terminal) overview(o overview, hidden bool, now time.Time) error {
	ready := "ready"
	if !o.Ready {
		ready = t.warn("not ready: see below")
	}
	if err := t.fields([]field{
		{"state", ready},
		{"version", o.Version},
		{"revision", fmt.Sprint(o.Revision)},
		{"started", relative(o.StartedAt, now, "")},
		{"public URL", o.PublicURL},
	}); err != nil {
		return err
	}
	var wrong []field
	for _, condition := range o.Conditions {
		if !condition.OK {
			wrong = append(wrong, field{condition.Name, condition.Detail + adviceFor(condition.Name)})
		}
	}
	if len(wrong) > 0 {
		if err := t.printf("\n%s\n", t.warn("What is wrong:")); err != nil {
			return err
		}
		if err := t.fields(wrong); err != nil {
			return err
		}
	}
	if hidden {
		return t.printf("\nThe token may not see the plugins.\n")
	}
	if err := t.printf("\n"); err != nil {
		return err
	}
	if err := t.plugins(o.Plugins, now); err != nil {
		return err
	}
	return t.protections(o.Plugins)
}

// adviceFor says where to look further, by the kind of a condition.
func adviceFor(condition string) string {
	switch kind, _, _ := strings.Cut(condition, " "); kind {
	case "store":
		return "; look at the database that the store block names, and at the space on its disk"
	case "plugin":
		return "; the host's log has what the process last said"
	case "authenticator":
		return "; look at its block: gatehouse validate"
	}
	return ""
}

// protections says what holds between the host and each plugin.
func (t *terminal) protections(list []admin.Plugin) error {
	if len(list) == 0 {
		return nil
	}
	if err := t.printf("\nIn force between them and the host:\n"); err != nil {
		return err
	}
	var rows []field
	for _, p := range list {
		name := p.Name
		if p.DedicatedTo != "" {
			name += " for " + p.DedicatedTo
		}
		rows = append(rows, field{name, orNone(p.InForce, "nothing")})
	}
	return t.fields(rows)
}
