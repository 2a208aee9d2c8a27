//go:build linux

package soak_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// pluginRest is for how long a plugin is left alone after its death: five within
// five minutes have it quarantined.
const pluginRest = 75 * time.Second

// disturb does one thing after another to the host until ctx ends: mostly it
// reloads, and a third of what it reloads is wrong. The first things that it
// does are one of each.
func (s *soak) disturb(ctx context.Context, r *rand.Rand, kills bool) {
	for n := 0; ctx.Err() == nil; n++ {
		switch what := r.IntN(20); {
		case kills && (n == 1 || what == 0 && n > 2):
			s.killHost()
		case n == 2 || what < 3:
			s.killPlugin([]string{"apikey", "signed-token"}[r.IntN(2)])
		case n%3 == 0:
			s.reload(r, true)
		default:
			s.reload(r, false)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(200+r.IntN(1500)) * time.Millisecond):
		}
	}
}

func (s *soak) killHost() {
	s.outage.during(func() {
		s.Signal(syscall.SIGKILL)
		s.Wait()
		s.client.CloseIdleConnections()
		s.Start()
	})
	s.hostKills.Add(1)
}

func (s *soak) killPlugin(name string) {
	if time.Since(s.killed[name]) < pluginRest {
		return
	}
	s.outage.during(func() {
		before := s.Plugin(name)
		if err := syscall.Kill(before.PID, syscall.SIGKILL); err != nil {
			s.t.Fatal(err)
		}
		gatehousetest.Eventually(s.t, "the plugin is back", func() bool {
			p := s.Plugin(name)
			return p.State == "ready" && p.PID != before.PID
		})
	})
	s.killed[name] = time.Now()
	s.pluginKills.Add(1)
}

// reload puts another configuration in place and asks for it, or a wrong one,
// which is taken away again.
func (s *soak) reload(r *rand.Rand, wrong bool) {
	refused, revision := s.metric("gatehouse_config_reload_failures_total"), s.metric("gatehouse_config_revision")
	const extra = "extra.hcl"
	was, _ := os.ReadFile(filepath.Join(s.Config, extra)) // there is none at first
	number := r.Uint32()
	if wrong {
		s.Write(extra, []string{
			"role \"analyst\" {\n",
			fmt.Sprintf("plugin \"other\" {\n  path = %q\n  sha256 = \"%064d\"\n}\n", s.plugin, number),
			"authenticator \"apikey\" \"partner\" {\n  no_such = 1\n}\n",
			fmt.Sprintf("client \"x\" {\n  organization = \"nobody-%d\"\n}\n", number),
		}[r.IntN(4)])
	} else {
		switch r.IntN(3) {
		case 0:
			s.exchange(s.t)
		case 1:
			s.authority.replace(s.t, s.Host)
		}
		text := fmt.Sprintf("# number %d\n", number)
		if r.IntN(2) == 0 {
			text += fmt.Sprintf("authenticator \"apikey\" \"partner\" {\n  prefix = \"gp%d\"\n}\n", number%1000)
		}
		s.Write(extra, text)
	}
	s.Signal(syscall.SIGHUP)
	gatehousetest.Eventually(s.t, "the reload is over", func() bool {
		return s.metric("gatehouse_config_reload_failures_total") > refused || s.metric("gatehouse_config_revision") > revision
	})
	if failed := s.metric("gatehouse_config_reload_failures_total") > refused; failed != wrong {
		s.violated("what is right comes into force, and what is wrong does not", "wrong: %v, refused: %v", wrong, failed)
	}
	if wrong {
		s.Write(extra, string(was))
		s.bad.Add(1)
		return
	}
	s.good.Add(1)
	s.served()
}

// served looks for the certificate that lies on the disk.
func (s *soak) served() {
	conn, err := tls.Dial("tcp", s.Addr, nil)
	if err != nil {
		s.violated("the listener speaks TLS", "%v", err)
		return
	}
	defer func() { _ = conn.Close() }()
	if got := conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64(); got != s.authority.serial {
		s.violated("the certificate on the disk is served", "number %d, want %d", got, s.authority.serial)
	}
}
