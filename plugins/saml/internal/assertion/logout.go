package assertion

import (
	"slices"
	"strings"
	"time"

	"github.com/beevik/etree"

	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/tree"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

// LogoutExpected is what a message of logout has to be, to count.
type LogoutExpected struct {
	Issuer       string   // the IdP's entityID
	Prefixes     []string // of other names that it has for itself in these messages
	Destination  string   // our address of logout
	InResponseTo string   // of a response: the ID of our request
	Now          time.Time
	Skew         time.Duration
}

// LogoutRequest is what an IdP asks for: SAML Core §3.7.1.
type LogoutRequest struct {
	ID             string
	Issuer         string
	NameID         NameID
	SessionIndexes []string  // none: all sessions
	Counts         time.Time // until then it would be taken again
}

// mostSessions is how many sessions one message may name.
const mostSessions = 100

// OpenLogout checks that a message is a LogoutRequest or a LogoutResponse, with no
// signature but its own.
func OpenLogout(root *etree.Element, name string) error {
	if !tree.Is(root, tree.Protocol, name) {
		return authn.Deny("not_a_logout", "the message is no %s of SAML 2.0 but a %.100q", name, root.Tag)
	}
	found, err := scan(root)
	if err != nil {
		return err
	}
	for _, s := range found.signatures {
		if s.Parent() != root {
			return authn.Deny("signature_place", "there is a signature in %.100q", s.Parent().Tag)
		}
	}
	if found.assertions > 0 {
		return authn.Deny("assertions", "there is an assertion in a message of logout")
	}
	return nil
}

// ReadLogoutRequest reads a request that was verified: SAML Profiles §4.4.4.1. It
// says where it is for, so that one for another service ends no session here.
func ReadLogoutRequest(e *etree.Element, x LogoutExpected) (r LogoutRequest, err error) {
	at, err := x.common(e, true)
	if err != nil {
		return r, err
	}
	r.ID, r.Issuer, r.Counts = tree.Value(e, "ID"), x.Issuer, at.Add(oldest+x.Skew)
	until, err := instant(e, "NotOnOrAfter", false)
	if err != nil {
		return r, err
	}
	if !until.IsZero() {
		if until = until.Add(x.Skew); !until.After(x.Now) {
			return r, authn.Deny("expired", "the request counted until %s", until.Add(-x.Skew).Format(time.RFC3339))
		}
		if until.Before(r.Counts) {
			r.Counts = until
		}
	}
	name := child(e, "NameID")
	if name == nil {
		return r, authn.Deny("name_id", "the request does not say whose sessions end, or twice")
	}
	if r.NameID, err = ReadNameID(name); err != nil {
		return r, err
	}
	for _, s := range tree.Children(e, tree.Protocol, "SessionIndex") {
		text, ok := tree.Text(s)
		if !ok || text == "" || len(text) > longestNameID || len(r.SessionIndexes) >= mostSessions {
			return r, authn.Deny("session_index", "a session is no text, or there are more than %d", mostSessions)
		}
		r.SessionIndexes = append(r.SessionIndexes, text)
	}
	return r, nil
}

// CheckLogoutResponse reads a response, and reports whether the IdP says that the
// session is over with it: SAML Profiles §4.4.4.2. Some IdPs do not say where theirs
// is for.
func CheckLogoutResponse(e *etree.Element, x LogoutExpected) (over bool, err error) {
	if _, err := x.common(e, false); err != nil {
		return false, err
	}
	if got := tree.Value(e, "InResponseTo"); x.InResponseTo == "" || got != x.InResponseTo {
		return false, authn.Deny("in_response_to", "it answers the request %.100q, not ours", got)
	}
	s := tree.Only(e, tree.Protocol, "Status")
	if s == nil {
		return false, authn.Deny("status", "the response has no status")
	}
	code := tree.Only(s, tree.Protocol, "StatusCode")
	return code != nil && tree.Value(code, "Value") == success && len(code.ChildElements()) == 0, nil // PartialLogout stands within
}

// common are the checks of both.
func (x LogoutExpected) common(e *etree.Element, destination bool) (time.Time, error) {
	if err := version(e); err != nil {
		return time.Time{}, err
	}
	at, err := issued(e, Expected{Now: x.Now, Skew: x.Skew})
	if err != nil {
		return at, err
	}
	if got, there := tree.Attr(e, "Destination"); there && got != x.Destination || !there && destination {
		return at, authn.Deny("destination", "it is for %.200q, not for %q", got, x.Destination)
	}
	from := child(e, "Issuer")
	if from == nil {
		return at, authn.Deny("issuer", "it does not say who it is from")
	}
	got, ok := tree.URI(from)
	if ok && slices.ContainsFunc(x.Prefixes, func(p string) bool { return strings.HasPrefix(got, p) }) {
		return at, nil
	}
	return at, issuer(from, x.Issuer)
}
