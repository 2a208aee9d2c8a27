package main

import (
	"context"
	"fmt"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

type statusCommand struct {
	output
	connection
}

func (statusCommand) Help() string {
	return `What is wrong comes with who notices it and what to do first. Keys that end within 14 days are listed, which is not wrong yet.

The exit status is 0 if nothing is wrong, 3 if something is, and 1 if the host could not be asked.

    gatehouse status --url https://app.example.com
    gatehouse status --json | jq .wrong`
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
	if err == nil && (!o.Ready || len(o.Wrong) > 0) {
		return errWrong
	}
	return err
}

func (t *terminal) overview(o overview, hidden bool, now time.Time) error {
	state := painted("ready")
	switch {
	case !o.Ready:
		state = t.warn("not ready: see below")
	case len(o.Wrong) > 0:
		state = t.warn("ready, and something is wrong: see below")
	}
	if err := t.printf("  state       %s\n", state); err != nil {
		return err
	}
	if err := t.fields([]field{
		{"version", o.Version},
		{"revision", fmt.Sprintf("%d, taken %s", o.Revision, relative(o.LoadedAt, now, ""))},
		{"started", relative(o.StartedAt, now, "")},
		{"public URL", o.PublicURL},
	}); err != nil {
		return err
	}
	if err := t.wrong(o.Wrong); err != nil {
		return err
	}
	if hidden {
		if err := t.printf("\nThe token may not see the plugins.\n"); err != nil {
			return err
		}
	} else if err := t.processes(o.Plugins, now); err != nil {
		return err
	}
	if err := t.pulls(o.Pulls, now); err != nil {
		return err
	}
	return t.ending(o.Ending, now)
}

// wrong shows each thing with who notices it and what to do.
func (t *terminal) wrong(list []admin.Wrong) error {
	if len(list) == 0 {
		return nil
	}
	if err := t.printf("\n%s\n", t.warn("What is wrong:")); err != nil {
		return err
	}
	for _, w := range list {
		if err := t.paragraphs("  ", []field{{"-", w.Problem}}); err != nil {
			return err
		}
		if err := t.paragraphs("    ", []field{{"affects", w.Affects}, {"next", w.Next}}); err != nil {
			return err
		}
	}
	return nil
}

// processes shows the plugins: what they serve, what they were granted, and what
// holds between them and the host.
func (t *terminal) processes(list []admin.Plugin, now time.Time) error {
	if len(list) == 0 {
		return t.printf("\nNo plugin runs: the configuration has no authenticator.\n")
	}
	if err := t.printf("\nPlugins and their instances:\n"); err != nil {
		return err
	}
	for _, p := range list {
		head := fmt.Sprintf("%s %s, %s for %s, restarts: %d", p.Name, p.Version, p.State, roughly(now.Sub(p.Since)), p.Restarts)
		if p.DedicatedTo != "" {
			head += ", for " + p.DedicatedTo + " alone"
		}
		var instances []string
		for _, i := range p.Instances {
			if i.Error != "" {
				i.Name += " (" + i.Error + ")"
			}
			instances = append(instances, i.Name)
		}
		if err := t.paragraphs("  ", []field{{"", head}}); err != nil {
			return err
		}
		if err := t.paragraphs("    ", []field{
			{"serves", orNone(instances, "nothing")}, {"confined", confinement(p)}, {"in force", orNone(p.InForce, "nothing")}, {"last error", p.LastError},
		}); err != nil {
			return err
		}
	}
	return nil
}

// ending shows what ends soon, and what is done about it.
func (t *terminal) ending(list []admin.Ending, now time.Time) error {
	if len(list) == 0 {
		return nil
	}
	if err := t.printf("\nEnds within 14 days:\n"); err != nil {
		return err
	}
	for _, e := range list {
		if err := t.paragraphs("  ", []field{{relative(e.EndsAt, now, "") + ":", theEnding(e)}}); err != nil {
			return err
		}
		if err := t.paragraphs("    ", []field{{"next", nextFor(e)}}); err != nil {
			return err
		}
	}
	return nil
}

// theEnding names what ends.
func theEnding(e admin.Ending) string {
	switch e.Kind {
	case admin.EndingKey:
		return fmt.Sprintf("key %s of client %s (%s)", e.ID, e.Of, e.Organization)
	case admin.EndingClient:
		return fmt.Sprintf("client %s (%s)", e.ID, e.Organization)
	case admin.EndingToken:
		return fmt.Sprintf("admin token %s (%s)", e.ID, e.Of)
	case admin.EndingProvisioningToken:
		return fmt.Sprintf("provisioning token %s of connection %s", e.ID, e.Of)
	case admin.EndingHostKey:
		return fmt.Sprintf("host key %s (%s)", e.ID, e.Of)
	case admin.EndingCertificate:
		return fmt.Sprintf("certificate of %s", e.Of)
	}
	return string(e.Kind) + " " + e.ID
}

// nextFor says what to do about it.
func nextFor(e admin.Ending) string {
	switch {
	case e.Kind == admin.EndingHostKey:
		return "nothing: the host has replaced it"
	case e.Kind == admin.EndingKey && e.Replaced:
		return "nothing if its successor is used: gatehouse keys show " + e.Of
	case e.Kind == admin.EndingKey:
		return "gatehouse keys rotate " + e.Of
	case e.Kind == admin.EndingClient:
		return "gatehouse keys update " + e.ID + " --expires-at TIME, or in its file"
	case e.Kind == admin.EndingToken:
		return "gatehouse admin token create " + e.Of
	case e.Kind == admin.EndingProvisioningToken && e.Replaced:
		return "nothing if its successor is used: gatehouse scim-token list " + e.Of
	case e.Kind == admin.EndingProvisioningToken:
		return "gatehouse scim-token create " + e.Of + ", and enter it at the IdP"
	case e.Kind == admin.EndingCertificate:
		return "replace its files, then send the host SIGHUP"
	}
	return ""
}
