// Package idp plays the identity provider of a company, for `gatehouse dev`, for
// `gatehouse simulate idp`, and for tests: a handful of people who sign on by a click,
// by OpenID Connect and by SAML 2.0. It can misbehave.
//
// It believes everybody, and the key that it has unless it is given one is in its
// source: it is nothing to put before anybody in earnest.
package idp

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	_ "embed"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/plugins/saml/samltest"
	"github.com/gatehouse-id/gatehouse/test/idp/oidcidp"
	"github.com/gatehouse-id/gatehouse/test/idp/samlidp"
)

// ClientID and ClientSecret are what the application is known by with OpenID Connect;
// the secret, unless Options have another.
const (
	ClientID     = "gatehouse"
	ClientSecret = "a-secret-for-development-only"
)

// Person is somebody who can sign on.
type Person struct {
	UserName   string // also the e-mail address
	GivenName  string
	FamilyName string
	Groups     []string
	Subject    string // the lasting name by OpenID Connect; "" is one by the place in the list
}

// People are those of the demonstration.
func People() []Person {
	return []Person{
		{UserName: "ada@demo.example", GivenName: "Ada", FamilyName: "Lovelace", Groups: []string{"Analysts", "Staff"}},
		{UserName: "grace@demo.example", GivenName: "Grace", FamilyName: "Hopper", Groups: []string{"Administrators", "Staff"}},
		{UserName: "alan@demo.example", GivenName: "Alan", FamilyName: "Turing", Groups: []string{"Staff"}},
		{UserName: "edsger@demo.example", GivenName: "Edsger", FamilyName: "Dijkstra"},
	}
}

// Options are what a Provider is made from.
type Options struct {
	URL    string // where it is, without a slash at the end
	People []Person

	// Where the authenticators of the application are, such as
	// "https://app.example.com/sso/acme-okta".
	OIDC string
	SAML string

	Key          samltest.Key // of RSA, that signs; without one, that of the source signs SAML
	ClientSecret string       // without one, that of the source
}

// Provider is the identity provider, as an http.Handler of all that is below its
// URL.
type Provider struct {
	OIDC *oidcidp.Provider
	SAML *samlidp.Provider

	options Options
	mux     *http.ServeMux
}

// New makes a Provider.
func New(o Options) (*Provider, error) {
	p := &Provider{options: o, mux: http.NewServeMux()}
	openid := oidcidp.Options{Issuer: p.Issuer(), Clients: []oidcidp.Client{{ // by RS256, which its faults are about
		ID: ClientID, Secret: cmp.Or(o.ClientSecret, ClientSecret), RedirectURIs: []string{o.OIDC + "/callback"}, LogoutURIs: []string{o.OIDC + "/slo"},
	}}}
	var err error
	if openid.Key = o.Key.Private; o.Key.Private == nil {
		if o.Key, err = key(); err != nil {
			return nil, err
		}
	}
	saml := samlidp.Options{URL: o.URL + "/saml", Key: o.Key, Services: []samlidp.Service{{
		EntityID: o.SAML + "/metadata", ACS: o.SAML + "/acs", Logout: o.SAML + "/slo",
	}}}
	for i, one := range o.People {
		name := strings.TrimSpace(one.GivenName + " " + one.FamilyName)
		groups := append([]string{}, one.Groups...) // one without groups is in none, which is said
		openid.People = append(openid.People, oidcidp.Person{
			Subject: cmp.Or(one.Subject, "person-"+strconv.Itoa(i+1)), UserName: one.UserName, Name: name, GivenName: one.GivenName, FamilyName: one.FamilyName,
			Email: one.UserName, EmailVerified: true, Groups: groups,
		})
		saml.People = append(saml.People, samlidp.Person{
			NameID: one.UserName, Format: "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress", Email: one.UserName,
			GivenName: one.GivenName, FamilyName: one.FamilyName, Groups: groups,
		})
	}
	if p.OIDC, err = oidcidp.New(openid); err != nil {
		return nil, err
	}
	if p.SAML, err = samlidp.New(saml); err != nil {
		return nil, err
	}
	at, err := url.Parse(o.URL)
	if err != nil {
		return nil, err
	}
	p.mux.Handle(at.Path+"/oidc/", p.OIDC)
	p.mux.Handle(at.Path+"/saml/", http.StripPrefix(at.Path+"/saml", p.SAML))
	p.mux.HandleFunc("GET "+at.Path+"/{$}", p.index)
	p.mux.HandleFunc("POST "+at.Path+"/misbehave", p.misbehave)
	return p, nil
}

// Issuer is the name of the OpenID provider.
func (p *Provider) Issuer() string { return p.options.URL + "/oidc" }

// MetadataURL is where the metadata of SAML is.
func (p *Provider) MetadataURL() string { return p.SAML.EntityID() }

// key is the same at each start: who trusts it goes on doing so.
func key() (samltest.Key, error) {
	seed := sha256.Sum256([]byte("the key of an identity provider for development, which proves nothing"))
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), seed[:])
	if err != nil {
		return samltest.Key{}, err
	}
	return samltest.Certify("idp for development", private, time.Now().Add(-time.Hour), time.Now().AddDate(3, 0, 0))
}

// ServeHTTP implements http.Handler.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.mux.ServeHTTP(w, r) }

//go:embed index.html
var indexText string

func (p *Provider) index(w http.ResponseWriter, _ *http.Request) {
	faults, err := p.Faults()
	page, parseErr := template.New("index").Parse(indexText)
	if err != nil || parseErr != nil {
		http.Error(w, "the page cannot be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'")
	_ = page.Execute(w, map[string]any{ // what fails is the browser that has gone
		"Issuer": p.Issuer(), "Metadata": p.MetadataURL(), "People": p.options.People, "Faults": faults, "Now": p.misbehaves(),
		"Start": p.options.URL + "/saml/start?" + url.Values{"service": {p.options.SAML + "/metadata"}}.Encode(), "Action": p.options.URL + "/misbehave",
	})
}

// misbehave has it do something wrong from now on, or all as it should.
func (p *Provider) misbehave(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	var names []string
	for _, protocol := range protocols() {
		if name := r.PostFormValue(protocol); name != "" {
			names = append(names, name)
		}
	}
	if err := p.Misbehave(names...); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	http.Redirect(w, r, strings.TrimSuffix(p.options.URL, "/")+"/", http.StatusSeeOther)
}
