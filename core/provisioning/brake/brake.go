// Package brake stops a mass deactivation. It counts the people who leave a
// connection within a window, in the transaction in which they leave: so a
// restart forgets nothing, and two nodes count together. Whoever leaves is
// suspended at once; what cannot be taken back (their keys revoked, the deleted
// removed for good) waits for the window's end.
//
// Above a share of the people who were active when the window began it trips.
// Then that end does not come by itself: an operator releases, or discards, which
// restores everybody of the window.
package brake

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/store"
)

// Mode says what happens to those who leave after the trip.
type Mode string

// The modes.
const (
	Suspend Mode = "suspend" // they are suspended as those before them
	Hold    Mode = "hold"    // they keep their access, and the IdP is told to come again
)

// Rules are those of one connection.
type Rules struct {
	Share  float64       // of the active people, above 0 and at most 1
	Window time.Duration // from the first who leaves
	Mode   Mode
	Least  int // people; with fewer leavers it does not trip, whatever their share is
}

// LeastPeople is the lowest Least. Below it a small connection would trip with
// every second of its leavers.
const LeastPeople = 10

// DefaultRules are those of a connection that says nothing.
func DefaultRules() Rules {
	return Rules{Share: 0.2, Window: time.Hour, Mode: Suspend, Least: LeastPeople}
}

// allowed is how many may leave within a window that began with so many active:
// the next one is above the share, and one of Least at least.
func (r Rules) allowed(active int) int {
	const slip = 1e-9 // 0.29 of 100 is 29 people
	return max(int(r.Share*float64(active)+slip), r.Least-1, LeastPeople-1)
}

// Directory is what the brake asks of where people are kept.
type Directory interface {
	// Active counts the active users of a connection.
	Active(ctx context.Context, tx *store.Tx, s directory.Scope) (int, error)

	// Restore makes a user what they were before they were deactivated or deleted:
	// with their memberships, and active if they were so. Whoever is so already is
	// left alone. Where a name was given away meanwhile it is a
	// Problem (Conflict), and where nobody is left to restore another (NotFound).
	Restore(ctx context.Context, tx *store.Tx, by credential.By, s directory.Scope, user string, active bool) error

	// Purge removes users for good who are deleted; others are left alone.
	Purge(ctx context.Context, tx *store.Tx, by credential.By, s directory.Scope, users []string) error

	// Leave deactivates or deletes a user now, in a transaction of its own, with
	// all that follows from it. Whoever is gone already is no error.
	Leave(ctx context.Context, by credential.By, s directory.Scope, user string, deleted bool) error
}

// Keys is what the brake asks of where keys are kept: those that users own, and
// that stopped when their owners left. Others, made after a return, are left
// alone.
type Keys interface {
	RevokeOwned(ctx context.Context, tx *store.Tx, by credential.By, users []string) error
	RestoreOwned(ctx context.Context, tx *store.Tx, by credential.By, users []string) error
}

// Options are what a Brake is made from.
type Options struct {
	Store     *store.Store
	Audit     *audit.Log
	Directory Directory
	Keys      Keys
	Rules     func(connection string) Rules // of the configuration in force
	Clock     func() time.Time
	Random    io.Reader
	Logger    *slog.Logger
}

// Brake counts, trips, and does what the operator decides.
type Brake struct{ Options }

// New returns the brake.
func New(o Options) *Brake { return &Brake{o} }

// State is what a window waits for.
type State string

// The states of a window.
const (
	Open      State = "open"      // it counts, and ends by itself
	Tripped   State = "tripped"   // it waits for an operator
	Finishing State = "finishing" // its leavers go for good
	Restoring State = "restoring" // its leavers are restored
)

// scope is whose people a window is about.
func (w Window) scope() directory.Scope {
	return directory.Scope{Organization: w.Organization, Connection: w.Connection}
}

// LeaverState is what has become of one who left.
type LeaverState string

// The states of a leaver.
const (
	Left  LeaverState = "left"  // suspended, until the window is finished
	Back  LeaverState = "back"  // reactivated meanwhile; their keys stay stopped
	Held  LeaverState = "held"  // kept from leaving
	Stuck LeaverState = "stuck" // could not be restored: see Problem
)

// Window is one window of a connection.
type Window struct {
	ID           string
	Connection   string // label
	Organization string // label
	State        State
	Mode         Mode
	StartedAt    time.Time
	EndsAt       time.Time // of an open one
	Active       int       // who were active when it began
	Allowed      int       // who may leave
	Leavers      int       // who have left and count
	TrippedAt    time.Time // zero: it has not
	Actor        string    // who has decided on it
	Held         int       // who were kept from leaving
	Stuck        int       // who could not be restored
}

// Gone is how many have left within the window and are not back: of one whose
// leavers are restored those whom nothing could restore, once it is known.
func (w Window) Gone() int {
	if w.State == Restoring && w.Stuck > 0 {
		return w.Stuck
	}
	return w.Leavers
}

// Leaver is one who left within a window, or was kept from it.
type Leaver struct {
	User    string // id
	Deleted bool   // not only deactivated
	Active  bool   // they were active before
	State   LeaverState
	Problem string // why they are stuck
	At      time.Time
}
