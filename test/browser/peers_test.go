//go:build linux

package browser_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/gatehouse-id/gatehouse/examples/application"
	"github.com/gatehouse-id/gatehouse/sdk/identity"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// peers is the folder in which the packages of others' identity providers are, which
// `make conformance` installs.
func peers(t *testing.T) string {
	t.Helper()
	folder := os.Getenv("GATEHOUSE_PEERS")
	if folder == "" {
		t.Skip("GATEHOUSE_PEERS names no folder with identity providers of others: make conformance does")
	}
	return folder
}

// peer is an identity provider that somebody else wrote, in a process of its own.
type peer struct {
	port   string
	folder string // with its key and certificate, key.pem and cert.pem
	env    []string
	host   *gatehousetest.Host
}

// newPeer makes a host for a peer, which is to be started.
func newPeer(t *testing.T, block, more string) peer {
	t.Helper()
	modules := peers(t)
	own := httptest.NewTLSServer(http.NotFoundHandler()) // whose certificate is for 127.0.0.1
	t.Cleanup(own.Close)
	folder := t.TempDir()
	private, err := x509.MarshalPKCS8PrivateKey(own.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]*pem.Block{"key.pem": {Type: "PRIVATE KEY", Bytes: private}, "cert.pem": {Type: "CERTIFICATE", Bytes: own.Certificate().Raw}}
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(folder, name), pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cert := filepath.Join(folder, "cert.pem")
	_, port, err := net.SplitHostPort(gatehousetest.FreeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	h := gatehousetest.New(t, gatehousetest.Options{
		Env: []string{"PEER_SECRET=a secret of thirty-two characters"}, Server: fmt.Sprintf("fetch {\n allow = [\"127.0.0.1/32\"]\n ca_file = %q\n }", cert),
	})
	v, err := identity.New(identity.Options{Issuer: h.URL, Audience: "app"})
	if err != nil {
		t.Fatal(err)
	}
	app := httptest.NewServer(application.Handler(v))
	t.Cleanup(app.Close)
	h.Write("rules.hcl", fmt.Sprintf(rules, app.URL))
	h.Write("connections.hcl", fmt.Sprintf(connection, "acme-peer", "acme", onLogin+"\n  "+more, strings.ReplaceAll(block, "ISSUER", "https://127.0.0.1:"+port)))
	h.Start()
	return peer{port, folder, append(os.Environ(), "MODULES="+modules, "PORT="+port, "HOST_URL="+h.URL, "KEY="+filepath.Join(folder, "key.pem"), "CERT="+cert), h}
}

func (p peer) start(t *testing.T, script string, env ...string) {
	t.Helper()
	gatehousetest.Daemon(t, "127.0.0.1:"+p.port, append(p.env, env...), "node", filepath.Join("testdata", "peers", script))
}

// oidc-provider, certified by the OpenID Foundation, from the npm registry.
func TestPeerOIDCProvider(t *testing.T) {
	t.Parallel()
	p := newPeer(t, `authenticator "oidc" {
    issuer        = "ISSUER"
    client_id     = "gatehouse"
    client_secret = env("PEER_SECRET")
  }`, "")
	p.start(t, "oidc-provider.mjs")
	b := chromium(t)
	b.open(p.host.URL + "/")
	b.do("say who they are", chromedp.WaitVisible(chromedp.CSS("input[name=login]")), chromedp.SendKeys(chromedp.CSS("input[name=login]"), "ada"), chromedp.SendKeys(chromedp.CSS("input[name=password]"), "x"))
	b.follow("Sign-in")
	b.follow("Continue")
	b.shows("Hello, Ada Lovelace")
	b.shows("analyst")
	b.follow("Sign out")
	b.follow("Yes, sign me out")
	b.shows("signed out")
	b.open(p.host.URL + "/")
	b.do("be asked again", chromedp.WaitVisible(chromedp.CSS("input[name=login]")))
}

// A session goes on while oidc-provider renews it, with another token each time, and is
// over when it does not.
func TestPeerOIDCProviderIsAskedAgain(t *testing.T) {
	t.Parallel()
	p := newPeer(t, `authenticator "oidc" {
    issuer        = "ISSUER"
    client_id     = "gatehouse"
    client_secret = env("PEER_SECRET")
    refresh       = true
  }`, "")
	p.host.Write("session.hcl", "session {\n  refresh = \"1m\"\n}\n")
	p.host.Restart()
	p.start(t, "oidc-provider.mjs")
	b := chromium(t)
	b.open(p.host.URL + "/")
	b.do("say who they are", chromedp.WaitVisible(chromedp.CSS("input[name=login]")), chromedp.SendKeys(chromedp.CSS("input[name=login]"), "ada"), chromedp.SendKeys(chromedp.CSS("input[name=password]"), "x"))
	b.follow("Sign-in")
	b.follow("Continue")
	b.shows("Hello, Ada Lovelace")
	until := func(what string, is func() bool) {
		t.Helper()
		for limit := time.Now().Add(5 * time.Minute); !is(); time.Sleep(2 * time.Second) {
			if time.Now().After(limit) {
				t.Fatalf("it never came to be: %s", what)
			}
			b.open(p.host.URL + "/") // it is used
		}
	}
	until("the session was renewed twice", func() bool { return p.says(t, "/refreshed") >= "2" })
	b.open(p.host.URL + "/")
	b.shows("Hello, Ada Lovelace")
	p.says(t, "/revoke")
	until("a session ended", func() bool { return strings.Contains(p.host.Log.String(), "does not go on with") })
}

// says asks a peer something that is not of its protocol.
func (p peer) says(t *testing.T, path string) string {
	t.Helper()
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	resp, err := c.Get("https://127.0.0.1:" + p.port + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// samlp, from the npm registry.
func TestPeerSAMLP(t *testing.T) {
	t.Parallel()
	for name, env := range map[string][]string{
		"the assertion signed": nil,
		"both signed":          {"SIGN_RESPONSE=1"},
		"encrypted, as it is":  {"ENCRYPT=default"},
		"encrypted, AES-128":   {"ENCRYPT=http://www.w3.org/2009/xmlenc11#aes128-gcm"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPeer(t, `authenticator "saml" {
    metadata_url = "ISSUER/metadata"
  }`, "")
			metadata := p.host.URL + "/sso/acme-peer/metadata"
			p.start(t, "samlp.cjs", append(env, "SIGNED_BY="+certificate(t, metadata, "signing"), "ENCRYPT_TO="+certificate(t, metadata, "encryption"))...)
			b := chromium(t)
			b.open(p.host.URL + "/")
			b.shows("Hello, Ada Lovelace")
			b.shows("analyst")
			b.open(p.host.URL + "/api/v1/whoami")
			b.shows("ada@acme.example")
			b.open(p.host.URL + "/")
			b.follow("Sign out")
			b.shows("You are signed out")
		})
	}
}

// certificate reads one from the host's metadata, by what its key is for, and returns
// the file that it is in.
func certificate(t *testing.T, address, use string) (path string) {
	t.Helper()
	resp, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?s)use="` + use + `".*?<(?:[a-z]+:)?X509Certificate[^>]*>([^<]+)<`).FindSubmatch(text)
	if m == nil {
		t.Fatalf("the metadata has no certificate for %s: %s", use, text)
	}
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(string(m[1])), ""))
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), use+".pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
