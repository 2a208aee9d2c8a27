package authn

import (
	"fmt"
	"time"
)

// Identity is what an IdP says about a person. Who that is in the directory, and
// what they may do, is the host's to decide.
type Identity struct {
	Issuer    string // the IdP's entityID or issuer
	Subject   string // its name for the person, that stays the same; with SAML the NameID
	Transient bool   // the subject is another one at each sign-on, and no key

	Email         string
	EmailVerified bool
	UserName      string
	DisplayName   string
	GivenName     string
	FamilyName    string
	Attributes    []Attribute // all of them, in the IdP's spelling

	GroupsState GroupsState
	Groups      []string

	Authentication Authentication
	SessionIndex   string    // the IdP's name for its session: SessionIndex, sid
	SessionEnds    time.Time // when the session has to end; zero is unsaid

	// Keep is kept with the session, encrypted, and given to Refresh and Logout:
	// at most 16 KiB.
	Keep        []byte
	Refreshable bool // Keep is good for Refresh

	// Once is what the answer rests on and counts once, such as an assertion; the zero
	// value is nothing. The host refuses the sign-on if it has counted before for the
	// instance, on any node. It is for Complete, and is what the host service once
	// does, without a call of its own, and needs the same grant.
	Once Once

	// Weaknesses are what the instance's configuration lets pass, such as "rsa-sha1".
	Weaknesses []string
}

// Once is an id that counts once. Its limits are those of the host service once
// (hostsvc.Host.Take).
type Once struct {
	Kind  string // such as "assertion"
	ID    string
	Until time.Time // when nobody would take it any more
}

// Attribute is a claim or an attribute with its values.
type Attribute struct {
	Name   string
	Values []string
}

// GroupsState says what a list of groups means.
type GroupsState int

// Only a list that is present can take anything away.
const (
	GroupsPresent    GroupsState = iota + 1 // the list is complete, also when it is empty
	GroupsAbsent                            // the IdP sends none
	GroupsOverflow                          // there are more than it sends
	GroupsPerhapsCut                        // it may have been cut off
)

// String is the word for people.
func (s GroupsState) String() string {
	switch s {
	case GroupsPresent:
		return "present"
	case GroupsAbsent:
		return "absent"
	case GroupsOverflow:
		return "overflow"
	case GroupsPerhapsCut:
		return "perhaps cut"
	}
	return fmt.Sprintf("GroupsState(%d)", int(s))
}

// Authentication is how a person proved at the IdP who they are.
type Authentication struct {
	Time        time.Time // zero is unsaid
	Context     string    // AuthnContextClassRef of SAML, acr of OpenID Connect
	Methods     []string  // amr (RFC 8176), or the IdP's own names
	MultiFactor MultiFactor
}

// MultiFactor says whether more than one factor was used.
type MultiFactor int

// MultiFactorUnsaid counts as no: a person is not let in on a guess.
const (
	MultiFactorUnsaid MultiFactor = iota
	MultiFactorNo
	MultiFactorYes
)

// Denied is an answer of an IdP that signs nobody on, or a message that counts for
// nothing.
type Denied struct {
	// Reason is which check failed, or what the IdP says: lower case letters,
	// digits and underscores, such as "audience". It is in metrics, the audit log
	// and on the page.
	Reason string

	// Detail is for the operator: expected and received, as far as that is
	// nobody's secret. It is not on the page. What is longer than 1 KiB is cut.
	Detail string

	// Status is for a server whose push it is: 400, 401, 403, 404 or 422; any other
	// is 400.
	Status int
}

// Error implements error.
func (d *Denied) Error() string { return "denied: " + d.Reason + ": " + d.Detail }

// Deny makes a Denied.
func Deny(reason, format string, args ...any) *Denied {
	return &Denied{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}
