package saml

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"slices"

	"github.com/beevik/etree"

	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/assertion"
	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/binding"
	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/idp"
	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/response"
	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/wellformed"
	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/xmldsig"
	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/xmlenc"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
)

// Complete reads the Response that a browser came back with: SAML Profiles §4.1.4.3.
// Whatever a browser can bring ends in an identity or a denial.
func (s *service) Complete(ctx context.Context, r authn.CompleteRequest) (authn.Identity, error) {
	var asked state
	var err error
	if !r.Unsolicited {
		if asked, err = readState(r.State, false); err != nil {
			return authn.Identity{}, err
		}
	}
	if r.Incoming.Method != http.MethodPost { // SAML Profiles §4.1.2: a Response does not go into a query
		return authn.Identity{}, authn.Deny("binding", "a Response comes by POST")
	}
	m, err := binding.Read(r.Incoming, int(s.settings.MaxSize))
	if err != nil {
		return authn.Identity{}, err
	}
	if m.Request {
		return authn.Identity{}, authn.Deny("binding", "a request came where a Response belongs")
	}
	p, err := s.provider(ctx)
	if err != nil {
		return authn.Identity{}, err
	}
	expected := assertion.Expected{
		Issuer: p.EntityID, Audience: r.Endpoints.EntityID, Recipient: r.Endpoints.CompleteURL, InResponseTo: asked.ID,
		Now: s.clock(), Skew: s.settings.skew, Fresh: r.Fresh, MaxAge: r.MaxAge, Begun: r.Begun,
	}
	a, weaknesses, err := s.read(ctx, p, m.XML, expected)
	if err != nil {
		return authn.Identity{}, err
	}
	if err := s.asAsked(a, asked); err != nil {
		return authn.Identity{}, err
	}
	identity, err := s.identity(a)
	if err != nil {
		return authn.Identity{}, err
	}
	identity.Weaknesses = weaknesses
	// An assertion counts once (SAML Profiles §4.1.4.5), and is remembered for as long
	// as it would be taken. A message that is refused uses nothing up.
	identity.Once = authn.Once{Kind: "assertion", ID: a.Issuer + " " + digestOf(a.ID), Until: a.Counts}
	return identity, nil
}

// read verifies a message with the IdP's certificates, and with newer ones if the IdP
// has them by now.
func (s *service) read(ctx context.Context, p idp.Provider, message []byte, x assertion.Expected) (assertion.Assertion, []string, error) {
	a, weaknesses, err := s.validator(p.Certificates).Read(ctx, message, x)
	if denied := (*authn.Denied)(nil); errors.As(err, &denied) && denied.Reason == "signature" {
		if newer, other := s.renewed(ctx, p); other {
			return s.validator(newer.Certificates).Read(ctx, message, x)
		}
	}
	return a, weaknesses, err
}

func (s *service) validator(certificates []*x509.Certificate) response.Validator {
	limits := wellformed.Messages()
	limits.Bytes = int(s.settings.MaxSize)
	return response.Validator{
		Limits: limits, Policy: xmldsig.Policy{Keys: certificates, SHA1: s.settings.AllowSHA1},
		Decrypt: s.decrypt, Encrypted: s.settings.RequireEncryption,
	}
}

// decrypt decrypts with the keys that the host has for it.
func (s *service) decrypt(ctx context.Context, e *etree.Element, verified bool) ([]byte, []string, error) {
	d := xmlenc.Decrypter{CBC: s.settings.AllowCBC, Keys: s.decryptionKeys, Unwrap: s.host.Decrypt}
	return d.Decrypt(ctx, e, verified)
}

// decryptionKeys are those that something may be encrypted to, the newest first.
func (s *service) decryptionKeys(ctx context.Context) (out []xmlenc.Key, err error) {
	public, err := s.host.Keys(ctx, hostsvc.KeyDecrypt)
	if err != nil {
		return nil, err
	}
	for _, k := range slices.Backward(public) {
		out = append(out, xmlenc.Key{ID: k.ID, Certificate: k.Certificate})
	}
	return out, nil
}

// asAsked checks that the answer is what the IdP was asked for, where it says so
// itself: an IdP may answer with less (SAML Core §3.3.2.2.1 forbids it).
func (s *service) asAsked(a assertion.Assertion, asked state) error {
	if want := s.settings.NameIDFormat; want != "" && want != formatUnspecified && a.NameID.Format != want {
		return authn.Deny("name_id_format", "the name is a %.100q, and not a %q", a.NameID.Format, want)
	}
	if asked.MultiFactor && len(s.settings.defaults.MFAContexts) > 0 {
		return nil // whether that was fulfilled is for the host to judge
	}
	if want := s.settings.AuthnContext; len(want) > 0 && !slices.Contains(want, a.Authn.Context) {
		return authn.Deny("authn_context", "they signed on by %.200q, and not by one of %q", a.Authn.Context, want)
	}
	return nil
}
