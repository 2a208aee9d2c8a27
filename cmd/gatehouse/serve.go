package main

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/gatehouse-id/gatehouse/core/host"
	"github.com/gatehouse-id/gatehouse/core/tracing"
	"github.com/gatehouse-id/gatehouse/examples/application"
	"github.com/gatehouse-id/gatehouse/sdk/identity"
	"github.com/gatehouse-id/gatehouse/test/idp"
)

// logging says how the host logs, on standard error.
type logging struct {
	LogFormat string `enum:"text,json" default:"text" env:"GATEHOUSE_LOG_FORMAT" help:"Form of the log on standard error: ${enum}."`
	LogLevel  string `enum:"debug,info,warn,error" default:"info" env:"GATEHOUSE_LOG_LEVEL" help:"The least level that is logged: ${enum}."`
}

func (l logging) logger(t *terminal) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.LogLevel)); err != nil {
		return nil, err
	}
	options := &slog.HandlerOptions{Level: level}
	var lines slog.Handler = slog.NewTextHandler(t.err, options)
	if l.LogFormat == "json" {
		lines = slog.NewJSONHandler(t.err, options)
	}
	return slog.New(tracing.Handler(lines)), nil
}

// running is what serve and dev have in common.
type running struct {
	Data   string `default:".gatehouse" placeholder:"DIR" env:"GATEHOUSE_DATA" help:"Folder of the admin socket and of the plugins' sockets; of this host alone."`
	Listen string `placeholder:"ADDRESS" env:"GATEHOUSE_LISTEN" help:"Listen here in place of server.listen."`
	logging
}

func (r running) options(t *terminal) (host.Options, error) {
	logger, err := r.logger(t)
	return host.Options{
		Data: r.Data, Version: version, Bundled: bundledNames(), Env: t.env, Listen: r.Listen,
		Logger: logger, Out: t.out, Width: t.width, Color: t.color, Reload: hangups(),
	}, err
}

type serveCommand struct {
	Config string `default:"configs" placeholder:"PATH" env:"GATEHOUSE_CONFIG" help:"Folder of *.hcl files, or one file."`
	running
}

func (serveCommand) Help() string {
	return `The host runs until SIGINT or SIGTERM, then finishes the requests in flight; a second signal ends it at once. A changed configuration is taken with SIGHUP or gatehouse apply, while requests go on; one that is wrong changes nothing.

    gatehouse validate configs
    gatehouse serve --config configs --data /var/lib/gatehouse`
}

func (c *serveCommand) Run(ctx context.Context, t *terminal) error {
	o, err := c.options(t)
	if err != nil {
		return err
	}
	o.ConfigPath = c.Config
	return host.Run(ctx, o)
}

type devCommand struct {
	Config string `placeholder:"PATH" env:"GATEHOUSE_CONFIG" help:"Folder of *.hcl files, or one file; without it, a built-in configuration."`
	running
}

func (devCommand) Help() string {
	return `Listens on 127.0.0.1:8080 and keeps everything in the data folder. Once ready it prints what to try; its credentials are in dev.env of that folder. Nothing of it is for production: plain http and secrets in configuration files are allowed.

    gatehouse dev
    gatehouse dev --listen 127.0.0.1:9090 --data .gatehouse-two`
}

func (c *devCommand) Run(ctx context.Context, t *terminal) error {
	o, err := c.options(t)
	if err != nil {
		return err
	}
	o.ConfigPath, o.Dev, o.Demo = c.Config, true, demonstration
	return host.Run(ctx, o)
}

// demonstration is the application that dev puts behind Gatehouse, and beside it
// the identity provider that its people sign on with.
func demonstration(issuer, audience string) (http.Handler, error) {
	v, err := identity.New(identity.Options{Issuer: issuer, Audience: audience})
	if err != nil {
		return nil, err
	}
	played, err := idp.New(idp.Options{
		URL: issuer + "/idp", People: idp.People(), OIDC: issuer + "/sso/demo-oidc", SAML: issuer + "/sso/demo-saml",
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/idp/", played)
	mux.Handle("/", application.Handler(v))
	return mux, nil
}
