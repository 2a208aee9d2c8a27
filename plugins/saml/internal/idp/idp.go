// Package idp is what is known of an identity provider: its name, where it is, and
// the certificates that it is trusted by. It reads SAML metadata, and says when a
// newer document may take the place of an older one.
package idp

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/tree"
)

// The bindings that are spoken: SAML Bindings §3.4 and §3.5.
const (
	Redirect = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
	POST     = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
)

// Provider is an identity provider.
type Provider struct {
	EntityID     string
	SSO          []Endpoint // in the order in which they are preferred
	SLO          []Endpoint
	Certificates []*x509.Certificate // each of them is trusted, whatever its period
	WantsSigned  bool                // requests have to be signed

	ValidUntil    time.Time // of the document; zero is unsaid
	CacheDuration time.Duration
}

// Endpoint is an address of an IdP.
type Endpoint struct {
	Binding  string
	URL      string
	Response string // where an answer goes, if not to URL: SAML Metadata §2.2.2
}

// MostCertificates is how many may be trusted at once: each costs a verification.
const MostCertificates = 8

// Find is the endpoint of a binding; "" is the preferred one.
func Find(list []Endpoint, binding string) (Endpoint, bool) {
	for _, e := range list {
		if binding == "" || e.Binding == binding {
			return e, true
		}
	}
	return Endpoint{}, false
}

// CheckURL says what is wrong with an address of an IdP. A browser is sent there, so
// nothing but a plain address may come out of metadata (CVE-2023-45683). Whether
// http is good enough is the host's to say.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		return errors.New("it is no absolute URL of https")
	case u.User != nil || u.Fragment != "" || len(text) > 2048 || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return errors.New("it has a user, a fragment, white space, or more than 2048 bytes")
	}
	return nil
}

// ParseCertificates reads certificates in PEM, or one in base64 as it stands in
// metadata.
func ParseCertificates(text string) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	if !strings.Contains(text, "-----BEGIN") {
		one, err := fromBase64(text)
		if err != nil {
			return nil, err
		}
		return []*x509.Certificate{one}, nil
	}
	rest := []byte(text)
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, errors.New("there is something else than a certificate in it")
		}
		one, err := parse(block.Bytes)
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	if len(out) == 0 || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("it is not in PEM")
	}
	return out, nil
}

func fromBase64(text string) (*x509.Certificate, error) {
	der, err := base64.StdEncoding.DecodeString(strings.Map(func(r rune) rune {
		if strings.ContainsRune(tree.Space, r) {
			return -1
		}
		return r
	}, text))
	if err != nil {
		return nil, errors.New("it is neither in PEM nor in base64")
	}
	return parse(der)
}

// leastRSA is the shortest key that is taken at all, in bits; what is below 2048 is a
// weakness.
const leastRSA = 1024

func parse(der []byte) (*x509.Certificate, error) {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, errors.New("a certificate in it cannot be read")
	}
	switch k := c.PublicKey.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() < leastRSA {
			return nil, errors.New("the key of a certificate has less than 1024 bits")
		}
	case *ecdsa.PublicKey:
	default:
		return nil, errors.New("the key of a certificate is neither of RSA nor on a curve of NIST")
	}
	return c, nil
}

// Join adds certificates to others, each once.
func Join(a, b []*x509.Certificate) []*x509.Certificate {
	out := slices.Clone(a)
	for _, c := range b {
		if !Has(out, c) {
			out = append(out, c)
		}
	}
	return out
}

// Has reports whether a certificate is among others.
func Has(list []*x509.Certificate, c *x509.Certificate) bool {
	return slices.ContainsFunc(list, func(o *x509.Certificate) bool { return o.Equal(c) })
}
