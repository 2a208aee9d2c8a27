//go:build linux

package faults_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// clockRow sets the clock of the host. The application believes everything: it
// would refuse what a wrong clock has signed.
func clockRow(name, what, series string, by time.Duration) row {
	return row{
		name: name, what: what, log: "the clock of this machine was set", moves: []string{series},
		host: func(t *testing.T) *gatehousetest.Host {
			t.Helper()
			h := before(t, gatehousetest.Options{}, gatehousetest.Upstream(t, func(c net.Conn) {
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			}))
			return h
		},
		strike: func(t *testing.T, h *gatehousetest.Host) func() {
			t.Helper()
			h.JumpClock(by)
			return func() { h.JumpClock(0) }
		},
		probes: func(s *scene) []probe {
			// Made by the host's clock, which is the wrong one, and is right again later.
			return append(s.usual(), probe{"one whose key ends in an hour", func() answer { return s.call(s.brief) }})
		},
	}
}

func clockRows() []row {
	return []row{
		clockRow("Clock: ahead", "The clock of the machine is set two hours ahead.", `direction="ahead"`, 2*time.Hour),
		clockRow("Clock: back", "The clock of the machine is set two hours back.", `direction="back"`, -2*time.Hour),
	}
}

func configurationRows() []row {
	return []row{{
		name: "Configuration: wrong", what: "The files have a mistake when SIGHUP comes.",
		host: on(aFile), log: "a new configuration is refused", moves: []string{"gatehouse_config_reload_failures_total"}, after: "a new configuration is in force",
		strike: func(t *testing.T, h *gatehousetest.Host) func() {
			t.Helper()
			reload := func(text string) {
				h.Write("more.hcl", text)
				before := strings.Count(h.Log.String(), "a new configuration is")
				h.Signal(syscall.SIGHUP)
				gatehousetest.Eventually(t, "the reload is over", func() bool {
					return strings.Count(h.Log.String(), "a new configuration is") > before
				})
			}
			reload("role \"analyst\" {\n")
			return func() { reload("# right again\n") }
		},
	}}
}

// start is a fault that a host meets at its start: it does not come up.
type start struct {
	name, what string
	strike     func(t *testing.T, h *gatehousetest.Host) (heal func())
	log        string
}

func (s start) observe(t *testing.T) []string {
	t.Helper()
	h := demonstrated(t, gatehousetest.Options{})
	h.Start()
	k := analyst(h, "known")
	h.Signal(syscall.SIGTERM)
	h.Wait()
	heal := s.strike(t, h)
	logged := len(h.Log.String())
	h.Launch()
	status := h.Wait()
	caller := "no connection"
	if conn, err := net.Dial("tcp", h.Addr); err == nil {
		caller = "a connection"
		_ = conn.Close()
	}
	var said string
	for text := range strings.Lines(h.Log.String()[logged:]) {
		if strings.Contains(text, s.log) {
			said = strings.TrimSpace(text)
		}
	}
	if said == "" {
		t.Errorf("the host does not say %q:\n%s", s.log, h.Log)
	}
	operator := []string{"standard error: " + tidy(h, said), fmt.Sprintf("exit status %d", status), fmt.Sprintf("`gatehouse status` exits with %d", h.CLI("status").Status)}
	heal()
	h.Start()
	accepted(t, h, k)
	return []string{s.name + ". " + s.what, caller, lines(operator), "no answer to the scrape: `up` is 0", "with the next start"}
}

func startRows() []start {
	return []start{
		{
			"At the start: store locked", "Another process holds the SQLite file.",
			func(t *testing.T, h *gatehousetest.Host) func() { t.Helper(); return lock(t, fileOf(h)) }, "the database is locked",
		},
		{
			"At the start: root key wrong", "`GATEHOUSE_ROOT_KEY` is not the one that the keys were sealed with.",
			func(_ *testing.T, h *gatehousetest.Host) func() {
				h.Env = append(h.Env, "GATEHOUSE_ROOT_KEY="+base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", 32))))
				return func() { h.Env = nil }
			}, "root key",
		},
		{
			"At the start: configuration wrong", "The files have a mistake.",
			func(_ *testing.T, h *gatehousetest.Host) func() {
				h.Write("more.hcl", "role \"analyst\" {\n")
				return func() { h.Write("more.hcl", "# right again\n") }
			}, "the configuration is wrong",
		},
	}
}
