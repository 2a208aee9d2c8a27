// Package directory is the directory of users and groups as a provisioner sees
// it: what its own connection made, and nothing of anybody else's. The host
// keeps it; hostsvc.Host reads and changes it.
//
// The model is that of SCIM (RFC 7643), whatever protocol the IdP speaks: its
// attribute names, its types, its rules of case.
package directory

import (
	"encoding/json"
	"regexp"
	"time"

	"github.com/google/uuid"
)

// Type names a kind of resource: one of those below, or one that the connection
// declares of its own (RFC 7643 §6).
type Type string

// The types that the host knows the meaning of (RFC 7643 §4).
const (
	User  Type = "User"
	Group Type = "Group"
)

var typeForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]{0,62}$`)

// Check reports whether the name can be that of a type.
func (t Type) Check() bool { return typeForm.MatchString(string(t)) }

// Resource is a user, a group, or a resource of a type of the connection's own.
type Resource struct {
	Type Type
	ID   string // see NewID

	// ExternalID is the IdP's own id (RFC 7643 §3.1); "" is none. Two groups of one
	// are refused: nothing else tells that a group is made twice. Two users have
	// one where the IdP fills it with something that people share.
	ExternalID string

	// Version counts the changes of the resource and of a group's memberships,
	// from 1. Created and Modified are in microseconds' precision.
	Version           int64
	Created, Modified time.Time

	// Attributes is an object with the attributes by their canonical names, those
	// of an extension in an object under its URN (RFC 7643 §3.3). Not among them
	// are id, externalId, meta, schemas, password, members and groups. A user has
	// a userName, a group a displayName; a user's active, if it is there, is true
	// or false.
	Attributes json.RawMessage

	// Members of a group, and Groups of a user, come along where a Query asks for
	// them. More says that there are more than came: ask Members for the rest.
	Members []Member
	Groups  []Member
	More    bool
}

// Member is one member of a group, or a group that somebody is a member of.
type Member struct {
	ID      string
	Type    Type   // User or Group
	Display string // its displayName, or its userName without one
}

// NewID makes the id of a new resource. Ids that are made one after the other
// are near one another in an index (UUID version 7, RFC 9562 §5.7).
func NewID() string { return uuid.Must(uuid.NewV7()).String() }

// The limits of the directory. What is over them is refused (problem.TooLarge).
const (
	AttributesLimit = 1 << 20 // bytes of one resource's attributes
	PageLimit       = 1000    // resources or members of one page
	FilterLimit     = 500     // comparisons in one filter
)
