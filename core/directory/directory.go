// Package directory keeps organizations' users and groups, who is a member of
// what, and the resources of types that a connection declares of its own. All
// provisioners write it, all sign-ons and rules read it.
//
// A resource belongs to one connection of one organization, its Scope. What one
// connection made, another neither sees nor changes, nor does it stand in its
// way: each statement names the scope.
//
// What follows from a change elsewhere (roles, sessions, keys) is the matter of
// the Listener, which hears of it within the transaction.
package directory

import (
	"context"
	"regexp"
	"time"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/store"
)

// Scope says whose resources are meant.
type Scope struct {
	Organization string // label
	Connection   string // label; "" is what no connection provisions
}

// By says who makes a change: for the audit log.
type By struct {
	Actor   string // such as "connection:acme-okta"
	TraceID string

	// Pass is the pass over an IdP that the change is made in: what it creates,
	// replaces or gives members was seen in it, see EndPass. "" is none.
	Pass string
}

// Listener hears what happened in the directory, within the transaction that
// does it: its error undoes all of it.
type Listener interface {
	Changed(ctx context.Context, tx *store.Tx, by By, s Scope, events []Event) error
}

// EventKind says what happened.
type EventKind string

// The kinds of events.
const (
	UserCreated     EventKind = "user.created"
	UserChanged     EventKind = "user.changed"
	UserDeactivated EventKind = "user.deactivated"
	UserReactivated EventKind = "user.reactivated"
	UserDeleted     EventKind = "user.deleted"
	UserRestored    EventKind = "user.restored"
	GroupCreated    EventKind = "group.created"
	GroupChanged    EventKind = "group.changed" // its name, its external id or another attribute
	GroupDeleted    EventKind = "group.deleted"
	MembersChanged  EventKind = "group.members_changed"
)

// Event is one thing that happened, to a user or to a group.
type Event struct {
	Kind  EventKind
	User  string // id; "" of groups' events
	Group string // id; "" of users' events

	// Added and Removed are the ids of the users and groups that became members
	// or ceased to be. With GroupDeleted, Removed is who was one.
	Added, Removed []string

	// Attributes says, of UserChanged, that something changed that rules can
	// read: not only the external id.
	Attributes bool

	// Active says, of UserDeleted, that the user was active until now.
	Active bool
}

// Options are what a Directory is made from.
type Options struct {
	Store    *store.Store
	Feed     *change.Feed
	Audit    *audit.Log
	Clock    func() time.Time
	Listener Listener // nil: nobody listens
}

// Directory reads and writes the directory.
type Directory struct {
	store    *store.Store
	feed     *change.Feed
	audit    *audit.Log
	clock    func() time.Time
	listener Listener
	starts   *starts
}

// New returns the room.
func New(o Options) *Directory {
	return &Directory{
		store: o.Store, feed: o.Feed, audit: o.Audit, clock: o.Clock, listener: o.Listener, starts: newStarts(),
	}
}

// now is the clock at the store's precision, in microseconds since 1970.
func (d *Directory) now() int64 { return d.clock().UnixMicro() }

// idForm is that of all ids. It has no upper case, so that ids are the same
// whether case counts or not.
var idForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)
