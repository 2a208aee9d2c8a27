package saml

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"slices"

	"github.com/beevik/etree"
	crewjam "github.com/crewjam/saml"

	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/binding"
	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/idp"
	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/xmldsig"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// state is what only the answer to a Begin, or to a Logout, can match.
type state struct {
	ID          string `json:"id"` // of our request
	MultiFactor bool   `json:"mfa,omitempty"`
	Logout      bool   `json:"logout,omitempty"`
}

const longestState = 256 // bytes

func (s state) bytes() []byte {
	text, _ := json.Marshal(s) // texts and truths always encode
	return text
}

// readState refuses what none of ours can be.
func readState(text []byte, logout bool) (s state, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if len(text) > longestState || d.Decode(&s) != nil || s.ID == "" || s.Logout != logout {
		return state{}, authn.Deny("state", "it answers no request of ours")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return state{}, authn.Deny("state", "it answers no request of ours")
	}
	return s, nil
}

// newID is an xs:ID that nobody can guess, with 128 bits (SAML Core §1.3.4).
func newID() string { return "_" + rand.Text() }

// Begin sends a browser to the IdP with an AuthnRequest: SAML Core §3.4.1, Profiles
// §4.1.4.1.
func (s *service) Begin(ctx context.Context, r authn.BeginRequest) (authn.Begun, error) {
	p, err := s.provider(ctx)
	if err != nil {
		return authn.Begun{}, unavailable(err)
	}
	to, found := idp.Find(p.SSO, bindingOf(s.settings.Binding))
	if !found {
		return authn.Begun{}, problem.New(problem.Unavailable, "the IdP offers no address for the binding %q", s.settings.Binding)
	}
	id := newID()
	request := s.request(r, id, to.URL)
	begun, err := s.send(ctx, request, binding.Request, to.Binding, to.URL, r.Relay, s.settings.SignRequests || p.WantsSigned)
	begun.State = state{ID: id, MultiFactor: r.MultiFactor}.bytes()
	return begun, err
}

// unavailable makes of a denial, which no Begin can answer with, a problem.
func unavailable(err error) error {
	if denied := (*authn.Denied)(nil); errors.As(err, &denied) {
		return problem.New(problem.Unavailable, "%s", denied.Detail)
	}
	return err
}

func bindingOf(word string) string {
	return map[string]string{"redirect": idp.Redirect, "post": idp.POST}[word]
}

func (s *service) request(r authn.BeginRequest, id, to string) *etree.Element {
	request := crewjam.AuthnRequest{
		ID: id, Version: "2.0", IssueInstant: s.clock().UTC(), Destination: to, Issuer: &crewjam.Issuer{Value: r.Endpoints.EntityID},
		AssertionConsumerServiceURL: r.Endpoints.CompleteURL, ProtocolBinding: idp.POST,
	}
	if r.Fresh || r.MaxAge > 0 { // SAML has no way to ask for an age
		yes := true
		request.ForceAuthn = &yes
	}
	if s.settings.NameIDFormat != "" {
		create := s.settings.NameIDFormat != formatTransient // SAML Core §3.4.1.1
		request.NameIDPolicy = &crewjam.NameIDPolicy{Format: &s.settings.NameIDFormat, AllowCreate: &create}
	}
	classes := s.classes(r.MultiFactor)
	if len(classes) > 0 {
		request.RequestedAuthnContext = &crewjam.RequestedAuthnContext{Comparison: "exact", AuthnContextClassRef: classes[0]}
	}
	e := request.Element()
	for _, class := range classes[min(1, len(classes)):] {
		for _, c := range e.ChildElements() {
			if c.Tag == "RequestedAuthnContext" {
				c.CreateElement("saml:AuthnContextClassRef").SetText(class)
			}
		}
	}
	return e
}

// classes are the ways to sign on that the IdP is asked for.
func (s *service) classes(multiFactor bool) []string {
	if multiFactor && len(s.settings.defaults.MFAContexts) > 0 {
		return s.settings.defaults.MFAContexts
	}
	return s.settings.AuthnContext
}

// send brings a message of ours to the IdP, by a browser.
func (s *service) send(ctx context.Context, message *etree.Element, name, by, to, relay string, sign bool) (authn.Begun, error) {
	if by == idp.POST {
		return s.post(ctx, message, name, to, relay, sign)
	}
	text, err := write(message)
	if err != nil {
		return authn.Begun{}, err
	}
	query, err := binding.Query(name, text, relay)
	if err != nil {
		return authn.Begun{}, err
	}
	if sign {
		key, err := s.signingKey(ctx)
		if err != nil {
			return authn.Begun{}, err
		}
		query = binding.WithAlgorithm(query)
		digest := sha256.Sum256([]byte(query))
		value, err := s.host.Sign(ctx, key.ID, "RS256", digest[:])
		if err != nil {
			return authn.Begun{}, err
		}
		query = binding.WithSignature(query, value)
	}
	return authn.Begun{URL: binding.To(to, query)}, nil
}

func (s *service) post(ctx context.Context, message *etree.Element, name, to, relay string, sign bool) (authn.Begun, error) {
	if sign {
		key, err := s.signingKey(ctx)
		if err != nil {
			return authn.Begun{}, err
		}
		err = xmldsig.Sign(message, key.Certificate, func(digest []byte) ([]byte, error) { return s.host.Sign(ctx, key.ID, "RS256", digest) })
		if err != nil {
			return authn.Begun{}, err
		}
	}
	text, err := write(message)
	return authn.Begun{URL: to, Fields: binding.Form(name, text, relay)}, err
}

func write(e *etree.Element) ([]byte, error) {
	doc := etree.NewDocument()
	doc.SetRoot(e)
	return doc.WriteToBytes()
}

// signingKey is the one to sign with now.
func (s *service) signingKey(ctx context.Context) (hostsvc.PublicKey, error) {
	keys, err := s.host.Keys(ctx, hostsvc.KeySign)
	if err != nil {
		return hostsvc.PublicKey{}, err
	}
	i := slices.IndexFunc(keys, func(k hostsvc.PublicKey) bool { return k.Current })
	if i < 0 {
		return hostsvc.PublicKey{}, problem.New(problem.Unavailable, "the host has no key to sign with")
	}
	return keys[i], nil
}
