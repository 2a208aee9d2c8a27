// Package oidcidp is an OpenID provider to sign on with in tests and in development
// (OpenID Connect Core 1.0 §3.1, Discovery 1.0, RP-Initiated Logout 1.0). Whoever is
// in its list signs on by a click. It behaves as it should, or misbehaves in one way
// that it is told to: a relying party is as good as what it refuses.
//
// It keeps everything in memory, and is nothing to put before people in earnest.
package oidcidp

import (
	"cmp"
	"crypto"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Person is somebody who can sign on.
type Person struct {
	Subject       string
	UserName      string
	Name          string
	GivenName     string
	FamilyName    string
	Email         string
	EmailVerified bool
	Groups        []string       // nil: the claim is not sent
	Claims        map[string]any // more of them, and others in place of those above; nil takes one away
}

// Client is an application that people sign on to.
type Client struct {
	ID           string
	Secret       string
	RedirectURIs []string
	LogoutURIs   []string // where a browser may go after signing out
	KeySet       []byte   // a JWK Set for private_key_jwt; then there is no secret
}

// Options are what a Provider is made from.
type Options struct {
	Issuer    string // also the address that it serves at
	People    []Person
	Clients   []Client
	Algorithm string           // RS256 unless set, PS256, ES256 or EdDSA
	Key       crypto.Signer    // the first, which fits the algorithm; one is made unless set
	Clock     func() time.Time // time.Now unless set
}

// How long what it hands out is good for.
const (
	codeLife  = time.Minute
	tokenLife = 5 * time.Minute
	grantsMax = 10_000 // codes and tokens that are kept
)

// Provider is an OpenID provider, as an http.Handler.
type Provider struct {
	issuer string
	prefix string // the path of the issuer
	people []Person
	clock  func() time.Time

	mu      sync.Mutex
	clients []Client
	keys    []*signingKey // the newest last
	made    int           // keys
	bend    Bend
	grants  map[string]grant // by code, access token or refresh token
	asked   map[string]int   // requests by path
}

// grant is what somebody allowed a client by signing on.
type grant struct {
	kind      string // "code", "access" or "refresh"
	client    string
	redirect  string
	challenge string // of PKCE
	nonce     string
	scope     string
	subject   string
	session   string
	factors   int
	at        time.Time // when they signed on
	ends      time.Time
}

// New makes a provider with one key.
func New(o Options) (*Provider, error) {
	u, err := url.Parse(o.Issuer)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("%q is no issuer", o.Issuer)
	}
	p := &Provider{
		issuer: o.Issuer, prefix: strings.TrimSuffix(u.Path, "/"), people: o.People, clients: slices.Clone(o.Clients), clock: o.Clock,
		grants: map[string]grant{}, asked: map[string]int{},
	}
	if p.clock == nil {
		p.clock = time.Now
	}
	return p, p.add(cmp.Or(o.Algorithm, "RS256"), o.Key)
}

// endpoint is the address of a part of the provider.
func (p *Provider) endpoint(part string) string { return strings.TrimSuffix(p.issuer, "/") + part }

// The parts of a provider's address.
const (
	discoveryPath = "/.well-known/openid-configuration"
	authorizePath = "/authorize"
	tokenPath     = "/token"
	keysPath      = "/keys"
	userInfoPath  = "/userinfo"
	logoutPath    = "/logout"
)

// ServeHTTP implements http.Handler.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, ok := strings.CutPrefix(r.URL.Path, p.prefix)
	if !ok {
		http.NotFound(w, r)
		return
	}
	p.mu.Lock()
	p.asked[path]++
	status := p.bend.Status[path]
	p.mu.Unlock()
	w.Header().Set("Cache-Control", "no-store")
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	switch {
	case status != 0:
		http.Error(w, http.StatusText(status), status)
	case path == discoveryPath:
		p.discovery(w)
	case path == keysPath:
		p.keySet(w)
	case path == authorizePath:
		p.authorize(w, r)
	case path == tokenPath && r.Method == http.MethodPost:
		p.token(w, r)
	case path == userInfoPath:
		p.userInfo(w, r)
	case path == logoutPath:
		p.logout(w, r)
	default:
		http.NotFound(w, r)
	}
}

// Asked says how many requests there were for a path, such as "/keys".
func (p *Provider) Asked(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[path]
}

// SetKeySet sets the JWK Set of a client that authenticates by private_key_jwt.
func (p *Provider) SetKeySet(client string, set []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.clients {
		if p.clients[i].ID == client {
			p.clients[i].KeySet = set
		}
	}
}

// Revoke ends all that a person has been given, as when they are deactivated.
func (p *Provider) Revoke(subject string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, g := range p.grants {
		if g.subject == subject {
			delete(p.grants, name)
		}
	}
}

func (p *Provider) discovery(w http.ResponseWriter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	doc := map[string]any{
		"issuer":                                           p.issuer,
		"authorization_endpoint":                           p.endpoint(authorizePath),
		"token_endpoint":                                   p.endpoint(tokenPath),
		"jwks_uri":                                         p.endpoint(keysPath),
		"userinfo_endpoint":                                p.endpoint(userInfoPath),
		"end_session_endpoint":                             p.endpoint(logoutPath),
		"response_types_supported":                         []string{"code"},
		"subject_types_supported":                          []string{"public"},
		"id_token_signing_alg_values_supported":            []string{p.newest().algorithm},
		"token_endpoint_auth_methods_supported":            []string{"client_secret_basic", "client_secret_post", "private_key_jwt"},
		"token_endpoint_auth_signing_alg_values_supported": []string{"RS256", "PS256"},
		"code_challenge_methods_supported":                 []string{"S256"},
		"authorization_response_iss_parameter_supported":   true,
		"scopes_supported":                                 []string{"openid", "profile", "email", "groups", "offline_access"},
	}
	if p.bend.Discovery != nil {
		p.bend.Discovery(doc)
	}
	write(w, http.StatusOK, doc)
}

func (p *Provider) keySet(w http.ResponseWriter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, k := range p.keys {
		set.Keys = append(set.Keys, k.public())
	}
	if p.bend.Keys != nil {
		p.bend.Keys(&set)
	}
	write(w, http.StatusOK, set)
}

// userInfo answers whoever has an access token (Core §5.3).
func (p *Provider) userInfo(w http.ResponseWriter, r *http.Request) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	p.mu.Lock()
	defer p.mu.Unlock()
	g, ok := p.grants[token]
	person, known := p.person(g.subject)
	if !ok || g.kind != "access" || !known || p.clock().After(g.ends) {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		write(w, http.StatusUnauthorized, map[string]string{"error": "invalid_token"})
		return
	}
	claims := person.claims(g.scope)
	if p.bend.UserInfo != nil {
		p.bend.UserInfo(claims)
	}
	write(w, http.StatusOK, claims)
}

func (p *Provider) person(subject string) (Person, bool) {
	i := slices.IndexFunc(p.people, func(one Person) bool { return one.Subject == subject })
	if i < 0 {
		return Person{}, false
	}
	return p.people[i], true
}

// claims are those about a person (Core §5.1 and §5.4). Groups are sent without a scope,
// as most providers do.
func (p Person) claims(scope string) map[string]any {
	c, scopes := map[string]any{"sub": p.Subject}, strings.Fields(scope)
	if slices.Contains(scopes, "profile") {
		c["preferred_username"], c["name"], c["given_name"], c["family_name"] = p.UserName, p.Name, p.GivenName, p.FamilyName
	}
	if slices.Contains(scopes, "email") {
		c["email"], c["email_verified"] = p.Email, p.EmailVerified
	}
	if p.Groups != nil {
		c["groups"] = p.Groups
	}
	for name, value := range p.Claims {
		if c[name] = value; value == nil {
			delete(c, name)
		}
	}
	return c
}

func (p *Provider) client(id string) (Client, bool) {
	i := slices.IndexFunc(p.clients, func(one Client) bool { return one.ID == id })
	if i < 0 {
		return Client{}, false
	}
	return p.clients[i], true
}

// keep keeps what somebody was given, under a name that nobody can guess.
func (p *Provider) keep(g grant) (name string) {
	now := p.clock()
	if len(p.grants) >= grantsMax {
		for name, old := range p.grants {
			if now.After(old.ends) || len(p.grants) >= grantsMax {
				delete(p.grants, name)
			}
		}
	}
	name = rand.Text() + rand.Text()
	p.grants[name] = g
	return name
}

func write(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}

var errNoPerson = errors.New("there is no such person")
