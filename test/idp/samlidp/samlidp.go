// Package samlidp is a small identity provider that speaks SAML 2.0, for tests and
// for trying things out: people to choose from instead of passwords, single sign-on
// and logout by both bindings, and mischief where it is asked for.
//
// It is no identity provider for anybody's users: it believes everybody.
package samlidp

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-id/gatehouse/plugins/saml/samltest"
)

// Person is somebody who can sign on.
type Person struct {
	NameID      string // such as an e-mail address
	Format      string // of the NameID; "" is unspecified
	Email       string
	GivenName   string
	FamilyName  string
	Groups      []string
	MultiFactor bool // they always use a second factor
}

// Service is an application that people sign on to. Answers go to its addresses, and
// to none that a message names.
type Service struct {
	EntityID string
	ACS      string
	Logout   string // "" has none

	Certificates []*x509.Certificate // with which its requests have to be signed; none: they need not be
	EncryptTo    *rsa.PublicKey      // nil: assertions are not encrypted
}

// Options are what an IdP is made of.
type Options struct {
	URL      string // where it is, without a slash at the end
	People   []Person
	Services []Service
	Shape    samltest.Shape // what is signed
	Key      samltest.Key   // zero: one is made
	Clock    func() time.Time
}

// Provider is an identity provider, to be served below its URL.
type Provider struct {
	options Options
	mux     *http.ServeMux

	mu       sync.Mutex
	key      samltest.Key
	next     *samltest.Key // published beside, and not used yet
	mischief string
	edit     func(*samltest.Message)
	services []Service
	sessions map[string]*session // by cookie
}

// session is a browser in which somebody has signed on.
type session struct {
	person  Person
	at      time.Time
	indexes map[string]string // by the service's entityID
}

// New makes an IdP.
func New(o Options) (*Provider, error) {
	if o.URL == "" || len(o.People) == 0 {
		return nil, errors.New("an IdP has a URL, and people")
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	i := &Provider{options: o, key: o.Key, services: slices.Clone(o.Services), sessions: map[string]*session{}}
	if i.key.Private == nil {
		var err error
		if i.key, err = samltest.NewKey("samlidp"); err != nil {
			return nil, err
		}
	}
	i.mux = http.NewServeMux()
	i.mux.HandleFunc("GET /metadata", i.metadata)
	i.mux.HandleFunc("/sso", i.sso)
	i.mux.HandleFunc("POST /choose", i.choose)
	i.mux.HandleFunc("GET /start", i.start)
	i.mux.HandleFunc("/slo", i.slo)
	i.mux.HandleFunc("GET /logout", i.logout)
	return i, nil
}

// ServeHTTP implements http.Handler.
func (i *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	i.mux.ServeHTTP(w, r)
}

// EntityID is the IdP's name, and where its metadata is.
func (i *Provider) EntityID() string { return i.options.URL + "/metadata" }

// Key is the one that signs now.
func (i *Provider) Key() samltest.Key {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.key
}

// Add makes a service known, or another of the same entityID.
func (i *Provider) Add(s Service) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.services = append(slices.DeleteFunc(i.services, func(o Service) bool { return o.EntityID == s.EntityID }), s)
}

// StageKey makes another key, which is published from now on.
func (i *Provider) StageKey() error {
	k, err := samltest.NewKey("samlidp")
	if err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.next = &k
	return nil
}

// UseKey has that one sign. With it the older is gone.
func (i *Provider) UseKey() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.next != nil {
		i.key, i.next = *i.next, nil
	}
}

func (i *Provider) service(entityID string) (Service, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	at := slices.IndexFunc(i.services, func(s Service) bool { return s.EntityID == entityID })
	if at < 0 {
		return Service{}, false
	}
	return i.services[at], true
}

func (i *Provider) person(nameID string) (Person, bool) {
	at := slices.IndexFunc(i.options.People, func(p Person) bool { return p.NameID == nameID })
	if at < 0 {
		return Person{}, false
	}
	return i.options.People[at], true
}

func (i *Provider) metadata(w http.ResponseWriter, _ *http.Request) {
	i.mu.Lock()
	keys := []samltest.Key{i.key}
	if i.next != nil {
		keys = append(keys, *i.next)
	}
	i.mu.Unlock()
	w.Header().Set("Content-Type", "application/samlmetadata+xml")
	_, _ = w.Write([]byte(samltest.Metadata(i.EntityID(), i.options.URL+"/sso", i.options.URL+"/slo", keys...)))
}

const cookieName = "samlidp"

// of is the session of a browser; nil where there is none.
func (i *Provider) of(r *http.Request) *session {
	c, err := r.Cookie(cookieName)
	if err != nil {
		return nil
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.sessions[c.Value]
}

// signOn begins a session of a browser.
func (i *Provider) signOn(w http.ResponseWriter, p Person) *session {
	s, id := &session{person: p, at: i.options.Clock(), indexes: map[string]string{}}, rand.Text()
	i.mu.Lock()
	i.sessions[id] = s
	i.mu.Unlock()
	http.SetCookie(w, &http.Cookie{Name: cookieName, Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	return s
}

// signOff ends the session of a browser, and those of a person if there is none: a
// request by post comes without cookies.
func (i *Provider) signOff(r *http.Request, nameID string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if c, err := r.Cookie(cookieName); err == nil {
		delete(i.sessions, c.Value)
	}
	for id, s := range i.sessions {
		if s.person.NameID == nameID {
			delete(i.sessions, id)
		}
	}
}
