//go:build linux

package browser_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/gatehouse-id/gatehouse/plugins/saml/samltest"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// php is where Debian puts SimpleSAMLphp.
const php = "/usr/share/simplesamlphp/www"

// simpleSAML makes a host that has SimpleSAMLphp for its identity provider, with
// further settings of the authenticator and of the connection, started with an
// environment, behind a server that speaks TLS for it. It checks the
// signatures of our requests.
func simpleSAML(t *testing.T, settings, more string, env ...string) peer {
	t.Helper()
	p := newPeer(t, `authenticator "saml" {
    metadata_url = "ISSUER/saml2/idp/metadata.php"
    `+settings+`
  }`, more)
	if _, err := os.Stat(php); err != nil {
		t.Skipf("SimpleSAMLphp is not installed: %v", err)
	}
	config, err := filepath.Abs(filepath.Join("testdata", "peers", "simplesamlphp"))
	if err != nil {
		t.Fatal(err)
	}
	metadata := p.host.URL + "/sso/acme-peer/metadata"
	behind := gatehousetest.FreeAddress(t)
	gatehousetest.Daemon(t, behind, append(append(p.env, env...),
		"SIMPLESAMLPHP_CONFIG_DIR="+config, "STATE="+t.TempDir(), "PHP_CLI_SERVER_WORKERS=4",
		"SIGNED_BY="+certificate(t, metadata, "signing"), "ENCRYPT_TO="+certificate(t, metadata, "encryption"),
	), "php", "-S", behind, "-t", php)
	pair, err := tls.LoadX509KeyPair(filepath.Join(p.folder, "cert.pem"), filepath.Join(p.folder, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: behind})
			r.Out.Host = r.In.Host
		},
		ErrorLog: log.New(&gatehousetest.Text{}, "", 0), // what it says of browsers that leave is nothing
	}
	front := &http.Server{Addr: "127.0.0.1:" + p.port, Handler: proxy, TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}}, ReadHeaderTimeout: time.Minute}
	go func() { _ = front.ListenAndServeTLS("", "") }()
	t.Cleanup(func() { _ = front.Close() })
	gatehousetest.Eventually(t, "the server before SimpleSAMLphp listens", func() bool {
		c, err := tls.Dial("tcp", front.Addr, &tls.Config{InsecureSkipVerify: true})
		return err == nil && c.Close() == nil
	})
	return p
}

// types says who they are on SimpleSAMLphp's page.
func (b tab) types(name, password string) {
	b.t.Helper()
	user := chromedp.CSS("input[name=username]")
	b.do("say who they are", chromedp.WaitVisible(user), chromedp.SendKeys(user, name), chromedp.SendKeys(chromedp.CSS("input[name=password]"), password+"\r"))
}

// SimpleSAMLphp, from Debian's package.
func TestPeerSimpleSAMLphp(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		settings string
		env      []string
	}{
		"the assertion signed":       {"", []string{"SIGN=assertion"}},
		"the response signed":        {"", []string{"SIGN=response"}},
		"both signed":                {"", []string{"SIGN=assertion response"}},
		"encrypted, which is by CBC": {"allow_cbc = true", []string{"SIGN=assertion response", "ENCRYPT=1"}},
		"sign-out by forms":          {"", []string{"SIGN=assertion response", "LOGOUT=urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := simpleSAML(t, tt.settings, "", tt.env...)
			b := chromium(t)
			b.open(p.host.URL + "/")
			b.types("ada", "lovelace")
			b.shows("Hello, Ada Lovelace")
			b.shows("analyst")

			// The session at the IdP ends with ours: it asks again.
			b.follow("Sign out")
			b.shows("You are signed out")
			b.open(p.host.URL + "/")
			b.types("bob", "builder")
			b.shows("Hello, Bob Builder")
			b.shows("none") // of the roles

			// And ours with its: the very next click is asked again.
			idp := "https://127.0.0.1:" + p.port + "/saml2/idp/"
			b.open(idp + "SingleLogoutService.php?ReturnTo=" + url.QueryEscape(idp+"metadata.php?output=xhtml"))
			b.shows("IdP Metadata") // where it leads in the end
			b.open(p.host.URL + "/api/v1/whoami")
			b.do("be asked again", chromedp.WaitVisible(chromedp.CSS("input[name=username]")))
		})
	}
}

// It encrypts by CBC alone, which is refused where the connection does not allow it.
func TestPeerSimpleSAMLphpEncryptsByCBC(t *testing.T) {
	t.Parallel()
	p := simpleSAML(t, "", "", "SIGN=assertion response", "ENCRYPT=1")
	b := chromium(t)
	b.open(p.host.URL + "/")
	b.types("ada", "lovelace")
	b.shows("Reason: cbc")
}

// Somebody begins at the IdP: what it sends counts where the connection says so, and
// else begins a sign-on that the IdP answers without asking.
func TestPeerSimpleSAMLphpBegins(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]string{"taken": "allow_unsolicited = true", "begun anew": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := simpleSAML(t, "", more, "SIGN=assertion")
			b := chromium(t)
			b.open("https://127.0.0.1:" + p.port + "/saml2/idp/SSOService.php?spentityid=" + url.QueryEscape(p.host.URL+"/sso/acme-peer/metadata"))
			b.types("ada", "lovelace")
			b.shows("Hello, Ada Lovelace")
			b.shows("analyst")
		})
	}
}

// The IdP publishes a key, and signs with it later. Nobody notices, also those who
// sign on before anything is fetched anew.
func TestPeerSimpleSAMLphpRollsOver(t *testing.T) {
	t.Parallel()
	p := simpleSAML(t, "", "", "SIGN=assertion response")
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	next, err := samltest.Certify("simplesamlphp", private, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]*pem.Block{"nextkey.pem": {Type: "PRIVATE KEY", Bytes: der}, "next.pem": {Type: "CERTIFICATE", Bytes: next.Certificate.Raw}} {
		if err := os.WriteFile(filepath.Join(p.folder, name), pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	signOn := func(when string) {
		t.Helper()
		t.Log(when)
		b := chromium(t)
		b.open(p.host.URL + "/")
		b.types("ada", "lovelace")
		b.shows("Hello, Ada Lovelace")
	}
	signOn("while both are published")
	for from, to := range map[string]string{"nextkey.pem": "key.pem", "next.pem": "cert.pem"} {
		if err := os.Rename(filepath.Join(p.folder, from), filepath.Join(p.folder, to)); err != nil {
			t.Fatal(err)
		}
	}
	signOn("with the next one")
}
