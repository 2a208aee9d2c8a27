package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-id/gatehouse/core/config"
	"github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

type shadowStartCommand struct {
	Config string `default:"configs" placeholder:"PATH" env:"GATEHOUSE_CONFIG" help:"Folder of *.hcl files, or one file."`
	output
	connection
}

func (shadowStartCommand) Help() string {
	return `From now on the host also evaluates these files for every user and client who comes and is evaluated anew, beside the configuration in force, which alone counts. Nobody's request waits for it. What differs is summed up in the memory of this host, until gatehouse shadow stop or the host's end.

    gatehouse shadow start --config configs
    gatehouse shadow status`
}

func (c *shadowStartCommand) Run(ctx context.Context, t *terminal) error {
	h, err := c.dial(ctx, t)
	if err != nil {
		return err
	}
	source, err := config.ReadDir(c.Config)
	if err != nil {
		return err
	}
	g := &target{source: source, host: h, t: t}
	found, err := g.shadow(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return t.printJSON(found)
	}
	return t.printf("The host evaluates the files beside revision %d: gatehouse shadow status says what differs.\n", found.Revision)
}

// shadow has the host evaluate the files.
func (g *target) shadow(ctx context.Context) (admin.Shadow, error) {
	if g.host == nil {
		return admin.Shadow{}, problem.New(problem.Unavailable, "no host runs that could evaluate the files beside those in force").
			WithHint("start one: gatehouse serve")
	}
	found, err := g.host.StartShadow(ctx, admin.NewShadow{Files: g.files()})
	return found, g.wrong(err)
}

type shadowStatusCommand struct {
	output
	connection
}

func (shadowStatusCommand) Help() string {
	return `    gatehouse shadow status

Who would have what is told of the last 1000 principals that differed. gatehouse users show says more of one.`
}

func (c *shadowStatusCommand) Run(ctx context.Context, t *terminal) error {
	h, err := c.dial(ctx, t)
	if err != nil {
		return err
	}
	found, err := h.Shadow(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return t.printJSON(found)
	}
	if !found.Running {
		return t.printf("No configuration is evaluated beside the one in force. gatehouse shadow start begins it.\n")
	}
	return t.shadow(found, time.Now())
}

type shadowStopCommand struct {
	output
	connection
}

func (shadowStopCommand) Help() string {
	return `    gatehouse shadow stop`
}

func (c *shadowStopCommand) Run(ctx context.Context, t *terminal) error {
	h, err := c.dial(ctx, t)
	if err != nil {
		return err
	}
	found, err := h.StopShadow(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return t.printJSON(found)
	}
	return errors.Join(t.printf("The files are not evaluated any more. What was found:\n"), t.shadow(found, time.Now()))
}

// shadow shows how the files differ from what is in force.
func (t *terminal) shadow(s admin.Shadow, now time.Time) error {
	fields := []field{
		{"compared with", fmt.Sprintf("revision %d, since %s", s.Revision, relative(s.StartedAt, now, "never"))},
		{"evaluated", fmt.Sprintf("%d times, of which %d differed", s.Evaluated, s.Different)},
	}
	if s.Skipped > 0 {
		fields = append(fields, field{"skipped", fmt.Sprintf("%d times, %s", s.Skipped, cmp.Or(s.Failure, "since too many came at once"))})
	}
	err := t.fields(fields)
	for _, list := range []struct {
		title string
		of    []admin.ShadowDifference
	}{{"ROLE", s.Roles}, {"PERMISSION", s.Permissions}} {
		if len(list.of) == 0 {
			continue
		}
		rows := [][]string{}
		for _, d := range list.of {
			rows = append(rows, []string{d.Name, sum(int(d.Gains)), sum(int(d.Loses)), relative(d.FirstSeen, now, ""), relative(d.LastSeen, now, "")})
		}
		err = errors.Join(err, t.printf("\n"), t.table([]column{{title: list.title, cut: true}, {title: "GAINED"}, {title: "LOST"}, {title: "FIRST"}, {title: "LAST"}}, rows))
	}
	if len(s.Principals) == 0 {
		return err
	}
	const most = 20
	rows := [][]string{}
	for _, p := range s.Principals[:min(most, len(s.Principals))] {
		changes := prefixed(" +", p.Roles.Gains) + prefixed(" -", p.Roles.Loses)
		if p.Access != "" {
			changes += " access " + p.Access
		}
		if changes == "" {
			changes = prefixed(" +", p.Permissions.Gains) + prefixed(" -", p.Permissions.Loses)
		}
		rows = append(rows, []string{p.Principal, p.Organization, changes[1:], fmt.Sprint(p.Times), relative(p.LastSeen, now, "")})
	}
	err = errors.Join(err, t.printf("\n"), t.table([]column{{title: "PRINCIPAL"}, {title: "ORGANIZATION", cut: true}, {title: "WOULD HAVE", cut: true}, {title: "TIMES"}, {title: "LAST"}}, rows))
	if more := int64(len(s.Principals)-len(rows)) + s.Forgotten; more > 0 {
		err = errors.Join(err, t.printf("and %d more; --json has the last 1000\n", more))
	}
	return err
}
