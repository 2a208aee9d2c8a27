package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/gatehouse-id/gatehouse/core/config"
	"github.com/gatehouse-id/gatehouse/core/host"
	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// policyOf is where the policy of a configuration is read from.
type policyOf struct {
	Path string `arg:"" optional:"" default:"configs" env:"GATEHOUSE_CONFIG" help:"Folder of *.hcl files, or one file."`
}

func (c policyOf) options(t *terminal) host.Options {
	return host.Options{
		ConfigPath: c.Path, Dev: true, Version: version, Bundled: bundledNames(), Env: t.env, // what production may not have is not the policy's to say
		Logger: slog.New(slog.NewTextHandler(t.err, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Out:    t.out, Width: t.width, Color: t.color,
	}
}

// open reads the policy, and says what is wrong with the configuration.
func (c policyOf) open(ctx context.Context, t *terminal, asJSON bool) (*host.Policy, *config.Report, error) {
	p, report, err := host.OpenPolicy(ctx, c.options(t))
	switch {
	case err != nil:
		return nil, nil, err
	case p == nil:
		return nil, nil, errors.Join(t.report(report, asJSON), errSilent)
	}
	return p, report, nil
}

// report writes diagnostics, for people or for programs.
func (t *terminal) report(r *config.Report, asJSON bool) error {
	if asJSON {
		return r.WriteJSON(t.out)
	}
	return r.WriteText(t.out, t.width, t.color)
}

type policyShowCommand struct {
	policyOf
	Connection string `placeholder:"LABEL" help:"Only what is of this connection."`
	JSON       bool   `name:"json" help:"Print it as JSON."`
}

func (policyShowCommand) Help() string {
	return `Roles, mappings and the permissions that routes ask for are compiled to Rego. This is what runs, formatted. Nothing is started for it.

    gatehouse policy show configs
    gatehouse policy show --connection acme-okta configs`
}

// shownModule is a package of the policy in JSON.
type shownModule struct {
	Package    string `json:"package"`
	Connection string `json:"connection,omitempty"`
	Rego       string `json:"rego"`
}

func (c *policyShowCommand) Run(ctx context.Context, t *terminal) error {
	p, _, err := c.open(ctx, t, c.JSON)
	if err != nil {
		return err
	}
	if _, ok := p.Organizations[c.Connection]; c.Connection != "" && !ok {
		labels := make([]string, 0, len(p.Organizations))
		for label := range p.Organizations {
			labels = append(labels, label)
		}
		unknown := problem.New(problem.NotFound, "the configuration has no connection %q", c.Connection)
		if near := config.Nearest(c.Connection, labels); near != "" {
			unknown = unknown.WithHint("did you mean %q?", near)
		}
		return unknown
	}
	list := []shownModule{}
	for _, m := range p.Modules() {
		if c.Connection == "" || c.Connection == m.Connection {
			list = append(list, shownModule{m.Name, m.Connection, m.Source})
		}
	}
	if c.JSON {
		return t.printJSON(list)
	}
	if len(list) == 0 {
		return t.printf("# Connection %s has no mappings: it gives no roles.\n", c.Connection)
	}
	for i, m := range list {
		if i > 0 {
			if err := t.printf("\n"); err != nil {
				return err
			}
		}
		if err := t.printf("%s", painted(m.Rego)); err != nil {
			return err
		}
	}
	return nil
}

type policyFmtCommand struct {
	Check bool     `help:"Change nothing; print the files that are not in the usual layout, and exit with 1 if there are any."`
	JSON  bool     `name:"json" help:"Print the names as JSON."`
	Paths []string `arg:"" optional:"" name:"path" default:"configs" help:"Files, or folders of *.hcl and *.rego files."`
}

func (policyFmtCommand) Help() string {
	return `Lays out what a policy is written in: configuration files as gatehouse fmt does, and Rego as OPA does. Prints the names of the files that it changes.

    gatehouse policy fmt configs
    gatehouse policy fmt --check configs`
}

func (c *policyFmtCommand) Run(t *terminal) error {
	changed := []string{}
	for _, path := range c.Paths {
		files, err := filesOf(path, ".hcl", ".rego")
		if err != nil {
			return err
		}
		for _, file := range files {
			is, err := layOut(file, c.Check)
			if err != nil {
				return err
			}
			if is {
				changed = append(changed, file)
			}
		}
	}
	if c.JSON {
		if err := t.printJSON(struct {
			Changed []string `json:"changed"`
		}{changed}); err != nil {
			return err
		}
	} else if len(changed) > 0 {
		if err := t.printf("%s\n", lines(strings.Join(changed, "\n"))); err != nil {
			return err
		}
	}
	if c.Check && len(changed) > 0 {
		return errSilent
	}
	return nil
}

// filesOf is the file itself, or the files of a folder with one of the endings.
func filesOf(path string, endings ...string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return []string{path}, err
	}
	entries, err := os.ReadDir(path)
	var files []string
	for _, e := range entries {
		for _, ending := range endings {
			if filepath.Ext(e.Name()) == ending && e.Type().IsRegular() {
				files = append(files, filepath.Join(path, e.Name()))
			}
		}
	}
	return files, err
}

// formatted is a file's text in its usual layout, by its ending.
func formatted(path string, text []byte) ([]byte, error) {
	if filepath.Ext(path) != ".rego" {
		return config.Format(text)
	}
	out, err := policy.FormatRego(filepath.Base(path), text)
	return bytes.TrimLeft(out, "\n"), err
}
