package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/core/host"
	"github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

type pluginsListCommand struct {
	output
	connection
}

func (c *pluginsListCommand) Run(ctx context.Context, t *terminal) error {
	h, err := c.dial(ctx, t)
	if err != nil {
		return err
	}
	list, err := h.Plugins(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return t.printJSON(admin.PluginList{Plugins: list})
	}
	return t.plugins(list, time.Now())
}

func (t *terminal) plugins(list []admin.Plugin, now time.Time) error {
	if len(list) == 0 {
		return t.printf("No plugin runs: the configuration has no authenticator.\n")
	}
	var rows [][]string
	var failed []field
	for _, p := range list {
		var instances []string
		for _, i := range p.Instances {
			instances = append(instances, i.Name)
			if i.Error != "" {
				failed = append(failed, field{i.Name, i.Error})
			}
		}
		if p.LastError != "" {
			failed = append(failed, field{p.Name, p.LastError})
		}
		rows = append(rows, []string{p.Name, p.Version, p.State, relative(p.Since, now, ""), strconv.Itoa(p.Restarts), confinement(p), strings.Join(instances, ",")})
	}
	columns := []column{{title: "PLUGIN"}, {title: "VERSION"}, {title: "STATE"}, {title: "SINCE"}, {title: "RESTARTS"}, {title: "CONFINEMENT"}, {title: "INSTANCES", cut: true}}
	if err := t.table(columns, rows); err != nil || len(failed) == 0 {
		return err
	}
	if err := t.printf("\nLast errors:\n"); err != nil {
		return err
	}
	return t.fields(failed)
}

// confinement says in a few words what limits a process.
func confinement(p admin.Plugin) string {
	c := p.Confinement
	switch {
	case p.PID == 0:
		return "-"
	case c.Landlock == 0 && !c.Seccomp && !c.Limits:
		return "none"
	}
	var words []string
	for _, one := range []struct {
		holds     bool
		word, not string
	}{
		{c.Landlock > 0, "landlock " + strconv.Itoa(c.Landlock), "files open"},
		{c.Seccomp, "seccomp", "system calls open"},
		{c.Seccomp && !c.Network, "no network", "network"},
		{c.Limits, strconv.FormatInt(c.Memory>>20, 10) + "MiB", "memory open"},
	} {
		if one.holds {
			words = append(words, one.word)
		} else {
			words = append(words, one.not)
		}
	}
	return strings.Join(words, ", ")
}

type pluginsVerifyCommand struct {
	Config string `default:"configs" placeholder:"PATH" env:"GATEHOUSE_CONFIG" help:"Folder of *.hcl files, or one file."`
	Data   string `default:".gatehouse" placeholder:"DIR" env:"GATEHOUSE_DATA" help:"Folder of the plugins' sockets."`
	output
}

func (pluginsVerifyCommand) Help() string {
	return `For each plugin block the binary is hashed as before every launch, started once, and asked what it is. Plugins that are part of this binary have no block. What else is wrong with the configuration is said beside, and ends the command with 1 as well. A running host is not needed and not touched.

    gatehouse plugins verify --config configs`
}

// verified is a plugin's line of the JSON output.
type verified struct {
	Name    string   `json:"name"`
	OK      bool     `json:"ok"`
	Path    string   `json:"path,omitempty"`
	Pinned  string   `json:"pinned,omitempty"`
	Actual  string   `json:"actual,omitempty"`
	Version string   `json:"version,omitempty"`
	Kinds   []string `json:"kinds"`
	Error   string   `json:"error,omitempty"`
	Hint    string   `json:"hint,omitempty"`
}

func (c *pluginsVerifyCommand) Run(ctx context.Context, t *terminal) error {
	checks, report, err := host.VerifyPlugins(ctx, host.Options{
		ConfigPath: c.Config, Data: c.Data, Version: version, Bundled: bundledNames(), Env: t.env,
		Logger: slog.New(slog.NewTextHandler(t.err, &slog.HandlerOptions{Level: slog.LevelError})), Out: t.out, Width: t.width, Color: t.color,
	})
	if err != nil {
		return err
	}
	answer := struct {
		Plugins       []verified      `json:"plugins"`
		Configuration json.RawMessage `json:"configuration,omitempty"` // as validate --json says it; missing if nothing is wrong
	}{Plugins: []verified{}}
	for _, check := range checks {
		answer.Plugins = append(answer.Plugins, asVerified(check))
		if check.Error != nil {
			err = errSilent
		}
	}
	if report.HasErrors() {
		err = errSilent
	}
	if c.JSON {
		if report.Len() > 0 {
			var document bytes.Buffer
			if printed := report.WriteJSON(&document); printed != nil {
				return printed
			}
			answer.Configuration = document.Bytes()
		}
		if printed := t.printJSON(answer); printed != nil {
			return printed
		}
		return err
	}
	if printed := t.allVerified(answer.Plugins, report.HasErrors()); printed != nil {
		return printed
	}
	if report.Len() > 0 {
		if printed := errors.Join(t.printf("\nThe configuration beside them:\n\n"), report.WriteText(t.out, t.width, t.color)); printed != nil {
			return printed
		}
	}
	return err
}

// allVerified prints what became of the plugins; with mistakes beside, blocks may
// have been missed.
func (t *terminal) allVerified(list []verified, mistakes bool) error {
	switch {
	case len(list) == 0 && mistakes:
		return t.printf("No plugin block was found that can be verified.\n")
	case len(list) == 0:
		return t.printf("The configuration has no plugin blocks: what it uses is part of this binary.\n")
	}
	for _, v := range list {
		if err := t.verified(v); err != nil {
			return err
		}
	}
	return nil
}

func asVerified(check host.PluginCheck) verified {
	v := verified{
		Name: check.Name, OK: check.Error == nil, Path: check.Path, Pinned: check.Pinned, Actual: check.Actual,
		Version: check.Version, Kinds: append([]string{}, check.Kinds...),
	}
	var p *problem.Problem
	if errors.As(check.Error, &p) {
		v.Error, v.Hint = p.Detail, p.Hint
	} else if check.Error != nil {
		v.Error = check.Error.Error()
	}
	return v
}

func (t *terminal) verified(v verified) error {
	if !v.OK {
		if err := t.printf("%s: %s\n  %s\n", v.Name, t.warn("refused"), lines(v.Error)); err != nil || v.Hint == "" {
			return err
		}
		return t.printf("  %s\n", lines(v.Hint))
	}
	return t.printf("%s: in order, version %s, serves %s\n", v.Name, v.Version, orNone(v.Kinds, "nothing"))
}
