// Package credential keeps the records of credentials: clients and their API
// keys, revocations of credentials that carry themselves, and admin tokens. It
// issues, rotates and revokes; it never sees a secret again once it was shown,
// and never decides what a client may do.
package credential

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/core/throttle"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Source says where a client was made. A name belongs to one source, and the
// other may not touch it.
type Source string

// The sources.
const (
	FromFile Source = "file" // a client block
	FromAPI  Source = "api"  // admin API or command line
)

// State says whether a client may be used at all.
type State string

// The states of a client. Suspended: its block was taken away; data stays,
// access stops until it comes back.
const (
	Active    State = "active"
	Suspended State = "suspended"
)

// Client is a program that calls the application with keys.
type Client struct {
	ID           string // chosen by the operator, unique in the installation, for ever
	Organization string // label
	Source       Source
	Instance     string // of the authenticator that issues and verifies its keys
	Name         string // for people
	Owner        string // OrganizationOwned, or OwnedBy a user
	State        State
	Scopes       []string       // permissions that its keys are restricted to; empty does not restrict
	Networks     []netip.Prefix // where its keys may be used from; empty is everywhere
	Rate         throttle.Rate  // of its requests, with all its keys; 0 does not limit
	ExpiresAt    time.Time      // zero is no end
	Version      int64          // counts changes; those of its keys are none
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// OrganizationOwned is the owner of a client that no single person owns.
const OrganizationOwned = "organization"

// ClientIDForm is the pattern of clients' ids.
const ClientIDForm = `^[a-z][a-z0-9-]{0,62}$`

var clientID = regexp.MustCompile(ClientIDForm)

// IsClientID reports whether an id can be a client's. A key's never can.
func IsClientID(id string) bool { return clientID.MatchString(id) }

func (c Client) check() error {
	if !clientID.MatchString(c.ID) {
		return problem.New(problem.Invalid, "%q cannot be a client's id", c.ID).
			WithHint("use lower case letters, digits and dashes, a letter first, at most 63 characters")
	}
	if c.Organization == "" {
		return problem.New(problem.Invalid, "client %q has no organization", c.ID)
	}
	if c.Instance == "" {
		return problem.New(problem.Invalid, "client %q names no authenticator", c.ID)
	}
	return nil
}

// KeyState is the state of one key.
type KeyState string

// The states of a key.
const (
	Live    KeyState = "live"
	Revoked KeyState = "revoked"
)

// Key is the record of one secret of a client.
type Key struct {
	ID            string
	ClientID      string
	Instance      string
	State         KeyState
	Verifier      []byte // what the plugin checks a presented secret against
	Hint          string // by which people recognise it in a list
	ExpiresAt     time.Time
	CreatedAt     time.Time
	RevokedAt     time.Time // zero while live
	RevokedReason string
	StoppedAt     time.Time // of a live key whose client's owner left: it is refused; zero is not stopped
	LastUsedAt    time.Time // up to a minute late
	LastUsedFrom  string
	Imported      string // how another system had hashed it, such as "bcrypt"; "" if we made it
	ForeignHash   bool   // the verifier is that hash still: it was not used since
}

// maxLive is how many secrets of a client may be live at once: the one in use
// and, during a rotation, the next.
const maxLive = 2

// Record is a client with its live keys, as a check needs it.
type Record struct {
	Client Client
	Keys   []Key
}

// By says who makes a change: for the audit log, and for what there is to change.
type By struct {
	Actor   string // such as "local", "admin_token:T…", "config:7"
	TraceID string
	Within  string // the organization that the actor is confined to: whatever is of another is not there; "" is none
}

func joinPrefixes(ps []netip.Prefix) string {
	texts := make([]string, len(ps))
	for i, p := range ps {
		texts[i] = p.String()
	}
	return strings.Join(texts, "\n")
}

func splitPrefixes(text string) ([]netip.Prefix, error) {
	var ps []netip.Prefix
	for _, line := range splitLines(text) {
		p, err := netip.ParsePrefix(line)
		if err != nil {
			return nil, err
		}
		ps = append(ps, p)
	}
	return ps, nil
}

func splitLines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// same reports whether two versions of a client say the same.
func (c Client) same(o Client) bool {
	return c.Organization == o.Organization && c.Instance == o.Instance && c.Name == o.Name && c.Owner == o.Owner &&
		c.State == o.State && slices.Equal(c.Scopes, o.Scopes) && slices.Equal(c.Networks, o.Networks) &&
		c.Rate == o.Rate && c.ExpiresAt.Equal(o.ExpiresAt)
}
