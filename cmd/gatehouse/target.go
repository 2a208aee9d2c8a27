package main

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"

	"github.com/gatehouse-id/gatehouse/core/config"
	"github.com/gatehouse-id/gatehouse/core/host"
	"github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// files says which configuration is meant, and of which host.
type files struct {
	Config string `default:"configs" placeholder:"PATH" env:"GATEHOUSE_CONFIG" help:"Folder of *.hcl files, or one file."`
	Data   string `default:".gatehouse" placeholder:"DIR" env:"GATEHOUSE_DATA" help:"The host's data folder."`
}

// target is what a configuration is planned for and applied to: a host that runs,
// or the store of one that does not.
type target struct {
	source config.Source
	host   *admin.Host // nil: none runs
	alone  host.Options
	t      *terminal
}

// target reads the files and finds the host.
func (f files) target(ctx context.Context, t *terminal) (*target, error) {
	h, err := admin.Dial(ctx, admin.Options{Socket: filepath.Join(f.Data, admin.SocketName)})
	if err != nil && !problem.Is(err, problem.Unavailable) {
		return nil, err
	}
	if err != nil {
		h = nil
	}
	source, err := config.ReadDir(f.Config)
	return &target{source: source, host: h, t: t, alone: host.Options{
		ConfigPath: f.Config, Data: f.Data, Version: version, Bundled: bundledNames(), Env: t.env,
		Logger: slog.New(slog.NewTextHandler(t.err, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Out:    t.out, Width: t.width, Color: t.color,
	}}, err
}

// files are those of a request.
func (g *target) files() []admin.ConfigFile {
	var list []admin.ConfigFile
	for _, f := range g.source.Files {
		list = append(list, admin.ConfigFile{Name: f.Name, Text: string(f.Text)})
	}
	return list
}

// plan says what the files would change.
func (g *target) plan(ctx context.Context, asked admin.NewPlan, seen func(admin.PlanLine) error) (admin.Plan, error) {
	if g.host == nil {
		return host.Plan(ctx, g.alone, asked, seen)
	}
	asked.Files = g.files()
	made, err := g.host.PlanConfig(ctx, asked, seen)
	return made, g.wrong(err)
}

// apply brings the files into force.
func (g *target) apply(ctx context.Context, by host.Decided) (admin.AppliedConfig, error) {
	if g.host == nil {
		return host.Apply(ctx, g.alone, by)
	}
	applied, err := g.host.ApplyConfig(ctx, admin.NewConfig{Files: g.files(), Plan: by.Plan, AllowLockout: by.AllowLockout})
	return applied, g.wrong(err)
}

// wrong shows what a host has found wrong with the files.
func (g *target) wrong(err error) error {
	var refused *admin.Error
	if errors.As(err, &refused) && refused.Report != "" {
		return errors.Join(g.t.printf("%s", lines(refused.Report)), host.ErrConfiguration)
	}
	return err
}
