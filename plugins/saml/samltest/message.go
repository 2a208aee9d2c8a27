package samltest

import (
	"crypto/rand"
	"encoding/xml"
	"fmt"
	"strings"
	"time"
)

// Shape says what of a Response is signed.
type Shape int

// The shapes; the zero value signs the assertion, as most IdPs do.
const (
	SignAssertion Shape = iota
	SignResponse
	SignBoth
	SignNothing
)

// Shapes are those that an IdP has.
func Shapes() []Shape { return []Shape{SignAssertion, SignResponse, SignBoth} }

// String names the shape in tests.
func (s Shape) String() string {
	return []string{"assertion signed", "response signed", "both signed", "nothing signed"}[s]
}

// Attribute is one with its values.
type Attribute struct {
	Name   string
	Values []string
}

// Message is a Response about somebody. What is empty is filled in.
type Message struct {
	Issuer       string // the entityID
	Recipient    string // the assertion consumer service
	Audience     string // the service's entityID
	InResponseTo string // "" answers nothing

	NameID       string
	Format       string
	Context      string // the AuthnContextClassRef
	SessionIndex string
	Attributes   []Attribute
	Now          time.Time
	AuthnInstant time.Time
	SessionEnds  time.Time // zero is unsaid
	ID           string    // of the assertion

	EditAssertion func(string) string // before it is signed
	EditResponse  func(string) string // with the assertion in it, before it is signed

	Key        Key
	Shape      Shape
	Signing    Signing
	Encryption *Encryption // nil encrypts nothing
}

// The words of a Response.
const (
	Unspecified = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
	Persistent  = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
	Transient   = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
	Password    = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
	Success     = "urn:oasis:names:tc:SAML:2.0:status:Success"
)

// XML makes the Response.
func (m Message) XML() (string, error) {
	m = m.filled()
	assertion := edit(m.assertion(), m.EditAssertion)
	var err error
	if m.Shape == SignAssertion || m.Shape == SignBoth {
		if assertion, err = Sign(assertion, m.Key, m.Signing); err != nil {
			return "", fmt.Errorf("signing the assertion: %w", err)
		}
	}
	if m.Encryption != nil {
		if assertion, err = m.Encryption.Assertion(assertion); err != nil {
			return "", fmt.Errorf("encrypting the assertion: %w", err)
		}
	}
	response := edit(m.response(assertion), m.EditResponse)
	if m.Shape == SignResponse || m.Shape == SignBoth {
		if response, err = Sign(response, m.Key, m.Signing); err != nil {
			return "", fmt.Errorf("signing the response: %w", err)
		}
	}
	return response, nil
}

func (m Message) filled() Message {
	for _, f := range []struct {
		field *string
		value string
	}{
		{&m.ID, "_a" + rand.Text()}, {&m.NameID, "ada@example.com"}, {&m.Format, Unspecified}, {&m.Context, Password}, {&m.SessionIndex, "_s1"},
	} {
		if *f.field == "" {
			*f.field = f.value
		}
	}
	if m.Now.IsZero() {
		m.Now = time.Now()
	}
	if m.AuthnInstant.IsZero() {
		m.AuthnInstant = m.Now
	}
	return m
}

func edit(text string, by func(string) string) string {
	if by == nil {
		return text
	}
	return by(text)
}

// Stamp writes a time as SAML does.
func Stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// Escape writes a value into XML.
func Escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a builder takes everything
	return b.String()
}

func (m Message) assertion() string {
	answers, ends, attributes := "", "", ""
	if m.InResponseTo != "" {
		answers = fmt.Sprintf(` InResponseTo="%s"`, Escape(m.InResponseTo))
	}
	if !m.SessionEnds.IsZero() {
		ends = fmt.Sprintf(` SessionNotOnOrAfter="%s"`, Stamp(m.SessionEnds))
	}
	for _, a := range m.Attributes {
		attributes += fmt.Sprintf(`<saml:Attribute Name="%s">`, Escape(a.Name))
		var values strings.Builder
		for _, v := range a.Values {
			values.WriteString(`<saml:AttributeValue xsi:type="xs:string">` + Escape(v) + `</saml:AttributeValue>`)
		}
		attributes += values.String() + `</saml:Attribute>`
	}
	if attributes != "" {
		attributes = `<saml:AttributeStatement xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">` + attributes + "</saml:AttributeStatement>"
	}
	return fmt.Sprintf(`<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="%[1]s" Version="2.0" IssueInstant="%[2]s">`+
		`<saml:Issuer>%[3]s</saml:Issuer>`+
		`<saml:Subject><saml:NameID Format="%[4]s">%[5]s</saml:NameID>`+
		`<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData%[6]s NotOnOrAfter="%[7]s" Recipient="%[8]s"/></saml:SubjectConfirmation></saml:Subject>`+
		`<saml:Conditions NotBefore="%[9]s" NotOnOrAfter="%[7]s"><saml:AudienceRestriction><saml:Audience>%[10]s</saml:Audience></saml:AudienceRestriction></saml:Conditions>`+
		`<saml:AuthnStatement AuthnInstant="%[11]s" SessionIndex="%[12]s"%[13]s><saml:AuthnContext><saml:AuthnContextClassRef>%[14]s</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>`+
		`%[15]s</saml:Assertion>`,
		m.ID, Stamp(m.Now), Escape(m.Issuer), Escape(m.Format), Escape(m.NameID), answers, Stamp(m.Now.Add(5*time.Minute)), Escape(m.Recipient),
		Stamp(m.Now.Add(-time.Minute)), Escape(m.Audience), Stamp(m.AuthnInstant), Escape(m.SessionIndex), ends, Escape(m.Context), attributes)
}

func (m Message) response(assertion string) string {
	answers := ""
	if m.InResponseTo != "" {
		answers = fmt.Sprintf(` InResponseTo="%s"`, Escape(m.InResponseTo))
	}
	return fmt.Sprintf(`<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_r%s" Version="2.0" IssueInstant="%s" Destination="%s"%s>`+
		`<saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">%s</saml:Issuer>`+
		`<samlp:Status><samlp:StatusCode Value="%s"/></samlp:Status>%s</samlp:Response>`,
		m.ID, Stamp(m.Now), Escape(m.Recipient), answers, Escape(m.Issuer), Success, assertion)
}
