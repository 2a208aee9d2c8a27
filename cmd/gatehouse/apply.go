package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/gatehouse-id/gatehouse/core/host"
	"github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

type applyCommand struct {
	Plan string `arg:"" optional:"" name:"plan" help:"File that gatehouse plan --out has written: nothing else is done than it says."`
	files
	AllowLockout []string `placeholder:"ROLE" help:"Also where this protected role would lose its last active holder."`
	Yes          bool     `help:"Do not ask."`
	JSON         bool     `name:"json" help:"Print the revision as JSON, with what it has changed."`
}

func (applyCommand) Help() string {
	return `Validates the files and makes them the configuration in force: a numbered revision in the store. On PostgreSQL a host runs the latest revision, whatever its files say, so this is how a changed configuration is taken; on SQLite a start takes changed files by itself. A host that uses the data folder takes the files while it runs, by its admin socket; env() and file() in them are read where it runs. Without one, the store is opened for it.

On a terminal it first shows what would change, and asks if anybody would lose a role or access. With a plan it refuses, with the exit status 4, if the files are others, or if they would not change any more what was planned; and in any case if a protected role would have no active holder any more.

    gatehouse apply --config configs --data /var/lib/gatehouse
    gatehouse plan --config configs --out plan.json && gatehouse apply plan.json`
}

func (c *applyCommand) Run(ctx context.Context, t *terminal) error {
	g, err := c.target(ctx, t)
	if err != nil {
		return err
	}
	by := host.Decided{AllowLockout: c.AllowLockout}
	if c.Plan != "" {
		by.Plan, err = c.fromFile(g)
	} else if t.asks && !c.Yes {
		by.Plan, err = c.ask(ctx, t, g)
	}
	if err != nil {
		return err
	}
	applied, err := g.apply(ctx, by)
	if problem.Is(err, problem.Changed) || problem.Is(err, problem.Conflict) {
		return refusedApply{err}
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return t.printJSON(appliedJSON{applied.Revision, applied.Diagnostics, applied.Plan})
	}
	if applied.Plan != nil && by.Plan == "" { // else it was shown before
		if err := t.plan(*applied.Plan); err != nil {
			return err
		}
		if err := t.elsewhere(*applied.Plan); err != nil {
			return err
		}
	}
	if g.host == nil {
		return t.printf("Revision %d is in force; a host runs it from its next start.\n", applied.Revision)
	}
	return t.printf("%sRevision %d is in force, and the host runs it.\n", lines(applied.Report), applied.Revision)
}

// appliedJSON is the answer in JSON.
type appliedJSON struct {
	Revision    int64           `json:"revision"`
	Diagnostics json.RawMessage `json:"diagnostics,omitempty"` // of a running host
	Plan        *admin.Plan     `json:"plan,omitempty"`
}

// refusedApply is what an apply refuses to do, though the files are in order.
type refusedApply struct{ error }

func (r refusedApply) Unwrap() error { return r.error }

// fromFile reads what was planned, and compares the files with those of then.
func (c *applyCommand) fromFile(g *target) (string, error) {
	made, err := readPlan(c.Plan)
	if err != nil {
		return "", err
	}
	if g.source.Digest() != made.Files {
		return "", refusedApply{problem.New(problem.Changed, "the files in %s are not those that were planned", c.Config).
			WithHint("plan again, or name the folder that was planned with --config")}
	}
	return made.Digest, nil
}

// ask shows what would change, and asks if somebody would lose something. What was
// agreed to is what the apply is held to.
func (c *applyCommand) ask(ctx context.Context, t *terminal, g *target) (string, error) {
	var seen changes
	made, err := t.planned(ctx, g, admin.NewPlan{}, &seen, true)
	if problem.Is(err, problem.NotFound) && g.host == nil {
		return "", nil // the first configuration takes nothing from anybody
	}
	if err != nil {
		return "", err
	}
	if err := errors.Join(t.plan(made), t.concerned(made, &seen), t.elsewhere(made)); err != nil {
		return "", err
	}
	for _, l := range made.Lockouts {
		if !slices.Contains(c.AllowLockout, l.Role) {
			return "", refusedApply{problem.New(problem.Conflict, "role %q is protected, and would have no active holder any more in organization %q", l.Role, l.Organization).
				WithHint("to go on all the same: --allow-lockout %s", l.Role)}
		}
	}
	if !made.Takes() {
		return made.Digest, nil
	}
	if err := t.printf("\nGo on? [y/N] "); err != nil {
		return "", err
	}
	if !t.yes() {
		return "", fmt.Errorf("nothing was done")
	}
	return made.Digest, nil
}
