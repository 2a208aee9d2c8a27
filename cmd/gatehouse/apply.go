package main

import (
	"context"
	"log/slog"

	"github.com/gatehouse-id/gatehouse/core/host"
)

type applyCommand struct {
	Config string `default:"configs" placeholder:"PATH" env:"GATEHOUSE_CONFIG" help:"Folder of *.hcl files, or one file."`
	Data   string `default:".gatehouse" placeholder:"DIR" env:"GATEHOUSE_DATA" help:"The host's data folder."`
	JSON   bool   `name:"json" help:"Print the revision as JSON."`
}

func (applyCommand) Help() string {
	return `Validates the files and makes them the configuration in force: a numbered revision in the store. On PostgreSQL a host runs the latest revision, whatever its files say, so this is how a changed configuration is taken; on SQLite a start takes changed files by itself. It needs the store, which a running host holds: stop that first.

    gatehouse apply --config configs --data /var/lib/gatehouse`
}

func (c *applyCommand) Run(ctx context.Context, t *terminal) error {
	number, err := host.Apply(ctx, host.Options{
		ConfigPath: c.Config, Data: c.Data, Version: version, Bundled: bundledNames(), Env: t.env,
		Logger: slog.New(slog.NewTextHandler(t.err, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Out:    t.out, Width: t.width, Color: t.color,
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return t.printJSON(struct {
			Revision int64 `json:"revision"`
		}{number})
	}
	return t.printf("Revision %d is in force; a host runs it from its next start.\n", number)
}
