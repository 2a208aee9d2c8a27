package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"

	"github.com/gatehouse-id/gatehouse/core/config"
	"github.com/gatehouse-id/gatehouse/core/host"
	"github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

type applyCommand struct {
	Config string `default:"configs" placeholder:"PATH" env:"GATEHOUSE_CONFIG" help:"Folder of *.hcl files, or one file."`
	Data   string `default:".gatehouse" placeholder:"DIR" env:"GATEHOUSE_DATA" help:"The host's data folder."`
	JSON   bool   `name:"json" help:"Print the revision as JSON."`
}

func (applyCommand) Help() string {
	return `Validates the files and makes them the configuration in force: a numbered revision in the store. On PostgreSQL a host runs the latest revision, whatever its files say, so this is how a changed configuration is taken; on SQLite a start takes changed files by itself. A host that uses the data folder takes the files while it runs, by its admin socket; env() and file() in them are read where it runs. Without one, the store is opened for it.

    gatehouse apply --config configs --data /var/lib/gatehouse`
}

func (c *applyCommand) Run(ctx context.Context, t *terminal) error {
	h, err := admin.Dial(ctx, admin.Options{Socket: filepath.Join(c.Data, admin.SocketName)})
	if err == nil {
		return c.toHost(ctx, t, h)
	}
	if !problem.Is(err, problem.Unavailable) {
		return err
	}
	number, err := host.Apply(ctx, host.Options{
		ConfigPath: c.Config, Data: c.Data, Version: version, Bundled: bundledNames(), Env: t.env,
		Logger: slog.New(slog.NewTextHandler(t.err, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Out:    t.out, Width: t.width, Color: t.color,
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return t.printJSON(applied{Revision: number})
	}
	return t.printf("Revision %d is in force; a host runs it from its next start.\n", number)
}

// applied is the answer in JSON.
type applied struct {
	Revision    int64           `json:"revision"`
	Diagnostics json.RawMessage `json:"diagnostics,omitempty"` // of a running host
}

// toHost has a running host take the files.
func (c *applyCommand) toHost(ctx context.Context, t *terminal, h *admin.Host) error {
	source, err := config.ReadDir(c.Config)
	if err != nil {
		return err
	}
	var files []admin.ConfigFile
	for _, f := range source.Files {
		files = append(files, admin.ConfigFile{Name: f.Name, Text: string(f.Text)})
	}
	taken, err := h.ApplyConfig(ctx, files)
	var refused *admin.Error
	if errors.As(err, &refused) && refused.Report != "" {
		return errors.Join(t.printf("%s", lines(refused.Report)), host.ErrConfiguration)
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return t.printJSON(applied{taken.Revision, taken.Diagnostics})
	}
	return t.printf("%sRevision %d is in force, and the host runs it.\n", lines(taken.Report), taken.Revision)
}
