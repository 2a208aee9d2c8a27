package response_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/assertion"
	"github.com/gatehouse-id/gatehouse/plugins/saml/samltest"
)

// drop takes an attribute out of an element's start tag.
func drop(tag, attribute string) func(m *samltest.Message) {
	return func(m *samltest.Message) {
		m.EditAssertion = func(text string) string {
			root, err := samltest.Root(text)
			if err != nil {
				panic(err)
			}
			e := root
			if tag != "" {
				e = root.FindElement(".//" + tag)
			}
			if e.RemoveAttr(attribute) == nil {
				panic("there is no " + attribute)
			}
			if text, err = samltest.Text(root); err != nil {
				panic(err)
			}
			return text
		}
	}
}

// set gives an attribute of an element a value.
func set(tag, attribute, value string) func(m *samltest.Message) {
	return func(m *samltest.Message) {
		m.EditAssertion = func(text string) string {
			root, err := samltest.Root(text)
			if err != nil {
				panic(err)
			}
			e := root
			if tag != "" {
				e = root.FindElement(".//" + tag)
			}
			e.CreateAttr(attribute, value)
			if text, err = samltest.Text(root); err != nil {
				panic(err)
			}
			return text
		}
	}
}

// remove takes an element out of the assertion.
func remove(tag string) func(m *samltest.Message) {
	return func(m *samltest.Message) {
		m.EditAssertion = func(text string) string {
			root, err := samltest.Root(text)
			if err != nil {
				panic(err)
			}
			e := root.FindElement(".//" + tag)
			e.Parent().RemoveChild(e)
			if text, err = samltest.Text(root); err != nil {
				panic(err)
			}
			return text
		}
	}
}

func stamp(d time.Duration) string { return samltest.Stamp(time.Now().Add(d)) }

// All of these are signed by the IdP, and not for us, here and now.
func TestMessagesForOthers(t *testing.T) {
	t.Parallel()
	rows := []attack{
		{name: "no audience", reason: "audience", signed: remove("AudienceRestriction")},
		{name: "no one in it", reason: "audience", signed: remove("Audience")},
		{name: "two restrictions, one not for us", reason: "audience", signed: said("</saml:AudienceRestriction>", "</saml:AudienceRestriction><saml:AudienceRestriction><saml:Audience>https://b.example/</saml:Audience></saml:AudienceRestriction>")},
		{name: "no conditions", reason: "conditions", signed: remove("Conditions")},
		{name: "a condition of somebody's own", reason: "conditions", signed: said("</saml:Conditions>", `<saml:Condition xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="x"/></saml:Conditions>`)},
		{name: "a condition of another namespace", reason: "conditions", signed: said("</saml:Conditions>", `<x:OneTimeUse xmlns:x="https://example.com/"/></saml:Conditions>`)},
		{name: "OneTimeUse twice", reason: "conditions", signed: said("</saml:Conditions>", `<saml:OneTimeUse/><saml:OneTimeUse/></saml:Conditions>`)},
		{name: "no subject", reason: "subject", signed: remove("Subject")},
		{name: "no confirmation", reason: "confirmation", signed: remove("SubjectConfirmation")},
		{name: "a confirmation of nothing", reason: "confirmation", signed: remove("SubjectConfirmationData")},
		{name: "holder of key", reason: "confirmation", signed: said("cm:bearer", "cm:holder-of-key")},
		{name: "sender vouches", reason: "confirmation", signed: said("cm:bearer", "cm:sender-vouches")},
		{name: "no recipient", reason: "recipient", signed: drop("SubjectConfirmationData", "Recipient")},
		{name: "a confirmation without an end", reason: "time", signed: drop("SubjectConfirmationData", "NotOnOrAfter")},
		{name: "a confirmation that begins", reason: "confirmation", signed: set("SubjectConfirmationData", "NotBefore", stamp(-time.Hour))},
		{name: "a confirmation that is over", reason: "expired", signed: set("SubjectConfirmationData", "NotOnOrAfter", stamp(-4*time.Minute))},
		{name: "a confirmation that answers another", reason: "in_response_to", signed: set("SubjectConfirmationData", "InResponseTo", "_other")},
		{name: "a confirmation that answers nothing", reason: "in_response_to", signed: drop("SubjectConfirmationData", "InResponseTo")},
		{name: "no statement", reason: "authn_statement", signed: remove("AuthnStatement")},
		{name: "no context", reason: "authn_statement", signed: remove("AuthnContext")},
		{name: "no instant", reason: "time", signed: drop("AuthnStatement", "AuthnInstant")},
		{name: "an instant in an hour", reason: "authn_instant", signed: set("AuthnStatement", "AuthnInstant", stamp(time.Hour))},
		{name: "a session that is over", reason: "session_over", signed: set("AuthnStatement", "SessionNotOnOrAfter", stamp(-time.Hour))},
		{name: "an assertion of version 1.1", reason: "version", signed: set("", "Version", "1.1")},
		{name: "an assertion of no version", reason: "version", signed: drop("", "Version")},
		{name: "an assertion without an issuer", reason: "issuer|unsigned|signature|signature_place", shapes: []samltest.Shape{samltest.SignResponse}, signed: remove("Issuer")},
		{name: "an assertion of tomorrow", reason: "issue_instant", signed: set("", "IssueInstant", stamp(24*time.Hour))},
		{name: "an assertion of yesterday", reason: "issue_instant", signed: set("", "IssueInstant", stamp(-24*time.Hour))},
		{name: "an assertion of no time", reason: "time", signed: drop("", "IssueInstant")},
		{name: "a time without a zone", reason: "time", signed: set("Conditions", "NotBefore", strings.TrimSuffix(stamp(-time.Minute), "Z"))},
		{name: "a leap second", reason: "time", signed: set("Conditions", "NotBefore", "2016-12-31T23:59:60Z")},
		{name: "a year too far", reason: "time", signed: set("Conditions", "NotOnOrAfter", "99999-01-01T00:00:00Z")},
		{name: "an end before the beginning", reason: "conditions", signed: set("Conditions", "NotOnOrAfter", stamp(-2*time.Minute))},
		{name: "one that begins in an hour", reason: "not_yet", signed: func(m *samltest.Message) {
			m.EditAssertion = func(text string) string {
				set("Conditions", "NotOnOrAfter", stamp(2*time.Hour))(m)
				text = m.EditAssertion(text)
				set("Conditions", "NotBefore", stamp(time.Hour))(m)
				return m.EditAssertion(text)
			}
		}},
		{name: "one that is over", reason: "expired", signed: func(m *samltest.Message) {
			set("Conditions", "NotOnOrAfter", stamp(-4*time.Minute))(m)
			second := m.EditAssertion
			m.EditAssertion = func(text string) string {
				other := samltest.Message{}
				set("Conditions", "NotBefore", stamp(-time.Hour))(&other)
				return second(other.EditAssertion(text))
			}
		}},
		{name: "no status", reason: "status", signed: saidByResponse(`<samlp:Status><samlp:StatusCode Value="`+samltest.Success+`"/></samlp:Status>`, "")},
		{name: "authentication failed", reason: "authn_failed", signed: saidByResponse(`<samlp:StatusCode Value="`+samltest.Success+`"/>`, `<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Responder"><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:AuthnFailed"/></samlp:StatusCode>`)},
		{name: "a status that is not the first", reason: "status", signed: saidByResponse(samltest.Success, samltest.Success+"ful")},
		{name: "a response of version 1.1", reason: "version", signed: saidByResponse(`Version="2.0"`, `Version="1.1"`)},
		{name: "a response of another issuer", reason: "issuer", signed: saidByResponse(idp+"</saml:Issuer>", "https://other.example/</saml:Issuer>")},
		{name: "a response that answers another", reason: "in_response_to", signed: saidByResponse(`InResponseTo="`+request+`"`, `InResponseTo="_other"`)},
		{name: "a response that answers nothing", reason: "in_response_to", signed: saidByResponse(` InResponseTo="`+request+`"`, "")},
		{name: "a signed response for nowhere", reason: "destination", shapes: responseSigned, signed: saidByResponse(` Destination="`+acs+`"`, "")},
		{name: "a response of tomorrow", reason: "issue_instant", shapes: []samltest.Shape{samltest.SignAssertion}, bytes: func(m string) string {
			return replace(m, ` IssueInstant="`, ` IssueInstant="`+stamp(24*time.Hour)+`" x="`)
		}},
		{name: "an issuer that is a person", reason: "issuer", signed: said("<saml:Issuer>", `<saml:Issuer Format="urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress">`)},
	}
	for _, where := range []string{
		acs + ".evil", acs + "/", strings.ToUpper(acs), acs + "?", acs + "#", "http" + acs[5:], "https://app.example.com:443/sso/acme/acs",
		"https://x@app.example.com/sso/acme/acs", "https://app.example.com/sso/other/acs", acs[:len(acs)-1], " " + acs, "",
	} {
		rows = append(rows,
			attack{name: "for " + where, reason: "recipient", signed: set("SubjectConfirmationData", "Recipient", where)},
			attack{name: "sent to " + where, reason: "destination", signed: saidByResponse(`Destination="`+acs+`"`, `Destination="`+where+`"`)})
	}
	for _, who := range []string{entity + "/", strings.ToUpper(entity), entity[:len(entity)-1], entity + ".evil", "https://app.example.com/sso/other/metadata", ""} {
		rows = append(rows, attack{name: "an audience " + who, reason: "audience", signed: said(entity+"</saml:Audience>", who+"</saml:Audience>")})
	}
	for _, who := range []string{idp + "/", strings.ToUpper(idp), "https://other.example/", ""} {
		rows = append(rows, attack{name: "an issuer " + who, reason: "issuer", signed: said(idp+"</saml:Issuer>", who+"</saml:Issuer>")})
	}
	attacks(t, rows)
}

// What nobody asked for answers nothing, in both places.
func TestUnsolicited(t *testing.T) {
	t.Parallel()
	x := expected()
	x.InResponseTo = ""
	for _, shape := range samltest.Shapes() {
		m := genuine()
		m.Shape = shape
		refused(t, "an answer, "+shape.String(), validator(), write(t, m), x, "in_response_to")
		m.InResponseTo = ""
		accepted(t, shape.String(), validator(), write(t, m), x)
		m.EditAssertion = func(text string) string {
			return replace(text, "<saml:SubjectConfirmationData", `<saml:SubjectConfirmationData InResponseTo=""`)
		}
		refused(t, "an answer to nothing, "+shape.String(), validator(), write(t, m), x, "in_response_to")
	}
}

// Who has to sign on anew has done so after they were asked.
func TestAge(t *testing.T) {
	t.Parallel()
	begun := time.Now()
	for name, c := range map[string]struct {
		ask    func(x *assertion.Expected)
		signed time.Duration // ago
		fine   bool
	}{
		"fresh":               {func(x *assertion.Expected) { x.Fresh = true }, 0, true},
		"fresh, within skew":  {func(x *assertion.Expected) { x.Fresh = true }, 2 * time.Minute, true},
		"not fresh":           {func(x *assertion.Expected) { x.Fresh = true }, time.Hour, false},
		"young enough":        {func(x *assertion.Expected) { x.MaxAge = 2 * time.Hour }, time.Hour, true},
		"too old":             {func(x *assertion.Expected) { x.MaxAge = time.Hour }, 2 * time.Hour, false},
		"as old as they like": {func(*assertion.Expected) {}, 100 * time.Hour, true},
	} {
		m, x := genuine(), expected()
		m.AuthnInstant, x.Begun = begun.Add(-c.signed), begun
		c.ask(&x)
		if c.fine {
			accepted(t, name, validator(), write(t, m), x)
		} else {
			refused(t, name, validator(), write(t, m), x, "age")
		}
	}
}

// An id has to be remembered for as long as it would be taken, and no longer.
func TestHowLongAnAssertionCounts(t *testing.T) {
	t.Parallel()
	m, x := genuine(), expected()
	a := accepted(t, "it", validator(), write(t, m), x)
	if left := a.Counts.Sub(x.Now); left < 7*time.Minute || left > 8*time.Minute+time.Second {
		t.Errorf("it counts for %s", left)
	}
	x.Now = a.Counts.Add(-2 * time.Second)
	message := write(t, samltest.Message{Issuer: idp, Recipient: acs, Audience: entity, InResponseTo: request, NameID: person, Key: keys()[0], Now: m.Now})
	again, err := read(t, validator(), message, expected())
	if err != nil {
		t.Fatal(err)
	}
	late := expected()
	late.Now = again.Counts
	refused(t, "after that", validator(), message, late, "expired|issue_instant")
	late.Now = again.Counts.Add(-time.Second)
	accepted(t, "before that", validator(), message, late)
}
