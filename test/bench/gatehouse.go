//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"text/template"
	"time"
)

// gatehouse is the real host, running with its plugins.
type gatehouse struct {
	*process
	addr          string
	admin         *adminClient
	organizations int
	ready         time.Duration // from its start
	dir           string
	log           *bytes.Buffer
}

// setting is what differs between the hosts that are measured.
type setting struct {
	Mappings      int    // beside the one that gives the role that is needed
	ByID          bool   // another reads the client's id, so that no two clients have one answer
	Organizations int    // 0 is one
	Upstream      string // URL of the application
	Connections   int    // that people come by, and no clients; each is an organization's
	Server, More  string // further lines of the server block, further blocks

	// prepare, unless it is nil, fills the host's folder before its first start.
	prepare func(ctx context.Context, dir string) error
}

// configuration is the host's. Of the mappings most do not apply: a client has
// five scopes, and so as many that do.
var configuration = template.Must(template.New("").Parse(`server {
  public_url      = "http://{{.Addr}}"
  listen          = "{{.Addr}}"
  trusted_proxies = ["127.0.0.1/32"]
  {{.Server}}
}

store {
  url = "sqlite://{{.Dir}}/gatehouse.db"
}

upstream "app" {
  url = "{{.Upstream}}"
}

{{range $i, $_ := .Organizations}}
organization "bench-{{$i}}" {
  name = "Measured {{$i}}"
}
{{end}}
role "reader" {
  permissions = ["query:execute"]
}

route "/api/**" {
  permission = "query:execute"
}

{{if .Connections}}
{{range $i, $_ := .Connections}}
connection "people-{{$i}}" {
  organization = "bench-{{$i}}"
  provider     = "entra"
  limits {
    concurrent = 1000
    rate       = "100000/s"
  }
  provisioner "scim" {}
}
{{end}}
connection "readers" {
  organization = "bench-0"
  provisioner "scim" {}
  mapping "readers" {
    groups = ["Readers"]
    roles  = ["reader"]
  }
}
{{else}}
authenticator "apikey" {}
{{end}}
mapping "everybody" {
  when  = contains(client.scopes, "query:execute")
  roles = ["reader"]
}
{{if .ByID}}
mapping "named" {
  when  = startswith(client.id, "named-")
  roles = ["reader"]
}
{{end}}
{{range $i, $_ := .Numbers}}
role "extra-{{$i}}" {
  permissions = ["extra:{{$i}}"]
}

mapping "extra-{{$i}}" {
  when  = contains(client.scopes, "extra:{{$i}}")
  roles = ["extra-{{$i}}"]
}
{{end}}
{{.More}}
`))

// startGatehouse starts the host, and returns once it is ready.
func startGatehouse(ctx context.Context, binary string, s setting) (g *gatehouse, err error) {
	g = &gatehouse{log: &bytes.Buffer{}, organizations: max(s.Organizations, s.Connections, 1)}
	if g.dir, err = os.MkdirTemp("", "gatehouse-bench"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			g.stop()
			g, err = nil, fmt.Errorf("%w; its log:\n%s", err, g.log)
		}
	}()
	if g.addr, err = freeAddress(ctx); err != nil {
		return g, err
	}
	var text bytes.Buffer
	err = configuration.Execute(&text, map[string]any{
		"Addr": g.addr, "Dir": g.dir, "Upstream": s.Upstream, "ByID": s.ByID, "Numbers": make([]struct{}, s.Mappings),
		"Server": s.Server, "More": s.More,
		"Organizations": make([]struct{}, g.organizations), "Connections": make([]struct{}, s.Connections),
	})
	if err != nil {
		return g, err
	}
	if s.prepare != nil {
		if err := s.prepare(ctx, g.dir); err != nil {
			return g, err
		}
	}
	conf := filepath.Join(g.dir, "conf")
	if err := os.Mkdir(conf, 0o700); err != nil {
		return g, err
	}
	if err := os.WriteFile(filepath.Join(conf, "gatehouse.hcl"), text.Bytes(), 0o600); err != nil {
		return g, err
	}
	root := make([]byte, 32)
	if _, err := rand.Read(root); err != nil {
		return g, err
	}
	env := []string{"BENCH_CLIENT_SECRET=" + clientSecret, "GATEHOUSE_ROOT_KEY=" + base64.StdEncoding.EncodeToString(root), "GATEHOUSE_DATA=" + g.dir}
	if g.process, err = launch(ctx, serverCore, g.log, env, binary, "serve", "--config", conf); err != nil {
		return g, err
	}
	if g.ready, err = g.waitFor(ctx, g.addr, "/readyz", 30*time.Second); err != nil {
		return g, err
	}
	g.admin, err = dialAdmin(g.dir)
	return g, err
}

// stop ends the host and removes what it kept.
func (g *gatehouse) stop() {
	if g.process != nil {
		g.process.stop()
	}
	_ = os.RemoveAll(g.dir)
}

// newClients makes clients with a key each, in all organizations.
func (g *gatehouse) newClients(ctx context.Context, name string, n int) ([]key, error) {
	return many(n, func(i int) (key, error) {
		return g.admin.newClient(ctx, fmt.Sprintf("%s-%d", name, i), fmt.Sprintf("bench-%d", i%g.organizations), scopes(i))
	})
}

// newKeys makes a further key for each of those clients.
func (g *gatehouse) newKeys(ctx context.Context, old []key) ([]key, error) {
	return many(len(old), func(i int) (key, error) { return g.admin.newKey(ctx, old[i].client) })
}

// reload lets the host take its configuration anew, as another revision, and
// waits until it is in force.
func (g *gatehouse) reload(ctx context.Context) error {
	before, err := g.admin.revision(ctx)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(filepath.Join(g.dir, "conf", "gatehouse.hcl"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString("\n# read again\n")
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err := g.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		return err
	}
	for now := before; now == before; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
		if now, err = g.admin.revision(ctx); err != nil {
			return err
		}
	}
	return nil
}
