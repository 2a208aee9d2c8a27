package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/gatehouse-id/gatehouse/core/host"
)

type validateCommand struct {
	Path       string `arg:"" optional:"" default:"configs" env:"GATEHOUSE_CONFIG" help:"Folder of *.hcl files, or one file."`
	JSON       bool   `name:"json" help:"Print the diagnostics as JSON, for editors and CI."`
	AllowUnset bool   `help:"Take variables and files that are not there as not known yet: for machines without the secrets."`
	Dev        bool   `help:"Allow what only development may have."`
	Data       string `default:".gatehouse" placeholder:"DIR" env:"GATEHOUSE_DATA" help:"Folder of the plugins' sockets."`
}

func (validateCommand) Help() string {
	return `Every mistake of all files is reported at once, those that plugins find in their blocks too: the plugins are started for it. The exit status is 1 if there is one.

    gatehouse validate configs
    gatehouse validate --json --allow-unset configs`
}

func (c *validateCommand) Run(ctx context.Context, t *terminal) error {
	report, err := host.Validate(ctx, host.Options{
		ConfigPath: c.Path, Data: c.Data, Dev: c.Dev, Version: version, Bundled: bundledNames(), Env: t.env,
		Logger: slog.New(slog.NewTextHandler(t.err, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Out:    t.out, Width: t.width, Color: t.color,
	}, c.AllowUnset)
	if report == nil {
		return err
	}
	if c.JSON {
		err = errors.Join(err, report.WriteJSON(t.out))
	} else {
		err = errors.Join(err, report.WriteText(t.out, t.width, t.color))
	}
	switch {
	case err != nil:
		return err
	case report.HasErrors():
		return errSilent
	case c.JSON:
		return nil
	}
	return t.printf("%s is valid.\n", c.Path)
}

type fmtCommand struct {
	Check bool     `help:"Change nothing; print the files that are not in the usual layout, and exit with 1 if there are any."`
	Paths []string `arg:"" name:"path" help:"Files, or folders of *.hcl files."`
}

func (fmtCommand) Help() string {
	return `Prints the names of the files that it changes.

    gatehouse fmt configs
    gatehouse fmt --check configs examples/gatehouse.hcl`
}

func (c *fmtCommand) Run(t *terminal) error {
	differs := false
	for _, path := range c.Paths {
		files, err := filesOf(path, ".hcl")
		if err != nil {
			return err
		}
		for _, file := range files {
			changed, err := layOut(file, c.Check)
			if err != nil {
				return err
			}
			if changed {
				differs = true
				if err := t.printf("%s\n", file); err != nil {
					return err
				}
			}
		}
	}
	if differs && c.Check {
		return errSilent
	}
	return nil
}

// layOut formats a file in its place, and reports whether that changes it.
func layOut(path string, check bool) (changed bool, err error) {
	info, err := os.Lstat(path)
	if err != nil {
		return false, err
	}
	if !info.Mode().IsRegular() {
		return false, fmt.Errorf("%s is no regular file", path)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		return false, err
	}
	after, err := formatted(path, before)
	if err != nil {
		return false, fmt.Errorf("%s: %w", path, err)
	}
	if bytes.Equal(before, after) || check {
		return !bytes.Equal(before, after), nil
	}
	return true, replace(path, after, info.Mode().Perm())
}

// replace writes a file anew beside the old one, which stays whole until then.
func replace(path string, text []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(mode), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
