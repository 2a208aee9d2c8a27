package idp

import (
	"crypto/x509"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/beevik/etree"

	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/tree"
	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/wellformed"
	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/xmldsig"
)

// Limit bounds a document of metadata, in bytes: as much as is kept of it.
const Limit = 500 << 10

// Documents are the limits of metadata.
func Documents() wellformed.Limits {
	return wellformed.Limits{Bytes: Limit, Elements: 20_000, Depth: 32, Comments: true}
}

// Parse reads metadata: SAML Metadata §2.3 and §2.4. EntityID says which entity is
// meant where there are several; "" takes one only. With a signer the document has
// to be signed by it, and what is read is what is signed.
func Parse(document []byte, entityID string, signer *x509.Certificate, now time.Time) (p Provider, err error) {
	defer func() {
		if recover() != nil {
			p, err = Provider{}, fmt.Errorf("reading it failed")
		}
	}()
	limits := Documents()
	root, err := wellformed.Parse(document, limits)
	if err != nil {
		return p, err
	}
	if signer != nil {
		verified, err := xmldsig.Verify(root, xmldsig.Policy{Keys: []*x509.Certificate{signer}})
		if err != nil {
			return p, err
		}
		root = verified.Element
	}
	entity, until, err := choose(root, entityID)
	if err != nil {
		return p, err
	}
	if p.ValidUntil, err = earliest(until, entity); err != nil {
		return p, err
	}
	if !p.ValidUntil.IsZero() && !p.ValidUntil.After(now) {
		return p, fmt.Errorf("it was valid until %s", p.ValidUntil.Format(time.RFC3339))
	}
	p.CacheDuration = duration(tree.Value(entity, "cacheDuration"))
	p.EntityID = tree.Value(entity, "entityID")
	if p.EntityID == "" || len(p.EntityID) > 1024 {
		return p, fmt.Errorf("the entityID has %d bytes; it has 1 to 1024", len(p.EntityID))
	}
	roles := tree.Children(entity, tree.Metadata, "IDPSSODescriptor")
	if len(roles) != 1 {
		return p, fmt.Errorf("there are %d of IDPSSODescriptor in it, and not one", len(roles))
	}
	return p, p.role(roles[0])
}

// choose finds the one entity that is meant, and until when what it stands in counts.
func choose(root *etree.Element, entityID string) (*etree.Element, time.Time, error) {
	until, err := earliest(time.Time{}, root)
	if err != nil {
		return nil, until, err
	}
	if tree.Is(root, tree.Metadata, "EntityDescriptor") {
		if id := tree.Value(root, "entityID"); entityID != "" && id != entityID {
			return nil, until, fmt.Errorf("it is of %.200q, not of %.200q", id, entityID)
		}
		return root, until, nil
	}
	if !tree.Is(root, tree.Metadata, "EntitiesDescriptor") {
		return nil, until, fmt.Errorf("it is no SAML metadata but a %.50q", root.Tag)
	}
	var found []*etree.Element
	for _, e := range tree.Children(root, tree.Metadata, "EntityDescriptor") {
		if entityID == "" && len(tree.Children(e, tree.Metadata, "IDPSSODescriptor")) > 0 || entityID != "" && tree.Value(e, "entityID") == entityID {
			found = append(found, e)
		}
	}
	if len(found) != 1 {
		return nil, until, fmt.Errorf("there are %d identity providers in it that may be meant: say which by entity_id", len(found))
	}
	return found[0], until, nil
}

// role reads what the identity provider says of itself.
func (p *Provider) role(e *etree.Element) (err error) {
	if !slices.Contains(strings.Fields(tree.Value(e, "protocolSupportEnumeration")), tree.Protocol) {
		return fmt.Errorf("the identity provider does not say that it speaks SAML 2.0")
	}
	p.WantsSigned = isTrue(tree.Value(e, "WantAuthnRequestsSigned"))
	for _, k := range tree.Children(e, tree.Metadata, "KeyDescriptor") {
		// Without a use a key is for both: SAML Metadata §2.4.1.1. Not to take it for
		// one that signs has left others without any (CVE-2026-16443).
		if use := tree.Value(k, "use"); use != "" && use != "signing" {
			continue
		}
		for _, info := range tree.Children(k, tree.Signature, "KeyInfo") {
			for _, data := range tree.Children(info, tree.Signature, "X509Data") {
				for _, c := range tree.Children(data, tree.Signature, "X509Certificate") {
					text, _ := tree.Text(c)
					one, err := fromBase64(text)
					if err != nil {
						return err
					}
					p.Certificates = Join(p.Certificates, []*x509.Certificate{one})
				}
			}
		}
	}
	switch {
	case len(p.Certificates) == 0:
		return fmt.Errorf("there is no certificate to verify signatures with in it")
	case len(p.Certificates) > MostCertificates:
		return fmt.Errorf("there are more than %d certificates in it", MostCertificates)
	}
	if p.SSO, err = endpoints(e, "SingleSignOnService"); err != nil {
		return err
	}
	if len(p.SSO) == 0 {
		return fmt.Errorf("there is no address to sign on at by HTTP-Redirect or HTTP-POST in it")
	}
	p.SLO, err = endpoints(e, "SingleLogoutService")
	return err
}

func endpoints(e *etree.Element, name string) (list []Endpoint, err error) {
	for _, s := range tree.Children(e, tree.Metadata, name) {
		at := Endpoint{Binding: tree.Value(s, "Binding"), URL: tree.Value(s, "Location"), Response: tree.Value(s, "ResponseLocation")}
		if at.Binding != Redirect && at.Binding != POST {
			continue
		}
		for _, u := range []string{at.URL, at.Response} {
			if u == "" && at.URL != "" {
				continue
			}
			if err := CheckURL(u); err != nil {
				return nil, fmt.Errorf("a %s: %w", name, err)
			}
		}
		list = append(list, at)
	}
	slices.SortStableFunc(list, func(a, b Endpoint) int { return strings.Compare(b.Binding, a.Binding) }) // Redirect before POST
	if len(list) > 16 {
		return nil, fmt.Errorf("there are %d of %s in it", len(list), name)
	}
	return list, nil
}

// earliest is the earlier of a time and the validUntil of an element.
func earliest(before time.Time, e *etree.Element) (time.Time, error) {
	text, there := tree.Attr(e, "validUntil")
	if !there {
		return before, nil
	}
	at, err := time.Parse(time.RFC3339, strings.Trim(text, tree.Space))
	if err != nil {
		return before, fmt.Errorf("the validUntil in it is no time with a zone")
	}
	if before.IsZero() || at.Before(before) {
		before = at.UTC()
	}
	return before, nil
}

func isTrue(text string) bool { return text == "true" || text == "1" } // XML Schema 2 §3.2.2

var durationForm = regexp.MustCompile(`^P(?:(\d{1,4})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,8})(?:\.\d+)?S)?)?$`)

// duration reads an xs:duration; one that is none, or has years or months, is none.
func duration(text string) time.Duration {
	m := durationForm.FindStringSubmatch(text)
	if m == nil {
		return 0
	}
	var d time.Duration
	for i, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second} {
		n, _ := strconv.Atoi("0" + m[i+1]) // digits
		d += time.Duration(n) * unit
	}
	return d
}
