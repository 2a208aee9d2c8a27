package main

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	"github.com/gatehouse-id/gatehouse/core/host"
	"github.com/gatehouse-id/gatehouse/sdk/admin"
)

type keyringListCommand struct {
	output
	connection
}

func (c *keyringListCommand) Run(ctx context.Context, t *terminal) error {
	h, err := c.dial(ctx, t)
	if err != nil {
		return err
	}
	list, err := h.KeyringKeys(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return t.printJSON(admin.KeyringKeys{Keys: list})
	}
	return t.keyring(list)
}

func (t *terminal) keyring(list []admin.KeyringKey) error {
	now := time.Now()
	var rows [][]string
	for _, k := range list {
		of := k.Purpose
		if k.Instance != "" {
			of += " " + k.Instance
		}
		rows = append(rows, []string{k.ID, of, k.State, relative(k.ActivatesAt, now, ""), relative(k.RetiresAt, now, ""), strconv.Itoa(k.NamedBy)})
	}
	return t.table([]column{{title: "KEY"}, {title: "FOR"}, {title: "STATE"}, {title: "USED FROM"}, {title: "ENDS"}, {title: "NEEDED BY"}}, rows)
}

type keyringRotateCommand struct {
	Purpose  string `enum:"all,assertion,admin_token,provisioning_token,decision,plugin_state,sign_on,instance,pair" default:"all" help:"Which keys: ${enum}."`
	Instance string `placeholder:"NAME" help:"With --purpose instance or pair: of which authenticator."`
	Now      bool   `help:"Let the new signing key sign at once. Applications that keep the old JWKS and do not fetch it again for an unknown kid refuse requests for up to five minutes. With --purpose pair: let the pairs that are published take over."`

	Root           bool   `group:"The root key, while no host runs:" help:"Seal all keys with a new root key."`
	NewRootKeyFile string `group:"The root key, while no host runs:" placeholder:"FILE" help:"The file with the new root key."`
	Config         string `group:"The root key, while no host runs:" default:"configs" placeholder:"PATH" env:"GATEHOUSE_CONFIG" help:"The host's configuration, with the root key in use."`
	output
	connection
}

func (keyringRotateCommand) Help() string {
	return `A new signing key is published before it signs. Every other key is used at once; the one before is accepted while a record needs it, and records are hashed anew with their next use.

The key pairs with which an authenticator of people signs its requests, and reads what is encrypted to it, are its own. The next ones are published beside the present ones until the identity provider has their certificates, from the metadata or by hand; --now lets them take over, and those of before still decrypt for 30 days.

    gatehouse keyring rotate --purpose assertion
    gatehouse keyring rotate --purpose instance --instance apikey
    gatehouse keyring rotate --purpose pair --instance acme-okta/saml
    gatehouse keyring rotate --purpose pair --instance acme-okta/saml --now
    gatehouse keyring rotate --root --new-root-key-file new.key --config configs`
}

func (c *keyringRotateCommand) Run(ctx context.Context, t *terminal) error {
	if c.Root != (c.NewRootKeyFile != "") {
		return usagef("--root and --new-root-key-file come together")
	}
	if c.Root {
		return c.root(ctx, t)
	}
	h, err := c.dial(ctx, t)
	if err != nil {
		return err
	}
	made, err := h.RotateKeyring(ctx, admin.KeyringRotation{Purpose: c.Purpose, Instance: c.Instance, Now: c.Now})
	if err != nil {
		return err
	}
	if c.JSON {
		return t.printJSON(admin.KeyringKeys{Keys: made})
	}
	return t.keyring(made)
}

// root changes the root key of a database that no host uses.
func (c *keyringRotateCommand) root(ctx context.Context, t *terminal) error {
	data := c.Data
	if data == "" {
		data = defaultData
		if value, ok := t.env(envData); ok {
			data = value
		}
	}
	err := host.RotateRoot(ctx, host.Options{
		ConfigPath: c.Config, Data: data, Version: version, Bundled: bundledNames(), Env: t.env,
		Logger: slog.New(slog.NewTextHandler(t.err, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Out:    t.out, Width: t.width, Color: t.color,
	}, c.NewRootKeyFile)
	if err != nil {
		return err
	}
	if c.JSON {
		return t.printJSON(struct {
			Resealed bool `json:"resealed"`
		}{true})
	}
	return t.printf("All keys are sealed with the new root key. Give it to the host in place of the old one, and keep a copy; backups of before need the old one.\n")
}
