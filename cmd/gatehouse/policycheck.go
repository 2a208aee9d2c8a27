package main

import (
	"context"
)

type policyCheckCommand struct {
	policyOf
	Strict bool `help:"Take warnings as errors, and exit with 1 if there are any."`
	JSON   bool `name:"json" help:"Print the diagnostics as JSON, for editors and CI."`
}

func (policyCheckCommand) Help() string {
	return `Finds what is allowed and has no effect: roles that nothing in the files gives, mappings that nobody can fulfil or that give nothing beside others, permissions that no role has, routes that no request reaches, and groups that no test mentions. Nothing is started for it.

    gatehouse policy check configs
    gatehouse policy check --strict --json configs`
}

func (c *policyCheckCommand) Run(ctx context.Context, t *terminal) error {
	p, report, err := c.open(ctx, t, c.JSON)
	if err != nil {
		return err
	}
	p.Check(report, c.Strict)
	if err := t.report(report, c.JSON); err != nil {
		return err
	}
	switch {
	case report.HasErrors():
		return errSilent
	case c.JSON || report.Len() > 0:
		return nil
	}
	return t.printf("Everything in %s has an effect.\n", c.Path)
}
