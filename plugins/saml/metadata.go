package saml

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"encoding/xml"

	crewjam "github.com/crewjam/saml"

	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/idp"
	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/tree"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
)

// Metadata is what the IdP has to be given: SAML Metadata §2.4.4. While one key takes
// over from another, both stand in it.
func (s *service) Metadata(ctx context.Context, e authn.Endpoints) (authn.Metadata, error) {
	sign, err := s.host.Keys(ctx, hostsvc.KeySign)
	if err != nil {
		return authn.Metadata{}, err
	}
	decrypt, err := s.host.Keys(ctx, hostsvc.KeyDecrypt)
	if err != nil {
		return authn.Metadata{}, err
	}
	yes := true
	role := crewjam.SPSSODescriptor{
		AuthnRequestsSigned: &s.settings.SignRequests, WantAssertionsSigned: &yes,
		AssertionConsumerServices: []crewjam.IndexedEndpoint{{Binding: idp.POST, Location: e.CompleteURL, Index: 0, IsDefault: &yes}},
	}
	role.ProtocolSupportEnumeration = tree.Protocol
	if s.settings.NameIDFormat != "" {
		role.NameIDFormats = []crewjam.NameIDFormat{crewjam.NameIDFormat(s.settings.NameIDFormat)}
	}
	for _, b := range []string{idp.Redirect, idp.POST} {
		role.SingleLogoutServices = append(role.SingleLogoutServices, crewjam.Endpoint{Binding: b, Location: e.LogoutURL})
	}
	for _, k := range sign {
		role.KeyDescriptors = append(role.KeyDescriptors, describeKey("signing", k.Certificate))
	}
	for _, k := range decrypt {
		d := describeKey("encryption", k.Certificate)
		for _, algorithm := range s.encryptionMethods() {
			d.EncryptionMethods = append(d.EncryptionMethods, crewjam.EncryptionMethod{Algorithm: algorithm})
		}
		role.KeyDescriptors = append(role.KeyDescriptors, d)
	}
	document, err := xml.MarshalIndent(plain{EntityID: e.EntityID, Role: role}, "", "  ")
	if err != nil {
		return authn.Metadata{}, err
	}
	d := s.settings.defaults
	values := []authn.Field{{Name: d.EntityID, Value: e.EntityID}, {Name: d.ACS, Value: e.CompleteURL}, {Name: d.SLO, Value: e.LogoutURL}}
	for _, k := range sign {
		if k.Current {
			values = append(values, authn.Field{Name: d.Certificate, Value: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: k.Certificate.Raw}))})
		}
	}
	return authn.Metadata{ContentType: "application/samlmetadata+xml", Document: append([]byte(xml.Header), document...), Values: values}, nil
}

// plain is an EntityDescriptor that says nothing of its period: the host's address of
// the metadata is where the present one is.
type plain struct {
	XMLName  xml.Name                `xml:"urn:oasis:names:tc:SAML:2.0:metadata EntityDescriptor"`
	EntityID string                  `xml:"entityID,attr"`
	Role     crewjam.SPSSODescriptor `xml:"SPSSODescriptor"`
}

func describeKey(use string, c *x509.Certificate) crewjam.KeyDescriptor {
	return crewjam.KeyDescriptor{Use: use, KeyInfo: crewjam.KeyInfo{X509Data: crewjam.X509Data{
		X509Certificates: []crewjam.X509Certificate{{Data: base64.StdEncoding.EncodeToString(c.Raw)}},
	}}}
}

// encryptionMethods are those that an IdP may choose from, the best first.
func (s *service) encryptionMethods() []string {
	const newer, old = "http://www.w3.org/2009/xmlenc11#", "http://www.w3.org/2001/04/xmlenc#"
	out := []string{newer + "aes256-gcm", newer + "aes128-gcm"}
	if s.settings.AllowCBC {
		out = append(out, old+"aes256-cbc", old+"aes128-cbc")
	}
	return append(out, old+"rsa-oaep-mgf1p", newer+"rsa-oaep")
}
