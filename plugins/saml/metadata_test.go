package saml_test

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/plugins/saml/samltest"
)

// published are the certificates for a use in our metadata.
func (r *room) published(use string) (out []*x509.Certificate) {
	r.t.Helper()
	m, err := r.Metadata(r.t.Context(), name, r.Endpoints(name))
	if err != nil {
		r.t.Fatal(err)
	}
	root, err := samltest.Root(string(m.Document))
	if err != nil {
		r.t.Fatal(err)
	}
	for _, k := range root.FindElements(".//KeyDescriptor[@use='" + use + "']") {
		der, err := base64.StdEncoding.DecodeString(k.FindElement(".//X509Certificate").Text())
		if err != nil {
			r.t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			r.t.Fatal(err)
		}
		out = append(out, c)
	}
	return out
}

// verified reports whether a message is signed with a key.
func verified(c *x509.Certificate, s samltest.Sent) bool {
	if s.Signature != nil {
		return c.CheckSignature(x509.SHA256WithRSA, []byte(s.Signed), s.Signature) == nil
	}
	return samltest.Verify(s.XML, c) == nil
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	r := newRoom(t, "okta", config(nil))
	e := r.Endpoints(name)
	m, err := r.Metadata(t.Context(), name, e)
	if err != nil {
		t.Fatal(err)
	}
	text := string(m.Document)
	for _, want := range []string{
		`entityID="` + e.EntityID + `"`, `Location="` + e.CompleteURL + `"`, `Location="` + e.LogoutURL + `"`, `WantAssertionsSigned="true"`, `AuthnRequestsSigned="true"`,
		"xmlenc11#aes256-gcm", "HTTP-Redirect", "HTTP-POST",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %s in\n%s", want, text)
		}
	}
	if strings.Contains(text, "-cbc") || strings.Contains(text, "rsa-1_5") || strings.Contains(text, "validUntil") {
		t.Errorf("there is something in it that should not be:\n%s", text)
	}
	if field(m.Values, "Single sign-on URL") != e.CompleteURL || field(m.Values, "Audience URI (SP Entity ID)") != e.EntityID {
		t.Errorf("the values for Okta are %q", m.Values)
	}
	if k := r.published("signing")[0].PublicKey.(*rsa.PublicKey); k.N.BitLen() < 2048 {
		t.Error("the key is short")
	}
	cbc := newRoom(t, "generic", config(doc{"allow_cbc": true}))
	if m, err := cbc.Metadata(t.Context(), name, e); err != nil || !strings.Contains(string(m.Document), "aes256-cbc") {
		t.Errorf("with allow_cbc: %v", err)
	}
}

// Requests are signed in both bindings, where they have to be.
func TestRequestsAreSigned(t *testing.T) {
	t.Parallel()
	wants := strings.Replace(samltest.Metadata(idpID, sso, slo, keys()[0]), "<md:IDPSSODescriptor ", `<md:IDPSSODescriptor WantAuthnRequestsSigned="true" `, 1)
	for name, c := range map[string]struct {
		block  doc
		signed bool
		posted bool
	}{
		"as it is":              {config(nil), true, false},
		"by post":               {config(doc{"binding": "post"}), true, true},
		"not signed":            {config(doc{"sign_requests": false}), false, false},
		"not signed by post":    {config(doc{"sign_requests": false, "binding": "post"}), false, true},
		"the IdP wants it":      {config(doc{"sign_requests": false, "metadata": wants}), true, false},
		"without metadata":      {byHand(nil), true, false},
		"without it, by post":   {byHand(doc{"binding": "post"}), true, true},
		"an address of a query": {byHand(doc{"sso_url": sso}), true, false},
	} {
		r := newRoom(t, "generic", c.block)
		b, begun := r.asks(nil)
		s := asked(t, begun)
		if s.RelayState != b.Relay || (len(begun.Fields) > 0) != c.posted || !c.posted && !strings.HasPrefix(begun.URL, sso+"&SAMLRequest=") {
			t.Errorf("%s: it is sent to %s with %v", name, begun.URL, begun.Fields)
		}
		if is := verified(r.published("signing")[0], s); is != c.signed {
			t.Errorf("%s: signed is %v, want %v", name, is, c.signed)
		}
		r.signsOn(name, nil)
	}
}
