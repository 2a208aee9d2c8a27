//go:build linux

package e2e_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"html"
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
	"github.com/gatehouse-id/gatehouse/test/idp/standalone"
)

// playedIDP is `gatehouse simulate idp`, and what it has printed.
type playedIDP struct {
	cmd     *exec.Cmd
	printed string
}

// playIDP starts one, and waits until it has said everything.
func playIDP(t *testing.T, args ...string) playedIDP {
	t.Helper()
	p := playedIDP{cmd: exec.Command(gatehousetest.Binary(), append([]string{"simulate", "idp"}, args...)...)}
	var failed bytes.Buffer
	p.cmd.Stderr, p.cmd.SysProcAttr = &failed, &syscall.SysProcAttr{Setpgid: true}
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() }) // it may have ended
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		p.printed += lines.Text() + "\n"
		if strings.HasPrefix(lines.Text(), "Ctrl-C") || lines.Text() == "}" {
			return p
		}
	}
	t.Fatalf("it ended: %v: %s", p.cmd.Wait(), &failed)
	return p
}

// step is what stands indented below a step of the instructions.
func (p playedIDP) step(t *testing.T, number string) string {
	t.Helper()
	_, rest, found := strings.Cut(p.printed, "\n"+number+". ")
	_, rest, text := strings.Cut(rest, ":\n\n")
	if !found || !text {
		t.Fatalf("there is no step %s in\n%s", number, p.printed)
	}
	var b strings.Builder
	for line := range strings.Lines(rest) {
		if strings.TrimSpace(line) != "" && !strings.HasPrefix(line, "  ") {
			break
		}
		b.WriteString(line)
	}
	return b.String()
}

// pasted does what it says with the configuration of a host that does not run yet, and
// returns where to sign on.
func (p playedIDP) pasted(t *testing.T, h *gatehousetest.Host) (links []string) {
	t.Helper()
	server, err := os.ReadFile(filepath.Join(h.Config, "server.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	h.Write("server.hcl", strings.Replace(string(server), "server {", "server {\n"+p.step(t, "1"), 1))
	h.Write("idp.hcl", p.step(t, "2"))
	h.Env = append(h.Env, strings.Fields(p.step(t, "3"))[0])
	return strings.Fields(p.step(t, "4"))[:2]
}

// ends stops it as a terminal does.
func (p playedIDP) ends(t *testing.T, by os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(by); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("after %s it ends with %v", by, err)
	}
}

// trusts is somebody whose browser goes on though the certificate is one of this
// machine's.
func trusts(t *testing.T, file string) *person {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		t.Fatalf("%s has no certificate", file)
	}
	return newPerson(t, &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}})
}

var choice = regexp.MustCompile(`<option selected>([^<]*)</option>`)

// signsOnAt goes to an address of /login, chooses who they are by a button, and ends
// where that leads.
func (p *person) signsOnAt(login, who string) (status int, page, at string) {
	p.t.Helper()
	_, page, at = p.goes(login+"&return_to=/api/v1/whoami", nil)
	action, fields := p.form(page)
	from, err := url.Parse(at)
	if err != nil {
		p.t.Fatal(err)
	}
	to, err := from.Parse(action)
	if err != nil {
		p.t.Fatal(err)
	}
	fields.Set("person", who)
	if m := choice.FindStringSubmatch(page); m != nil {
		fields.Set("mischief", html.UnescapeString(m[1]))
	}
	status, page, at = p.goes(to.String(), fields)
	if strings.Contains(page, "SAMLResponse") {
		return p.goes(p.form(page))
	}
	return status, page, at
}

// What the command prints is pasted into the configuration of a host, which then signs
// people on by either protocol, and refuses what the provider does wrong.
func TestSimulatedIDP(t *testing.T) {
	t.Parallel()
	h := before(t, gatehousetest.Options{})
	data, address := filepath.Join(t.TempDir(), "idp"), gatehousetest.FreeAddress(t)
	flags := []string{"--host", h.URL, "--listen", address, "--data", data}
	idp := playIDP(t, flags...)
	links := idp.pasted(t, h)
	h.Start()
	ca := filepath.Join(data, "tls.crt")

	byOIDC, bySAML := trusts(t, ca), trusts(t, ca)
	status, first, at := byOIDC.signsOnAt(links[0], "person-1")
	if status != http.StatusOK || !strings.Contains(first, `"organization":"acme-dev"`) || !strings.HasPrefix(at, h.URL) {
		t.Fatalf("by OpenID Connect: status %d at %s: %s", status, at, first)
	}
	if status, page, at := bySAML.signsOnAt(links[1], "ada@demo.example"); status != http.StatusOK || subject(t, page) != subject(t, first) {
		t.Fatalf("the same by SAML: status %d at %s: %s", status, at, page)
	}
	idp.ends(t, syscall.SIGINT)

	// It keeps its keys: the host goes on trusting it.
	idp = playIDP(t, append(flags, "--json", "--fault", "oidc:wrong-nonce", "--fault", "saml:another-audience")...)
	var told standalone.Told
	if err := json.Unmarshal([]byte(idp.printed), &told); err != nil || told.CAFile != ca || told.SignOn.OIDC != links[0] || len(told.People) != 4 {
		t.Errorf("as JSON: %v, %+v", err, told)
	}
	if status, page, _ := trusts(t, ca).signsOnAt(told.SignOn.OIDC, "person-1"); status != http.StatusForbidden || !strings.Contains(page, "Reason: nonce") {
		t.Errorf("a wrong nonce: status %d: %s", status, page)
	}
	if status, page, _ := trusts(t, ca).signsOnAt(told.SignOn.SAML, "ada@demo.example"); status != http.StatusForbidden || !strings.Contains(page, "Reason: audience") {
		t.Errorf("another audience: status %d: %s", status, page)
	}
	idp.ends(t, syscall.SIGTERM)
	idp = playIDP(t, flags...)
	if status, page, _ := trusts(t, ca).signsOnAt(links[1], "grace@demo.example"); status != http.StatusOK {
		t.Errorf("without the fault: status %d: %s", status, page)
	}

	// A page of the web whose name leads to this machine gets nothing.
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, told.URL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "evil.example"
	resp, err := trusts(t, ca).client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("by another name it answers %d", resp.StatusCode)
	}
	idp.ends(t, syscall.SIGTERM)
}

// A host in development takes it by http, and people of one's own.
func TestSimulatedIDPByHTTP(t *testing.T) {
	t.Parallel()
	h := before(t, gatehousetest.Options{Dev: true})
	h.Env = []string{"GATEHOUSE_CONFIG=" + h.Config, "GATEHOUSE_DATABASE_URL=" + h.Store}
	h.Write("demo.hcl", "client \"demo\" {\n  organization = \"acme\"\n}\n\nclient \"demo-reader\" {\n  organization = \"acme\"\n}\n")
	dir := t.TempDir()
	people := filepath.Join(dir, "people.hcl")
	if err := os.WriteFile(people, []byte("person \"jane@acme.example\" {\n  groups = [\"Staff\"]\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	idp := playIDP(t, "--plain", "--host", h.URL, "--listen", gatehousetest.FreeAddress(t), "--data", filepath.Join(dir, "idp"), "--people", people, "--organization", "acme")
	links := idp.pasted(t, h)
	h.Start()
	if status, page, at := newPerson(t, &http.Client{}).signsOnAt(links[1], "jane@acme.example"); status != http.StatusOK || !strings.Contains(page, `"organization":"acme"`) {
		t.Errorf("by SAML: status %d at %s: %s", status, at, page)
	}
	if status, page, at := newPerson(t, &http.Client{}).signsOnAt(links[0], "person-cd5decc91f7ef6fe"); status != http.StatusOK || !strings.Contains(page, `"organization":"acme"`) {
		t.Errorf("by OpenID Connect: status %d at %s: %s", status, at, page)
	}
	idp.ends(t, syscall.SIGTERM)
}

// subject is who the application has seen.
func subject(t *testing.T, page string) string {
	t.Helper()
	var who struct{ Subject string }
	if err := json.Unmarshal([]byte(page), &who); err != nil || who.Subject == "" {
		t.Fatalf("nobody is on the page: %v: %s", err, page)
	}
	return who.Subject
}
