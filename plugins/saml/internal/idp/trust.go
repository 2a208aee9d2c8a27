package idp

import (
	"crypto/x509"
	"fmt"
	"slices"
)

// The rules for new certificates of metadata that nobody has signed.
const (
	Overlap = "overlap" // one that is trusted is still there: how an IdP rolls over
	Always  = "always"
	Never   = "never"
)

// Accept says why newer metadata must not take the place of what is trusted, which is
// of the older document and of the operator; where nothing is, the first document is
// trusted, since it came over TLS from where the operator says. Signed metadata may
// bring any certificate, and another entityID is another IdP.
func Accept(older *Provider, newer Provider, trusted []*x509.Certificate, rule string, signed bool) error {
	if older != nil && older.EntityID != newer.EntityID {
		return fmt.Errorf("it is of %.200q now, and was of %.200q", newer.EntityID, older.EntityID)
	}
	if signed || len(trusted) == 0 || rule == Always {
		return nil
	}
	is := func(c *x509.Certificate) bool { return Has(trusted, c) }
	switch {
	case rule == Never && slices.ContainsFunc(newer.Certificates, func(c *x509.Certificate) bool { return !is(c) }):
		return fmt.Errorf("it has a certificate that is not trusted yet")
	case rule == Overlap && !slices.ContainsFunc(newer.Certificates, is):
		return fmt.Errorf("none of its certificates is one that is trusted")
	}
	return nil
}
