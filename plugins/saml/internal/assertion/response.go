package assertion

import (
	"strings"
	"time"

	"github.com/beevik/etree"

	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/tree"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

// Expected is what a message has to be, to count.
type Expected struct {
	Issuer       string // the IdP's entityID
	Audience     string // our entityID
	Recipient    string // our assertion consumer service
	InResponseTo string // the ID of our request; "" where there was none, and none may be named

	Now  time.Time
	Skew time.Duration // by which the IdP's clock may be ahead of ours, or behind

	Fresh  bool // the person has signed on after Begun
	MaxAge time.Duration
	Begun  time.Time
}

// oldest is how long ago a message may have been issued, beside the skew: it is for
// one way through a browser.
const oldest = 5 * time.Minute

const success = "urn:oasis:names:tc:SAML:2.0:status:Success" // SAML Core §3.2.2.2

// Check holds a Response against what is expected: SAML Core §3.2.2, Profiles
// §4.1.4.2 and §4.1.4.3, Bindings §3.5.5.2. It proves nothing where the Response is
// not signed, and refuses all the same.
func (r Response) Check(x Expected, signed bool) error {
	e := r.Element
	if err := version(e); err != nil {
		return err
	}
	if _, err := issued(e, x); err != nil {
		return err
	}
	switch destination, there := tree.Attr(e, "Destination"); {
	case there && destination != x.Recipient:
		return authn.Deny("destination", "it is for %.200q, not for %q", destination, x.Recipient)
	case !there && signed:
		return authn.Deny("destination", "the Response is signed, and does not say where it is for")
	}
	if err := inResponseTo(e, x); err != nil {
		return err
	}
	if c := child(e, "Issuer"); c != nil {
		if err := issuer(c, x.Issuer); err != nil {
			return err
		}
	}
	return status(e)
}

func version(e *etree.Element) error {
	if v := tree.Value(e, "Version"); v != "2.0" {
		return authn.Deny("version", "the %s is of version %.20q, not 2.0", e.Tag, v)
	}
	if tree.Value(e, "ID") == "" {
		return authn.Deny("id", "the %s has no ID", e.Tag)
	}
	return nil
}

// issued checks when something was issued.
func issued(e *etree.Element, x Expected) (time.Time, error) {
	at, err := instant(e, "IssueInstant", true)
	switch {
	case err != nil:
		return at, err
	case at.After(x.Now.Add(x.Skew)):
		return at, authn.Deny("issue_instant", "the %s was issued %s ahead of our clock; %s are allowed", e.Tag, at.Sub(x.Now).Round(time.Second), x.Skew)
	case at.Before(x.Now.Add(-x.Skew - oldest)):
		return at, authn.Deny("issue_instant", "the %s was issued %s ago; %s are allowed", e.Tag, x.Now.Sub(at).Round(time.Second), oldest+x.Skew)
	}
	return at, nil
}

// inResponseTo checks that something answers our request, or none.
func inResponseTo(e *etree.Element, x Expected) error {
	switch got, there := tree.Attr(e, "InResponseTo"); {
	case x.InResponseTo == "" && there:
		return authn.Deny("in_response_to", "nobody asked for it, and it answers the request %.100q", got)
	case x.InResponseTo != "" && got != x.InResponseTo:
		return authn.Deny("in_response_to", "the %s answers the request %.100q, not ours", e.Tag, got)
	}
	return nil
}

func issuer(e *etree.Element, want string) error {
	got, ok := tree.URI(e)
	if !ok || want == "" || got != want {
		return authn.Deny("issuer", "it is from %.200q, not from %.200q", got, want)
	}
	if format, there := tree.Attr(e, "Format"); there && format != "urn:oasis:names:tc:SAML:2.0:nameid-format:entity" { // SAML Core §2.2.5
		return authn.Deny("issuer", "the issuer is no entity but a %.100q", format)
	}
	return nil
}

// status reads what became of our request.
func status(e *etree.Element) error {
	s := tree.Only(e, tree.Protocol, "Status")
	var code *etree.Element
	if s != nil {
		code = tree.Only(s, tree.Protocol, "StatusCode")
	}
	if code == nil {
		return authn.Deny("status", "the Response has no status")
	}
	if tree.Value(code, "Value") == success {
		return nil
	}
	said, message := []string{tree.Value(code, "Value")}, ""
	if second := tree.Only(code, tree.Protocol, "StatusCode"); second != nil {
		said = append(said, tree.Value(second, "Value"))
	}
	if m := tree.Only(s, tree.Protocol, "StatusMessage"); m != nil {
		message, _ = tree.Text(m)
	}
	return authn.Deny(reasonOfStatus(said), "the IdP says %.300q: %.300q", said, message)
}

// reasonOfStatus is our word for a status: SAML Core §3.2.2.2.
func reasonOfStatus(codes []string) string {
	const prefix = "urn:oasis:names:tc:SAML:2.0:status:"
	name := strings.TrimPrefix(codes[len(codes)-1], prefix)
	for code, reason := range map[string]string{
		"AuthnFailed": "authn_failed", "RequestDenied": "request_denied", "NoAuthnContext": "no_authn_context",
		"NoPassive": "no_passive", "InvalidNameIDPolicy": "name_id_policy", "UnknownPrincipal": "unknown_principal",
		"RequestUnsupported": "request_unsupported",
	} {
		if name == code {
			return reason
		}
	}
	return "status"
}

// child is the one child in the namespace of assertions; nil where there is none, or
// more than one.
func child(e *etree.Element, name string) *etree.Element { return tree.Only(e, tree.Assertion, name) }

// instant reads a time in UTC: SAML Core §1.3.3. One without a zone would be read as
// local time by somebody, and is refused.
func instant(e *etree.Element, name string, required bool) (time.Time, error) {
	text, there := tree.Attr(e, name)
	if !there && !required {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, strings.Trim(text, tree.Space))
	if err != nil || at.Year() < 2000 || at.Year() > 9999 || len(text) > 64 {
		return time.Time{}, authn.Deny("time", "the %s of %s is %.64q: missing, or no time with a zone", name, e.Tag, text)
	}
	return at.UTC(), nil
}
