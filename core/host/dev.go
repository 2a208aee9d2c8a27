package host

import (
	"context"
	_ "embed"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gatehouse-id/gatehouse/core/config"
	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/provisioning"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

//go:embed dev.hcl
var devConfig []byte

// source reads the configuration's text.
func (o Options) source() (config.Source, error) {
	if o.ConfigPath == "" && o.Dev {
		return config.Source{Files: []config.File{{Name: "dev.hcl", Text: devConfig}}}, nil
	}
	return config.ReadDir(o.ConfigPath)
}

// The demonstration's clients, as dev.hcl declares them, and its upstream.
const (
	demoClient   = "demo"
	demoReader   = "demo-reader"
	demoUpstream = "app"

	demoOrganization = "demo"
	demoConnection   = "demo"
)

// demo is the demonstration application, on a port of its own. Its handler
// comes once the address of the host is known, which it checks assertions
// against.
type demo struct {
	url     string
	handler atomic.Pointer[http.Handler]
}

// ServeHTTP answers 503 until the host is ready.
func (d *demo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h := d.handler.Load(); h != nil {
		(*h).ServeHTTP(w, r)
		return
	}
	problem.Write(w, problem.New(problem.Unavailable, "the demonstration application is starting").WithRetryAfter(time.Second), "")
}

// startDemo opens the port of the demonstration application, so that the
// configuration can name it.
func (o *Options) startDemo(ctx context.Context, end *closers) (*demo, error) {
	if !o.Dev || o.Demo == nil {
		return nil, nil //nolint:nilnil // only development has one
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting the demonstration application: %w", err)
	}
	d := &demo{url: "http://" + l.Addr().String()}
	server := &http.Server{Handler: d, ReadHeaderTimeout: 10 * time.Second}
	end.add(server.Close)
	go func() { _ = server.Serve(l) }()
	env, public := o.Env, localURL(o.devListen())
	o.Env = func(name string) (string, bool) {
		value, ok := env(name)
		switch {
		case ok:
			return value, true
		case name == "GATEHOUSE_DEMO_URL":
			return d.url, true
		case name == "GATEHOUSE_PUBLIC_URL":
			return public, true
		}
		return "", false
	}
	return d, nil
}

// devListen is where dev.hcl listens.
func (o *Options) devListen() string {
	if o.Listen != "" {
		return o.Listen
	}
	if listen, ok := o.Env("GATEHOUSE_LISTEN"); ok {
		return listen
	}
	return "127.0.0.1:8080"
}

// localURL is where this machine reaches what listens on an address: one without
// a host is all of them, and none that a browser could ask for.
func localURL(address string) string {
	host, port, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		address = net.JoinHostPort("127.0.0.1", port)
	}
	return "http://" + address
}

// openDemo gives the demonstration its handler.
func (h *house) openDemo() error {
	handler, err := h.Demo(h.publicURL(), demoUpstream)
	if err == nil {
		h.demo.handler.Store(&handler)
	}
	return err
}

// present gives the demonstration its credentials, writes dev.env, and prints what
// to try.
func (h *house) present(ctx context.Context) error {
	old := readEnv(h.envFile())
	demo, err := h.demoSecret(ctx, demoClient, old["GATEHOUSE_CLIENT_SECRET"])
	if err != nil {
		return err
	}
	reader, err := h.demoSecret(ctx, demoReader, old["GATEHOUSE_READER_SECRET"])
	if err != nil {
		return err
	}
	token, err := h.demoAdminToken(ctx, old["GATEHOUSE_ADMIN_TOKEN"])
	if err != nil {
		return err
	}
	scim, err := h.demoProvisioningToken(ctx, old["GATEHOUSE_SCIM_TOKEN"])
	if err != nil {
		return err
	}
	data, err := filepath.Abs(h.Data) // commands find the host from wherever they are run
	if err != nil {
		return err
	}
	pairs := [][2]string{{"GATEHOUSE_URL", h.publicURL()}, {"GATEHOUSE_DATA", data}}
	if demo != "" {
		pairs = append(pairs, [2]string{"GATEHOUSE_CLIENT_ID", demoClient}, [2]string{"GATEHOUSE_CLIENT_SECRET", demo.Reveal()})
	}
	if reader != "" {
		pairs = append(pairs, [2]string{"GATEHOUSE_READER_ID", demoReader}, [2]string{"GATEHOUSE_READER_SECRET", reader.Reveal()})
	}
	pairs = append(pairs, [2]string{"GATEHOUSE_ADMIN_TOKEN", token.Reveal()})
	if scim != "" {
		pairs = append(pairs, [2]string{"GATEHOUSE_SCIM_URL", h.publicURL() + "/scim/v2"}, [2]string{"GATEHOUSE_SCIM_TOKEN", scim.Reveal()})
	}
	if err := h.writeEnv(pairs); err != nil {
		return err
	}
	text := welcome
	if demo == "" || reader == "" {
		text = welcomeOwn
	}
	_, err = fmt.Fprintf(h.Out, text, h.publicURL(), h.envFile())
	return err
}

const welcome = `
Gatehouse is ready at %[1]s, with a demonstration application behind it.
Open it in a browser to sign on. The identity provider that comes with it is
at %[1]s/idp/: it knows four people, and can misbehave.

The credentials below are in %[2]s; in another terminal:

  set -a; . %[2]s; set +a

  # a program calls the application with its key: 200, and who called
  curl -s $GATEHOUSE_URL/api/v1/query/execute \
    -H "X-Client-Id: $GATEHOUSE_CLIENT_ID" -H "X-Client-Secret: $GATEHOUSE_CLIENT_SECRET" \
    -H 'Content-Type: application/json' -d '{"query": "hello", "provider": "demo", "model": "small"}'

  # without a credential: 401, and what to do
  curl -s $GATEHOUSE_URL/api/v1/query/execute -d '{}'

  # with a key that lacks the permission: 403, which names it
  curl -s $GATEHOUSE_URL/api/v1/admin/policies -u "$GATEHOUSE_READER_ID:$GATEHOUSE_READER_SECRET"

  # an identity provider pushes its people: a simulated one, of twenty in four groups
  bin/gatehouse simulate scim entra

  # keys are made, rotated and revoked while it runs
  bin/gatehouse keys show demo

Ctrl-C ends it.
`

// welcomeOwn is said where the configuration is a developer's own, without the
// clients of the demonstration.
const welcomeOwn = `
Gatehouse is ready at %[1]s.
The address and an admin token are in %[2]s.

Ctrl-C ends it.
`

// demoSecret keeps the secret of an earlier run if it is still good, so that
// what was set up with it goes on working. A configuration of the developer's own
// may have no client of that name.
func (h *house) demoSecret(ctx context.Context, client, old string) (secret.Text, error) {
	keys, err := h.records.Keys(ctx, client)
	if err != nil {
		return "", err
	}
	_, id, parseErr := secret.Parse(secret.Text(old))
	by := credential.By{Actor: "dev"}
	for _, k := range keys {
		if k.State != credential.Live {
			continue
		}
		if parseErr == nil && k.ID == id && k.ExpiresAt.After(h.clock()) {
			return secret.Text(old), nil
		}
		if _, err := h.records.Revoke(ctx, by, k.ID, "its secret is in no dev.env any more"); err != nil {
			return "", err
		}
	}
	_, text, err := h.records.Issue(ctx, by, client, 0)
	if problem.Is(err, problem.NotFound) {
		return "", nil
	}
	return text, err
}

func (h *house) demoAdminToken(ctx context.Context, old string) (secret.Text, error) {
	if _, err := h.tokens.Verify(ctx, secret.Text(old)); err == nil {
		return secret.Text(old), nil
	}
	_, text, err := h.tokens.Create(ctx, credential.By{Actor: "dev"}, "dev", "", nil, 0)
	return text, err
}

// demoProvisioningToken is the same for the connection of the demonstration; a
// configuration of the developer's own may have none of that name.
func (h *house) demoProvisioningToken(ctx context.Context, old string) (secret.Text, error) {
	if _, ok := (connections{h}).Connection(demoConnection); !ok {
		return "", nil
	}
	if _, err := h.provisioningTokens.Verify(ctx, secret.Text(old)); err == nil {
		return secret.Text(old), nil
	}
	by := credential.By{Actor: "dev"}
	live, err := h.provisioningTokens.List(ctx, demoOrganization, demoConnection, "", 1000)
	if err != nil {
		return "", err
	}
	for _, t := range live {
		if t.Name == "dev" && t.RevokedAt.IsZero() { // its secret is in no dev.env any more
			if _, err := h.provisioningTokens.Revoke(ctx, by, t.ID); err != nil {
				return "", err
			}
		}
	}
	_, text, err := h.provisioningTokens.Create(ctx, by, provisioning.NewToken{Connection: demoConnection, Organization: demoOrganization, Name: "dev"})
	return text, err
}

func (h *house) envFile() string { return filepath.Join(h.Data, "dev.env") }

// writeEnv writes a file that a shell can source.
func (h *house) writeEnv(pairs [][2]string) error {
	var b strings.Builder
	for _, p := range pairs {
		value := p[1]
		if strings.ContainsAny(value, " \t'\"$`\\;&|<>()*?[#~") { // a folder's name
			value = "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
		}
		fmt.Fprintf(&b, "%s=%s\n", p[0], value)
	}
	path := h.envFile()
	if err := os.WriteFile(path+".new", []byte(b.String()), 0o600); err != nil {
		return fmt.Errorf("writing the credentials of the demonstration: %w", err)
	}
	return os.Rename(path+".new", path)
}

func readEnv(path string) map[string]string {
	found := map[string]string{}
	text, err := os.ReadFile(path)
	if err != nil {
		return found // the first run
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			found[name] = value
		}
	}
	return found
}
