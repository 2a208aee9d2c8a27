package assertion

import (
	"time"

	"github.com/beevik/etree"

	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/tree"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

// Assertion is what an IdP says about somebody: SAML Core §2.3.3.
type Assertion struct {
	ID         string
	Issuer     string
	Audience   string // ours
	NameID     NameID
	Counts     time.Time // until then it would be taken again: as long it has to be remembered
	Authn      Authn
	Attributes []Attribute
}

// NameID is the IdP's name for somebody: SAML Core §2.2.3.
type NameID struct {
	Value           string `json:"value"`
	Format          string `json:"format,omitempty"`
	NameQualifier   string `json:"name_qualifier,omitempty"`
	SPNameQualifier string `json:"sp_name_qualifier,omitempty"`
}

// Authn is how somebody signed on: SAML Core §2.7.2.
type Authn struct {
	Instant      time.Time
	Context      string    // the AuthnContextClassRef
	SessionIndex string    // the IdP's name for its session
	SessionEnds  time.Time // zero is unsaid
}

// Attribute is one with its values: SAML Core §2.7.3.1. Attributes of one name are
// joined, since some IdPs send one for each value.
type Attribute struct {
	Name   string
	Values []string
	Opaque bool // a value was no text, and is left out
}

// bearer is the method by which whoever brings an assertion is its subject:
// SAML Profiles §3.3.
const bearer = "urn:oasis:names:tc:SAML:2.0:cm:bearer"

// Read reads an assertion and holds it against what is expected: SAML Core §2.3 to
// §2.7, Profiles §4.1.4.2 and §4.1.4.3. What is read must have been verified.
func Read(e *etree.Element, x Expected) (a Assertion, err error) {
	if err := version(e); err != nil {
		return a, err
	}
	a.ID = tree.Value(e, "ID")
	at, err := issued(e, x)
	if err != nil {
		return a, err
	}
	if err := once(e, "Issuer", "Subject", "Conditions", "AuthnStatement"); err != nil {
		return a, err
	}
	from := child(e, "Issuer")
	if from == nil {
		return a, authn.Deny("issuer", "the assertion does not say who it is from")
	}
	if err := issuer(from, x.Issuer); err != nil {
		return a, err
	}
	a.Issuer, a.Audience = x.Issuer, x.Audience
	a.Counts = at.Add(oldest + x.Skew)
	for _, check := range []func(*etree.Element, Expected) error{a.subject, a.conditions, a.statement, a.attributes} {
		if err := check(e, x); err != nil {
			return a, err
		}
	}
	return a, nil
}

// subject reads who it is, and that whoever brings the assertion is them.
func (a *Assertion) subject(e *etree.Element, x Expected) error {
	s := child(e, "Subject")
	if s == nil {
		return authn.Deny("subject", "the assertion is about nobody")
	}
	if len(tree.Children(s, tree.Assertion, "EncryptedID")) > 0 {
		return authn.Deny("encrypted_id", "the name of the subject is encrypted by itself, which is not taken; the whole assertion may be")
	}
	name := child(s, "NameID")
	if name == nil {
		return authn.Deny("name_id", "the subject has no NameID, or more than one")
	}
	var err error
	if a.NameID, err = ReadNameID(name); err != nil {
		return err
	}
	confirmations := tree.Children(s, tree.Assertion, "SubjectConfirmation")
	if len(confirmations) != 1 || tree.Value(confirmations[0], "Method") != bearer {
		return authn.Deny("confirmation", "there are %d confirmations of the subject; one is taken, whose method is bearer", len(confirmations))
	}
	data := child(confirmations[0], "SubjectConfirmationData")
	if data == nil {
		return authn.Deny("confirmation", "the confirmation of the subject has no data, or twice")
	}
	return a.confirmed(data, x)
}

func (a *Assertion) confirmed(data *etree.Element, x Expected) error {
	if r := tree.Value(data, "Recipient"); r != x.Recipient {
		return authn.Deny("recipient", "the assertion is to be received at %.200q, not at %q", r, x.Recipient)
	}
	if err := inResponseTo(data, x); err != nil {
		return err
	}
	if _, there := tree.Attr(data, "NotBefore"); there {
		return authn.Deny("confirmation", "a bearer's confirmation has a NotBefore, which it must not have")
	}
	until, err := instant(data, "NotOnOrAfter", true)
	if err != nil {
		return err
	}
	return a.until(until, x, "the confirmation of the subject")
}

// until refuses what is over, and counts no longer than that.
func (a *Assertion) until(end time.Time, x Expected, what string) error {
	end = end.Add(x.Skew)
	if !end.After(x.Now) {
		return authn.Deny("expired", "%s ended %s ago, and %s of that are allowed", what, x.Now.Sub(end.Add(-x.Skew)).Round(time.Second), x.Skew)
	}
	if end.Before(a.Counts) {
		a.Counts = end
	}
	return nil
}

// statement reads how they signed on.
func (a *Assertion) statement(e *etree.Element, x Expected) error {
	s := child(e, "AuthnStatement")
	if s == nil {
		return authn.Deny("authn_statement", "the assertion does not say that somebody signed on")
	}
	at, err := instant(s, "AuthnInstant", true)
	if err != nil {
		return err
	}
	if at.After(x.Now.Add(x.Skew)) {
		return authn.Deny("authn_instant", "they are to have signed on %s from now", at.Sub(x.Now).Round(time.Second))
	}
	oldest := time.Time{}
	if x.Fresh {
		oldest = x.Begun.Add(-x.Skew)
	} else if x.MaxAge > 0 {
		oldest = x.Begun.Add(-x.MaxAge - x.Skew)
	}
	if at.Before(oldest) {
		return authn.Deny("age", "they signed on at %s, and had to after %s", at.Format(time.RFC3339), oldest.UTC().Format(time.RFC3339))
	}
	ends, err := instant(s, "SessionNotOnOrAfter", false)
	if err != nil {
		return err
	}
	if !ends.IsZero() && !ends.Add(x.Skew).After(x.Now) {
		return authn.Deny("session_over", "the session at the IdP ended at %s", ends.Format(time.RFC3339))
	}
	a.Authn = Authn{Instant: at, SessionIndex: tree.Value(s, "SessionIndex"), SessionEnds: ends}
	context := child(s, "AuthnContext")
	if context == nil {
		return authn.Deny("authn_statement", "it does not say how they signed on, or twice")
	}
	switch classes := tree.Children(context, tree.Assertion, "AuthnContextClassRef"); len(classes) {
	case 0:
	case 1:
		class, ok := tree.URI(classes[0])
		if !ok {
			return authn.Deny("authn_statement", "how they signed on is no text")
		}
		a.Authn.Context = class
	default:
		return authn.Deny("authn_statement", "it says in %d ways how they signed on", len(classes))
	}
	return nil
}
