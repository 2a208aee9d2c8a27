package samltest

import (
	"crypto/rand"
	"fmt"
	"strings"
	"time"
)

// LogoutRequest makes a request of an IdP to end sessions, not signed: SAML Core
// §3.7.1.
func LogoutRequest(issuer, destination, nameID, format string, indexes ...string) string {
	var sessions strings.Builder
	for _, i := range indexes {
		sessions.WriteString("<samlp:SessionIndex>" + Escape(i) + "</samlp:SessionIndex>")
	}
	now := time.Now()
	return fmt.Sprintf(`<samlp:LogoutRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_l%s" Version="2.0" IssueInstant="%s" NotOnOrAfter="%s" Destination="%s">`+
		`<saml:Issuer>%s</saml:Issuer><saml:NameID Format="%s">%s</saml:NameID>%s</samlp:LogoutRequest>`,
		rand.Text(), Stamp(now), Stamp(now.Add(5*time.Minute)), Escape(destination), Escape(issuer), Escape(format), Escape(nameID), sessions.String())
}

// LogoutResponse makes an answer of an IdP, not signed: SAML Core §3.7.2.
func LogoutResponse(issuer, destination, inResponseTo, status string) string {
	to := ""
	if destination != "" {
		to = fmt.Sprintf(` Destination="%s"`, Escape(destination))
	}
	return fmt.Sprintf(`<samlp:LogoutResponse xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_l%s" Version="2.0" IssueInstant="%s" InResponseTo="%s"%s>`+
		`<saml:Issuer>%s</saml:Issuer><samlp:Status><samlp:StatusCode Value="%s"/></samlp:Status></samlp:LogoutResponse>`,
		rand.Text(), Stamp(time.Now()), Escape(inResponseTo), to, Escape(issuer), Escape(status))
}

// Metadata describes an IdP: SAML Metadata §2.4.3.
func Metadata(entityID, sso, slo string, keys ...Key) string {
	var described strings.Builder
	for _, k := range keys {
		described.WriteString(`<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>` + k.Base64() + `</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>`)
	}
	services := ""
	for _, b := range []string{"HTTP-Redirect", "HTTP-POST"} {
		if slo != "" {
			services += fmt.Sprintf(`<md:SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:%s" Location="%s"/>`, b, Escape(slo))
		}
	}
	for _, b := range []string{"HTTP-Redirect", "HTTP-POST"} {
		services += fmt.Sprintf(`<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:%s" Location="%s"/>`, b, Escape(sso))
	}
	return fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?>`+"\n"+`<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="%s">`+
		`<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">%s%s</md:IDPSSODescriptor></md:EntityDescriptor>`,
		Escape(entityID), described.String(), services)
}
