package config

import (
	"fmt"
	"strings"

	"github.com/gatehouse-id/gatehouse/sdk/diag"
)

// WarnOfRestart reports what differs from the configuration that a host started
// with and that it cannot change while it runs. The rest of the configuration
// counts all the same.
func (c *Config) WarnOfRestart(started *Config, r *Report) {
	now, then := c.Server, started.Server
	for _, one := range []struct {
		differs bool
		path    diag.Path
	}{
		{now.Listen != then.Listen, diag.Path{"server", "listen"}},
		{now.AdminListen != then.AdminListen, diag.Path{"server", "admin_listen"}},
		{now.TLS.differs(then.TLS), diag.Path{"server", "tls"}},
		{now.Limits.Header != then.Limits.Header, diag.Path{"server", "limits", "header"}},
		{now.Limits.ReadHeaderTimeout != then.Limits.ReadHeaderTimeout, diag.Path{"server", "limits", "read_header_timeout"}},
		{now.Limits.IdleTimeout != then.Limits.IdleTimeout, diag.Path{"server", "limits", "idle_timeout"}},
		{now.Tracing.differs(then.Tracing), diag.Path{"server", "tracing"}},
		{c.Store.URL.Reveal() != started.Store.URL.Reveal(), diag.Path{"store", "url"}},
		{c.Keyring.RootKeyFile != started.Keyring.RootKeyFile, diag.Path{"keyring", "root_key_file"}},
		{c.Keyring.RotateAfter != started.Keyring.RotateAfter, diag.Path{"keyring", "rotate_after"}},
		{c.Keyring.Overlap != started.Keyring.Overlap, diag.Path{"keyring", "overlap"}},
	} {
		if !one.differs {
			continue
		}
		e := entry{
			severity: diag.Warning, code: CodeRestart, summary: "Needs a restart", path: one.path,
			detail: fmt.Sprintf("The running host goes on with the %s that it started with, until it is started again.", strings.Join(one.path, ".")),
		}
		for n := len(one.path); n > 0 && e.at == nil; n-- { // what was taken away has no place but its block's
			if at, found := c.Locate(one.path[:n]); found {
				e.at = &at
			}
		}
		r.add(e)
	}
}

func (t *TLS) differs(o *TLS) bool {
	if t == nil || o == nil {
		return t != o
	}
	return t.CertFile != o.CertFile || t.KeyFile != o.KeyFile
}

// Summary is the first error in one line, and how many more there are.
func (r *Report) Summary() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	text, errors := "", r.more
	for _, e := range r.sorted() {
		if e.severity != diag.Error {
			continue
		}
		if errors++; text == "" {
			text = clean(e.summary) + ". " + clean(e.detail)
			if e.at != nil {
				text = fmt.Sprintf("%s line %d: %s", clean(e.at.Filename), e.at.Start.Line, text)
			}
		}
	}
	if errors > 1 {
		text += fmt.Sprintf(" (and %d more)", errors-1)
	}
	return text
}
