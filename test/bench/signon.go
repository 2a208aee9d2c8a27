//go:build linux

package main

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/plugins/saml/samltest"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/test/idp/oidcidp"
)

// signonRows in the order of the table.
type signonRows struct {
	saml, groups               row
	bySAML, worst, byOIDC      row
	live, inTurn, sessionShare row
}

func newSignonRows(sessions int) signonRows {
	return signonRows{
		saml:   row{name: fmt.Sprintf("CPU of a SAML response of %d groups, plugin call included", fewGroups), unit: "µs", way: times, goal: 5},
		groups: row{name: "the same for each group, " + thousands(mostGroups) + " to " + thousands(someGroups), unit: "µs", way: times, goal: 1.2},
		bySAML: row{name: "our time of a sign-on by SAML, median", unit: "ms", way: alone, goal: 15},
		worst:  row{name: "the same, p99", unit: "ms", way: alone},
		byOIDC: row{name: "our time of a sign-on by OpenID Connect, median", unit: "ms", way: alone, goal: 15},

		live:         row{name: "cached, sessions in use, " + thousands(sessions) + " live to " + thousands(fewSessions), unit: perSecond, goal: flat},
		inTurn:       row{name: "the same, all of them in turn", unit: perSecond, goal: flat},
		sessionShare: row{name: "idle memory that " + thousands(sessions) + " cached sessions add", unit: "MiB", way: alone},
	}
}

func (r *signonRows) all() []*row {
	return []*row{&r.saml, &r.groups, &r.bySAML, &r.worst, &r.byOIDC, &r.live, &r.inTurn, &r.sessionShare}
}

// people measures the way of somebody with a browser.
func (b *bench) people(ctx context.Context) error {
	fmt.Fprintln(os.Stderr, "sign-on: responses of an identity provider")
	if err := b.verifySAML(); err != nil {
		return fmt.Errorf("SAML responses: %w", err)
	}
	fmt.Fprintln(os.Stderr, "sign-on: from the first page to the last")
	if err := b.signOns(ctx); err != nil {
		return fmt.Errorf("sign-ons: %w", err)
	}
	if b.sessions == 0 {
		return nil
	}
	if err := b.liveSessions(ctx); err != nil {
		return fmt.Errorf("sessions: %w", err)
	}
	return nil
}

const (
	clientSecret  = "a secret of this benchmark"
	signOnsOfEach = 150 // in a round
	signOnPeople  = 50
	home          = "/home" // a page of the application for whoever has signed on
)

const signOnBlocks = `
connection "by-saml" {
  organization = "bench-0"
  create_users = "on_login"
  authenticator "saml" {
    metadata      = file(%q)
    sign_requests = true
  }
}

connection "by-oidc" {
  organization = "bench-0"
  create_users = "on_login"
  authenticator "oidc" {
    issuer        = %q
    client_id     = "bench"
    client_secret = env("BENCH_CLIENT_SECRET")
  }
}
`

// provider plays both identity providers in this process. What it takes is not the
// host's time, and is taken off.
type provider struct {
	key    samltest.Key
	entity string
	oidc   *oidcidp.Provider
	took   time.Duration // with requests of the host
}

// signOns measures whole sign-ons, one after the other: what the host takes to answer
// each request of the browser from the first page to the one that was wanted.
func (b *bench) signOns(ctx context.Context) (err error) {
	app, _, err := startFloor(ctx, serveUpstream, "")
	if err != nil {
		return err
	}
	defer app.stop()
	p := &provider{entity: "https://idp.example/metadata"}
	if p.key, err = samltest.NewKey("bench"); err != nil {
		return err
	}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from := time.Now()
		p.oidc.ServeHTTP(w, r)
		p.took += time.Since(from)
	}))
	defer server.Close()
	files, err := os.MkdirTemp("", "gatehouse-bench-idp")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(files) }()
	ca, metadata := filepath.Join(files, "ca.pem"), filepath.Join(files, "idp.xml")
	err = errors.Join(
		os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600),
		os.WriteFile(metadata, []byte(samltest.Metadata(p.entity, "https://idp.example/sso", "", p.key)), 0o600))
	if err != nil {
		return err
	}
	g, err := startGatehouse(ctx, b.binary, setting{
		Upstream: "http://" + app.addr, Server: fmt.Sprintf("file_roots = [%q]\n  fetch {\n    allow   = [\"127.0.0.1/32\"]\n    ca_file = %q\n  }", files, ca),
		More: fmt.Sprintf(signOnBlocks, metadata, server.URL),
	})
	if err != nil {
		return err
	}
	defer g.stop()
	options := oidcidp.Options{Issuer: server.URL, Clients: []oidcidp.Client{{ID: "bench", Secret: clientSecret, RedirectURIs: []string{"http://" + g.addr + "/sso/by-oidc/callback"}}}}
	for i := range signOnPeople {
		mail := fmt.Sprintf("oidc-%d@bench.example", i)
		options.People = append(options.People, oidcidp.Person{Subject: mail, UserName: mail, Email: mail, Groups: memberOf(fewGroups)[0].Values})
	}
	if p.oidc, err = oidcidp.New(options); err != nil {
		return err
	}
	for _, way := range []struct {
		at   func(w *walk, i int) error
		rows []*row
	}{{p.bySAML, []*row{&b.signon.bySAML, &b.signon.worst}}, {p.byOIDC, []*row{&b.signon.byOIDC}}} {
		if _, err := g.signOn(ctx, p, way.at, signOnPeople); err != nil { // whoever signs on first is made
			return err
		}
		for range b.rounds {
			took, err := g.signOn(ctx, p, way.at, signOnsOfEach)
			if err != nil {
				return err
			}
			for i, share := range []float64{0.5, 0.99}[:len(way.rows)] {
				way.rows[i].add(millis(took[int(share*float64(len(took)-1))]), 0)
			}
		}
	}
	return nil
}

// walk is a browser that signs on, and how long the host took with it.
type walk struct {
	client *http.Client
	base   string
	took   time.Duration
	idp    *provider
}

// signOn has n people sign on, and returns the host's times, sorted.
func (g *gatehouse) signOn(ctx context.Context, p *provider, at func(*walk, int) error, n int) ([]time.Duration, error) {
	list := make([]time.Duration, n)
	for i := range n {
		jar, err := cookiejar.New(nil)
		if err != nil {
			return nil, err
		}
		w := &walk{base: "http://" + g.addr, idp: p, client: &http.Client{
			Jar: plainJar{jar}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}}
		if err := at(w, i%signOnPeople); err != nil {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		list[i] = w.took
	}
	slices.Sort(list)
	return list, nil
}

// plainJar keeps cookies that are for https, which the host does not speak here.
type plainJar struct{ *cookiejar.Jar }

func secured(u *url.URL) *url.URL {
	s := *u
	s.Scheme = "https"
	return &s
}

func (j plainJar) SetCookies(u *url.URL, c []*http.Cookie) { j.Jar.SetCookies(secured(u), c) }
func (j plainJar) Cookies(u *url.URL) []*http.Cookie       { return j.Jar.Cookies(secured(u)) }

// asks sends the browser to the host, and returns where it leads and the page.
func (w *walk) asks(method, to string, form url.Values) (next, page string, err error) {
	r, err := http.NewRequestWithContext(context.Background(), method, to, strings.NewReader(form.Encode()))
	if err != nil {
		return "", "", err
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	w.idp.took = 0
	from := time.Now()
	resp, err := w.client.Do(r)
	if err != nil {
		return "", "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	w.took += time.Since(from) - w.idp.took
	if err != nil {
		return "", "", err
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return "", "", fmt.Errorf("%s %s: %s: %s", method, to, resp.Status, text)
	}
	if at, err := resp.Location(); err == nil {
		next = at.String()
	}
	return next, string(text), nil
}

// begins opens a page, and is led to the identity provider.
func (w *walk) begins(connection string) (idp string, err error) {
	next, _, err := w.asks(http.MethodGet, w.base+"/login?connection="+connection+"&return_to="+home, nil)
	if err == nil && next == "" {
		err = errors.New("the sign-on leads nowhere")
	}
	return next, err
}

// arrives is led to the page that was wanted, and reads it.
func (w *walk) arrives(next string, err error) error {
	if err != nil {
		return err
	}
	if next != w.base+home {
		return fmt.Errorf("the sign-on leads to %q", next)
	}
	_, page, err := w.asks(http.MethodGet, next, nil)
	if err == nil && !strings.Contains(page, home) {
		err = fmt.Errorf("the application answers %q", page)
	}
	return err
}

// sentTo reads the request with which a browser is sent to an identity provider.
func sentTo(b authn.Begun) (samltest.Sent, error) {
	u, err := url.Parse(b.URL)
	if err != nil {
		return samltest.Sent{}, err
	}
	return samltest.ReadRedirect(u.RawQuery, "SAMLRequest")
}

// bySAML signs somebody on by SAML. The browser leaves its cookies out of a form that
// the provider's page posts, so the host has it post again.
func (p *provider) bySAML(w *walk, i int) error {
	idp, err := w.begins("by-saml")
	if err != nil {
		return err
	}
	sent, err := sentTo(authn.Begun{URL: idp})
	if err != nil {
		return err
	}
	mail := fmt.Sprintf("saml-%d@bench.example", i)
	base := w.base + "/sso/by-saml/"
	m := samltest.Message{
		Issuer: p.entity, Recipient: base + "acs", Audience: base + "metadata", InResponseTo: sent.Value("ID"), Key: p.key, NameID: mail,
		Format: samltest.Persistent, Attributes: append(memberOf(fewGroups)[:1], samltest.Attribute{Name: "email", Values: []string{mail}}),
	}
	text, err := m.XML()
	if err != nil {
		return err
	}
	form := url.Values{"SAMLResponse": {base64.StdEncoding.EncodeToString([]byte(text))}, "RelayState": {sent.RelayState}}
	jar := w.client.Jar
	w.client.Jar = nil
	_, page, err := w.asks(http.MethodPost, base+"acs", form)
	w.client.Jar = jar
	if err != nil {
		return err
	}
	if !strings.Contains(page, "gatehouse_again") {
		return fmt.Errorf("without cookies the host answers %s", page)
	}
	form.Set("gatehouse_again", "1")
	next, _, err := w.asks(http.MethodPost, base+"acs", form)
	return w.arrives(next, err)
}

// byOIDC signs somebody on by OpenID Connect. The click at the provider's page is made
// in this process.
func (p *provider) byOIDC(w *walk, i int) error {
	at, err := w.begins("by-oidc")
	if err != nil {
		return err
	}
	asked, err := url.Parse(at)
	if err != nil {
		return err
	}
	form := asked.Query()
	form.Set("person", fmt.Sprintf("oidc-%d@bench.example", i))
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, asked.Path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer := httptest.NewRecorder()
	p.oidc.ServeHTTP(answer, r)
	next := answer.Header().Get("Location")
	if next == "" {
		return fmt.Errorf("the provider answers %d %s", answer.Code, html.UnescapeString(answer.Body.String()))
	}
	next, _, err = w.asks(http.MethodGet, next, nil)
	return w.arrives(next, err)
}
