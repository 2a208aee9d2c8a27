//go:build linux

package faults_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"syscall"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/pluginhost/confine"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// intruder is the hostile plugin in a host that has others.
const intruder = `
authenticator "intruder" {}

plugin "intruder" {
  path          = %q
  sha256        = "%x"
  host_services = ["audit"]
}
`

// hosting makes a host that runs the hostile plugin, built once at a path.
func hosting(path string) func(t *testing.T) *gatehousetest.Host {
	return func(t *testing.T) *gatehousetest.Host {
		t.Helper()
		if missing := confine.Detect().Missing(); missing != "" {
			t.Skip("NOT TESTED: " + missing)
		}
		h := demonstrated(t, gatehousetest.Options{})
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		h.Write("intruder.hcl", fmt.Sprintf(intruder, path, sha256.Sum256(text)))
		return h
	}
}

// order has the hostile plugin do something, by a secret that is its own.
func (s *scene) order(what, arg string) answer {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.h.URL+"/api/v1/whoami", http.NoBody)
	if err != nil {
		s.t.Fatal(err)
	}
	s.made++
	text := fmt.Sprint(s.made, " ", what, " ", arg)
	req.Header.Set("Authorization", "Bearer int_"+base64.RawURLEncoding.EncodeToString([]byte(text)))
	return s.send(req)
}

func nothing(*testing.T, *gatehousetest.Host) func() { return func() {} }

// misbehaving is a plugin that does something when it is asked about a
// credential.
func misbehaving(path, name, what, order, arg, log string, moves ...string) row {
	return row{
		name: name, what: what, host: hosting(path), strike: nothing, log: log, moves: moves,
		probes: func(s *scene) []probe {
			return append([]probe{{"the caller whom it is asked about", func() answer { return s.order(order, arg) }}}, s.usual()...)
		},
	}
}

func pluginRows(path string) []row {
	const dead = `gatehouse_plugin_restarts_total{plugin=`
	return []row{
		{
			name: "Plugin: dead", what: "Its process ends.", host: on(aFile), log: "the plugin's process is over", moves: []string{dead}, after: "",
			strike: func(t *testing.T, h *gatehousetest.Host) func() {
				t.Helper()
				if err := syscall.Kill(h.Plugin("apikey").PID, syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
				return func() {}
			},
		},
		misbehaving(path, "Plugin: slow", "It does not answer.", "hang", "", "did not answer in time", `outcome="deadline_exceeded"`),
		misbehaving(path, "Plugin: out of memory", "It takes more than it may, and dies of it.", "allocate", "", "the plugin's process is over", dead),
		misbehaving(path, "Plugin: gone mad, garbage", "It answers with bytes that are no message.", "garbage", "", "a request failed"),
		misbehaving(path, "Plugin: gone mad, endless answer", "It answers with a gibibyte.", "reply", "", "a request failed"),
		misbehaving(path, "Plugin: gone mad, endless output", "It fills its standard error.", "output", "", "log lines were dropped"),
		misbehaving(path, "Plugin: gone mad, wrong answer", "It answers for an organization that does not exist.", "accept", "evil", "an organization that is not declared", "gatehouse_plugin_undeclared_organizations_total"),
		misbehaving(path, "Plugin: gone mad, what it may not", "It opens a socket, which its confinement refuses.", "udp", "127.0.0.1:53", "tried what it may not", "gatehouse_plugin_refused_calls_total"),
	}
}
