package config_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/config"
)

func TestWhatNeedsARestart(t *testing.T) {
	t.Parallel()
	load := func(t *testing.T, server, rest string) (*config.Config, *config.Report) {
		t.Helper()
		text := "server {\n  public_url = \"https://a.example\"\n" + server + "}\n" + rest
		if !strings.Contains(rest, "store") {
			text += "store {\n  url = \"sqlite:///a\"\n}\n"
		}
		c, r := config.Load(config.Source{Files: []config.File{{Name: "a.hcl", Text: []byte(text)}}}, config.Options{Dir: "/"})
		if r.HasErrors() {
			t.Fatal(r.Summary())
		}
		return c, r
	}
	started, _ := load(t, "", "")
	for name, tt := range map[string]struct{ server, rest, want string }{
		"nothing":             {"", "", ""},
		"what can change":     {"  short_routes = false\n  access_log = \"all\"\n  trusted_proxies = [\"10.0.0.0/8\"]\n  limits {\n    body = \"1MiB\"\n    drain_timeout = \"1s\"\n  }\n  fetch {\n    allow = [\"10.0.0.0/8\"]\n  }\n", "", ""},
		"listen":              {"  listen = \"127.0.0.1:9\"\n", "", "server.listen"},
		"admin_listen":        {"  admin_listen = \"127.0.0.1:9\"\n", "", "server.admin_listen"},
		"tls":                 {"  tls {\n    cert_file = \"a\"\n    key_file = \"b\"\n  }\n", "", "server.tls"},
		"header":              {"  limits {\n    header = \"1KiB\"\n  }\n", "", "server.limits.header"},
		"read_header_timeout": {"  limits {\n    read_header_timeout = \"1s\"\n  }\n", "", "server.limits.read_header_timeout"},
		"idle_timeout":        {"  limits {\n    idle_timeout = \"1s\"\n  }\n", "", "server.limits.idle_timeout"},
		"tracing":             {"  tracing {\n    endpoint = \"http://127.0.0.1:1\"\n  }\n", "", "server.tracing"},
		"store":               {"", "store {\n  url = \"sqlite:///b\"\n}\n", "store.url"},
		"root_key_file":       {"", "keyring {\n  root_key_file = \"k\"\n}\n", "keyring.root_key_file"},
		"rotate_after":        {"", "keyring {\n  rotate_after = \"100h\"\n}\n", "keyring.rotate_after"},
		"overlap":             {"", "keyring {\n  overlap = \"1h\"\n}\n", "keyring.overlap"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, r := load(t, tt.server, tt.rest)
			c.WarnOfRestart(started, r)
			var out bytes.Buffer
			if err := r.WriteText(&out, 0, false); err != nil {
				t.Fatal(err)
			}
			if tt.want == "" && out.Len() > 0 || r.HasErrors() || !strings.Contains(out.String(), tt.want) || tt.want != "" && r.Len() != 1 {
				t.Errorf("want a warning of %q alone, got %s", tt.want, &out)
			}
		})
	}
}
