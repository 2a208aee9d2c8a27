//go:build linux

package e2e_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// played is what `gatehouse simulate idp --json` says of itself.
type played struct {
	Secret      string `json:"client_secret"`
	Server      string `json:"server"`
	Connections string `json:"connections"`
}

// play runs it until the test ends, when it is to end by itself.
func play(t *testing.T, h *gatehousetest.Host, args ...string) played {
	t.Helper()
	p, err := playing(t, append([]string{"simulate", "idp", "--json", "--host", h.URL}, args...))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func playing(t *testing.T, args []string) (p played, err error) {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), gatehousetest.Binary(), args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return p, err
	}
	if err := cmd.Start(); err != nil {
		return p, err
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("when it is to end: %v", err)
		}
	})
	return p, json.NewDecoder(io.LimitReader(bufio.NewReader(out), 1<<20)).Decode(&p)
}

// What the command prints is what a host needs: people sign on with it by both
// protocols, and what it does wrong is refused for what it is.
func TestSimulateIDP(t *testing.T) {
	t.Parallel()
	ca := filepath.Join(t.TempDir(), "idp.crt")
	reach := fmt.Sprintf("  fetch {\n    allow   = [\"127.0.0.0/8\", \"::1/128\"]\n    ca_file = %q\n  }\n", ca)
	h := before(t, gatehousetest.Options{Server: reach, Env: []string{"PLAYED_CLIENT_SECRET=a-secret-for-development-only"}})
	people := filepath.Join(t.TempDir(), "people.json")
	if err := os.WriteFile(people, []byte(`[{"userName": "jane@acme.example", "givenName": "Jane", "familyName": "Doe", "groups": ["Data"]}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	at := gatehousetest.FreeAddress(t)
	p := play(t, h, "--listen", at, "--ca-file", ca, "--people", people, "--connection", "try")
	if p.Server != reach {
		t.Errorf("the server block is to have %q", p.Server)
	}
	h.Write("played.hcl", strings.ReplaceAll(p.Connections, `create_users = "on_login"`, "create_users = \"on_login\"\n  mapping \"data\" {\n    groups = [\"Data\"]\n    roles  = [\"analyst\"]\n  }"))
	h.Start()
	client := trusting(t, ca)
	for _, protocol := range []string{"oidc", "saml"} {
		t.Run(protocol, func(t *testing.T) {
			status, page := signsOnByClick(t, client, h, "try-"+protocol)
			if status != http.StatusOK || !strings.Contains(page, "analyst") {
				t.Errorf("status %d: %s", status, page)
			}
		})
	}
	misbehave(t, client, "https://"+at, url.Values{"oidc": {"wrong-audience"}, "saml": {"another audience"}})
	for protocol, reason := range map[string]string{"oidc": "audience", "saml": "audience"} {
		t.Run(protocol+" for another", func(t *testing.T) {
			status, page := signsOnByClick(t, client, h, "try-"+protocol)
			if status != http.StatusForbidden || !strings.Contains(page, "Reason: "+reason) {
				t.Errorf("status %d: %s", status, page)
			}
		})
	}
}

// misbehave has it do something wrong, as its page does.
func misbehave(t *testing.T, client *http.Client, at string, form url.Values) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, at+"/misbehave", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusSeeOther {
		t.Fatalf("status %d", resp.StatusCode)
	}
}

// trusting is a client that trusts the certificate in a file.
func trusting(t *testing.T, file string) *http.Client {
	t.Helper()
	text, err := os.ReadFile(file)
	pool := x509.NewCertPool()
	if err != nil || !pool.AppendCertsFromPEM(text) {
		t.Fatal("the certificate cannot be read", err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// selected is what a list of the page has been left at.
var selected = regexp.MustCompile(`<option selected>([^<]*)</option>`)

// signsOnByClick is somebody who follows a link and clicks on the first person.
func signsOnByClick(t *testing.T, client *http.Client, h *gatehousetest.Host, connection string) (status int, page string) {
	t.Helper()
	b := newPerson(t, client)
	_, page, at := b.goes(h.URL+"/login?connection="+connection+"&return_to=/api/v1/whoami", nil)
	to, fields := b.form(page)
	base, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	action, err := base.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	fields.Set("person", "person-1")
	if strings.HasSuffix(connection, "-saml") {
		fields.Set("person", "jane@acme.example")
		if m := selected.FindStringSubmatch(page); m != nil {
			fields.Set("mischief", m[1])
		}
	}
	status, page, _ = b.goes(action.String(), fields)
	if strings.Contains(page, "SAMLResponse") { // a form that a browser posts by itself
		to, fields = b.form(page)
		status, page, _ = b.goes(to, fields)
	}
	return status, page
}
