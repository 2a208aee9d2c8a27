package main

import (
	"context"

	"github.com/gatehouse-id/gatehouse/sdk/admin"
)

type planCommand struct {
	files
	Out    string `placeholder:"FILE" help:"Also write what was planned to this file, for gatehouse apply."`
	All    bool   `help:"Name everybody who is concerned, rather than the first 20 of each."`
	Shadow bool   `help:"Have the host also evaluate the files beside the configuration in force from now on: see gatehouse shadow."`
	JSON   bool   `name:"json" help:"Print everything as JSON."`
}

func (planCommand) Help() string {
	return `Compares the files with the configuration in force, over the people and clients that there are, and changes nothing: who would gain or lose which role, who could not come in any more, which protected role would lose its last active holder, and what has to be changed at identity providers. The exit status is 4 if gatehouse apply would refuse it for a protected role.

    gatehouse plan --config configs
    gatehouse plan --config configs --out plan.json && gatehouse apply plan.json`
}

func (c *planCommand) Run(ctx context.Context, t *terminal) error {
	g, err := c.target(ctx, t)
	if err != nil {
		return err
	}
	var seen changes
	made, err := t.planned(ctx, g, admin.NewPlan{All: c.All || c.JSON}, &seen, !c.JSON)
	if err != nil {
		return err
	}
	if c.Out != "" {
		if err := writePlan(c.Out, made); err != nil {
			return err
		}
	}
	if c.Shadow {
		if _, err := g.shadow(ctx); err != nil {
			return err
		}
	}
	if c.JSON {
		err = t.printJSON(struct {
			Plan    admin.Plan            `json:"plan"`
			Changes []admin.PlannedChange `json:"changes"`
		}{made, append([]admin.PlannedChange{}, seen.all...)})
	} else {
		err = c.show(t, made, &seen)
	}
	if err == nil && len(made.Lockouts) > 0 {
		err = refusedApply{errSilent}
	}
	return err
}

func (c *planCommand) show(t *terminal, made admin.Plan, seen *changes) error {
	if err := t.plan(made); err != nil {
		return err
	}
	if err := t.concerned(made, seen); err != nil {
		return err
	}
	if err := t.elsewhere(made); err != nil {
		return err
	}
	if c.Shadow {
		if err := t.printf("\nThe host evaluates the files beside those in force: gatehouse shadow status\n"); err != nil {
			return err
		}
	}
	if c.Out != "" {
		return t.printf("\nTo apply just this: gatehouse apply --config %s %s\n", c.Config, c.Out)
	}
	return nil
}

// changes are those that a plan has named.
type changes struct{ all []admin.PlannedChange }

// planned makes a plan. On a terminal it shows how far it is.
func (t *terminal) planned(ctx context.Context, g *target, asked admin.NewPlan, into *changes, bar bool) (admin.Plan, error) {
	shown := &progress{t: t, on: bar && !t.piped}
	made, err := g.plan(ctx, asked, func(line admin.PlanLine) error {
		if line.Change != nil {
			into.all = append(into.all, *line.Change)
		}
		if line.Progress != nil {
			shown.show(*line.Progress)
		}
		return nil
	})
	shown.end()
	return made, err
}
