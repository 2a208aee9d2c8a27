//go:build linux

package e2e_test

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/plugins/saml/samltest"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
	"github.com/gatehouse-id/gatehouse/test/idp/samlidp"
)

// person is somebody with a browser. It keeps cookies as browsers keep those of
// https, which the tests do not have.
type person struct {
	t       *testing.T
	cookies map[string]map[string]string // by host, by name
	client  *http.Client
}

func newPerson(t *testing.T, client *http.Client) *person {
	t.Helper()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &person{t: t, cookies: map[string]map[string]string{}, client: client}
}

// goes sends the browser somewhere: with a form it posts that. It stays where no
// redirect leads on.
func (p *person) goes(to string, form url.Values) (status int, page, at string) {
	p.t.Helper()
	for range 10 {
		method, body := http.MethodGet, ""
		if form != nil {
			method, body = http.MethodPost, form.Encode()
		}
		r, err := http.NewRequestWithContext(p.t.Context(), method, to, strings.NewReader(body))
		if err != nil {
			p.t.Fatal(err)
		}
		r.Header.Set("Accept", "text/html")
		r.Header.Set("Sec-Fetch-Mode", "navigate")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		if form != nil {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		for name, value := range p.cookies[r.URL.Host] {
			r.AddCookie(&http.Cookie{Name: name, Value: value})
		}
		resp, err := p.client.Do(r)
		if err != nil {
			p.t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			p.t.Fatal(err)
		}
		for _, c := range resp.Cookies() {
			if p.cookies[r.URL.Host] == nil {
				p.cookies[r.URL.Host] = map[string]string{}
			}
			if p.cookies[r.URL.Host][c.Name] = c.Value; c.MaxAge < 0 {
				delete(p.cookies[r.URL.Host], c.Name)
			}
		}
		next, err := resp.Location()
		if m := refresh.FindStringSubmatch(string(text)); m != nil { // how a form's answer leads on
			next, err = url.Parse(html.UnescapeString(m[1]))
		}
		if err != nil {
			return resp.StatusCode, string(text), to
		}
		to, form = next.String(), nil
	}
	p.t.Fatal("it goes on for ever")
	return 0, "", ""
}

var (
	refresh     = regexp.MustCompile(`<meta http-equiv="refresh" content="0; url=([^"]*)">`)
	formAction  = regexp.MustCompile(`<form method="post" action="([^"]*)"`)
	hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
)

// form is the one on a page.
func (p *person) form(page string) (to string, fields url.Values) {
	p.t.Helper()
	m := formAction.FindStringSubmatch(page)
	if m == nil {
		p.t.Fatalf("there is no form on %s", page)
	}
	fields = url.Values{}
	for _, f := range hiddenField.FindAllStringSubmatch(page, -1) {
		fields.Set(html.UnescapeString(f[1]), html.UnescapeString(f[2]))
	}
	return html.UnescapeString(m[1]), fields
}

// signsOn chooses who they are at the IdP, and returns what they bring back.
func (p *person) signsOn(h *gatehousetest.Host, who, mischief string) (acs string, answer url.Values) {
	p.t.Helper()
	_, page, _ := p.goes(h.URL+"/login?connection=acme-saml&return_to=/api/v1/whoami", nil)
	to, fields := p.form(page)
	fields.Set("person", who)
	fields.Set("mischief", mischief)
	_, page, _ = p.goes(to, fields)
	return p.form(page)
}

// newSAML makes a host whose people sign on at an IdP behind TLS that signs what shape
// says. more is of the connection's block.
func newSAML(t *testing.T, o gatehousetest.Options, shape samltest.Shape, more string) (*gatehousetest.Host, *samlidp.Provider, *httptest.Server) {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	idp, err := samlidp.New(samlidp.Options{URL: "https://" + server.Listener.Addr().String(), Shape: shape, People: []samlidp.Person{
		{NameID: "ada@acme.example", Email: "ada@acme.example", GivenName: "Ada", Groups: []string{"Data"}, MultiFactor: true},
		{NameID: "bob@acme.example", Email: "bob@acme.example", GivenName: "Bob"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = idp
	server.StartTLS()
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	o.Server += fmt.Sprintf("\nfetch {\n allow = [\"127.0.0.1/32\"]\n ca_file = %q\n }", ca)
	h := before(t, o)
	h.Write("acme.hcl", fmt.Sprintf(`
connection "acme-saml" {
  organization = "acme"
  create_users = "on_login"
  %s

  authenticator "saml" {
    metadata_url = %q
  }

  mapping "analysts" {
    groups = ["Data"]
    roles  = ["analyst"]
  }
}
`, more, idp.EntityID()))
	base := h.URL + "/sso/acme-saml/"
	idp.Add(samlidp.Service{EntityID: base + "metadata", ACS: base + "acs", Logout: base + "slo"})
	return h, idp, server
}

// Somebody signs on with SAML and everything real: the binary, the plugin in its
// process, the IdP behind TLS. A message that was used is not used again, and a
// sign-out ends both sessions.
func TestSAML(t *testing.T) {
	t.Parallel()
	h, _, server := newSAML(t, gatehousetest.Options{}, samltest.SignAssertion, "require_mfa = true")
	h.Start()
	base := h.URL + "/sso/acme-saml/"

	ada := newPerson(t, server.Client())
	acs, answer := ada.signsOn(h, "ada@acme.example", "")
	status, page, at := ada.goes(acs, answer)
	var who struct {
		Kind, Organization string
		Roles              []string
	}
	if err := json.Unmarshal([]byte(page), &who); status != http.StatusOK || err != nil || who.Kind != "user" || who.Organization != "acme" || !slices.Equal(who.Roles, []string{"analyst"}) {
		t.Fatalf("at %s: %d %s", at, status, page)
	}

	thief := newPerson(t, server.Client())
	if status, page, _ := thief.goes(acs, answer); strings.Contains(page, `"kind"`) {
		t.Errorf("somebody else signs on with the answer: %d %s", status, page)
	}
	// More groups than a sign-on may give are refused by the host.
	honest := []string{"a minute ahead", "a second factor", "an old sign-on", "no groups", "the same ID"}
	other := newPerson(t, server.Client())
	for _, mischief := range samlidp.Mischief() {
		other.cookies = map[string]map[string]string{}
		acs, answer := other.signsOn(h, "ada@acme.example", mischief)
		status, page, _ := other.goes(acs, answer)
		if in := strings.Contains(page, `"kind"`); in != slices.Contains(honest, mischief) {
			t.Errorf("with %q she is signed on: %v: %d %s", mischief, in, status, page)
		}
	}
	other.cookies = map[string]map[string]string{}
	acs, answer = other.signsOn(h, "bob@acme.example", "")
	if status, page, _ := other.goes(acs, answer); strings.Contains(page, `"kind"`) {
		t.Errorf("Bob is signed on with one factor: %d %s", status, page)
	}

	if status, page, at := ada.goes(h.URL+"/logout", url.Values{}); status >= http.StatusBadRequest || !strings.HasPrefix(at, h.URL) {
		t.Errorf("the sign-out ends at %s: %d %s", at, status, page)
	}
	if status, page, _ := ada.goes(h.URL+"/login?connection=acme-saml", nil); !strings.Contains(page, "Who are you?") {
		t.Errorf("the session at the IdP goes on: %d %s", status, page)
	}

	acs, answer = ada.signsOn(h, "ada@acme.example", "")
	if status, page, _ := ada.goes(acs, answer); status != http.StatusOK || !strings.Contains(page, `"user"`) {
		t.Fatalf("again: %d %s", status, page)
	}
	if status, page, at := ada.goes(server.URL+"/logout?service="+url.QueryEscape(base+"metadata"), nil); !strings.Contains(page, "signed out") {
		t.Errorf("a sign-out at the IdP ends at %s: %d %s", at, status, page)
	}
	if _, page, _ := ada.goes(h.URL+"/api/v1/whoami", nil); strings.Contains(page, `"user"`) {
		t.Errorf("her session goes on: %s", page)
	}
}

// certificates are those of the host's metadata for a use, in its order.
func certificates(t *testing.T, h *gatehousetest.Host, use string) (list []*x509.Certificate) {
	t.Helper()
	resp, err := http.Get(h.URL + "/sso/acme-saml/metadata")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?s)use="`+use+`".*?<(?:[a-z]+:)?X509Certificate[^>]*>([^<]+)<`).FindAllSubmatch(text, -1) {
		der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(string(m[1])), ""))
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, c)
	}
	return list
}

// The host's key pairs are replaced while people sign on at an IdP that checks our
// signatures and encrypts to us. It is given the new certificates between the steps,
// and goes on encrypting to the old one for a while.
func TestSAMLKeyPairsTakeOver(t *testing.T) {
	t.Parallel()
	h, idp, server := newSAML(t, gatehousetest.Options{}, samltest.SignBoth, "")
	h.Start()
	base := h.URL + "/sso/acme-saml/"
	trusts := func(sign, encrypt *x509.Certificate) {
		idp.Add(samlidp.Service{
			EntityID: base + "metadata", ACS: base + "acs", Logout: base + "slo",
			Certificates: []*x509.Certificate{sign}, EncryptTo: encrypt.PublicKey.(*rsa.PublicKey),
		})
	}
	signsOn := func() bool {
		t.Helper()
		p := newPerson(t, server.Client())
		_, page, _ := p.goes(h.URL+"/login?connection=acme-saml&return_to=/api/v1/whoami", nil)
		if !strings.Contains(page, "Who are you?") {
			return false
		}
		to, fields := p.form(page)
		fields.Set("person", "ada@acme.example")
		_, page, _ = p.goes(to, fields)
		_, page, _ = p.goes(p.form(page))
		return strings.Contains(page, `"user"`)
	}
	rotate := func(flags ...string) gatehousetest.Result {
		return h.CLI(append([]string{"keyring", "rotate", "--purpose", "pair", "--instance", "acme-saml/saml"}, flags...)...)
	}
	sign, encrypt := certificates(t, h, "signing"), certificates(t, h, "encryption")
	if len(sign) != 1 || len(encrypt) != 1 {
		t.Fatalf("%d and %d certificates", len(sign), len(encrypt))
	}
	trusts(sign[0], encrypt[0])
	if !signsOn() {
		t.Fatal("nobody signs on before")
	}
	if r := rotate(); r.Status != 0 {
		t.Fatal(r.Err)
	}
	if r := rotate(); r.Status == 0 || !strings.Contains(r.Err, "published already") {
		t.Errorf("a second time: %s%s", r.Out, r.Err)
	}
	sign, encrypt = certificates(t, h, "signing"), certificates(t, h, "encryption")
	if len(sign) != 2 || len(encrypt) != 2 {
		t.Fatalf("%d and %d certificates are published", len(sign), len(encrypt))
	}
	if trusts(sign[0], encrypt[1]); !signsOn() {
		t.Error("nobody signs on while the IdP encrypts to the next one, and trusts the present one")
	}
	if trusts(sign[1], encrypt[1]); signsOn() {
		t.Error("the next one signs before it takes over")
	}
	if r := rotate("--now"); r.Status != 0 {
		t.Fatal(r.Err)
	}
	if !signsOn() {
		t.Error("nobody signs on after it")
	}
	if trusts(sign[1], encrypt[0]); !signsOn() {
		t.Error("what is encrypted to the old one is not read")
	}
	h.Restart()
	if !signsOn() {
		t.Error("after a restart nobody signs on")
	}
	if r := h.CLI("keyring", "list"); r.Status != 0 || strings.Count(r.Out, "_pair acme-saml/saml") != 4 || strings.Count(r.Out, "retired") != 2 {
		t.Errorf("keyring list: %s%s", r.Out, r.Err)
	}
	if r := h.CLI("keyring", "rotate", "--purpose", "pair", "--instance", "acme-saml/other"); r.Status == 0 || !strings.Contains(r.Err, "has no key pairs") {
		t.Errorf("of an instance that is not there: %s%s", r.Out, r.Err)
	}
}
