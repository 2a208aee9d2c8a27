// Package provision is what an author implements to take people and groups over
// from an identity provider: one that pushes them by HTTP (a Pusher, such as
// SCIM), or one that must be asked (a Puller).
//
// A provisioner translates. What it reads and writes it asks of the host's
// directory (hostsvc.Host.Find, Members, Apply), with one Apply for all that one
// request of the IdP changes; what a change means for sessions, keys and roles
// is the host's business.
package provision

import (
	"context"
	"net/http"

	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/instance"
	"github.com/gatehouse-id/gatehouse/sdk/schema"
)

// Kind describes one kind of provisioner, and makes instances of it.
type Kind struct {
	Name   string // as it stands in the configuration: provisioner "name" {}
	Doc    string // one or two sentences for the operator
	Schema schema.Schema

	// Mount is the path that an IdP's requests begin with, such as "/scim/v2". ""
	// is for kinds of which no instance is a Pusher.
	Mount string

	// Errors is the form of the answers that the host gives below Mount itself:
	// to a wrong token (401), beyond a limit (429, 413), and when the plugin or
	// the store is not there (503).
	Errors ErrorForm

	// Pulls says that the instances are Pullers.
	Pulls bool

	// New makes an instance from its configuration, or says what is wrong with
	// it. It is also called only to validate: it must not act on anything
	// outside. The instance is a Pusher, a Puller, or both.
	New func(ctx context.Context, c instance.Config) (any, diag.Diagnostics)
}

// ErrorForm is how an error is written.
type ErrorForm string

// The forms.
const (
	SCIMErrors     ErrorForm = "scim"    // RFC 7644 §3.12
	ProblemDetails ErrorForm = "problem" // RFC 9457
)

// Pusher answers the requests of an IdP. The host has checked the token, and
// applies the connection's limits. The request's URL has only path and query,
// and its path begins after the mount: "/Users". BaseURL says where that is seen
// from outside. The context is that of the call: the host's services can be
// asked with it.
//
// A panic with http.ErrAbortHandler breaks the answer off, as with net/http: the IdP
// sees that it is not whole, or gets 503 where it had not begun.
//
// Nothing that the IdP sent, the credential least of all, goes into a log. A
// request may come again: after a plugin has died the IdP is told to repeat it.
type Pusher interface {
	http.Handler
}

// Puller asks an IdP for its people. The host calls it on a schedule.
type Puller interface {
	// Sync does a part of a pass and says where to go on. The first part of a pass
	// has the cursor "". What is in the directory and was not created, replaced or
	// given members in a pass that was completed is deactivated (users) or deleted
	// (groups) at its end, and never before; so an error leaves everybody as they
	// are, and the pass goes on from the same cursor later. A Problem with the code
	// Changed says that the cursor leads nowhere any more: a pass begins anew.
	Sync(ctx context.Context, cursor string) (Progress, error)
}

// Progress is how far a pass has come.
type Progress struct {
	Cursor string // for the next part; at most 64 KiB
	Done   bool   // the pass is complete
}
