//go:build unix

package pluginhost

import (
	"context"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc/directoryv1"
	hostv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/host/v1"
)

// Caller is who asks the directory: taken from the call that the plugin is
// answering, and from nothing that it says.
type Caller struct {
	Instance     string // "acme-okta/scim": the connection is what stands before the slash
	Organization string
	TraceID      string
}

// Directory serves the directory to provisioners. What reaches it has been
// checked for its form and its size, not for its meaning. Its errors are of
// *problem.Problem where the plugin is to learn more than that it failed.
type Directory interface {
	Find(ctx context.Context, at Caller, q directory.Query) (directory.Page, error)
	Members(ctx context.Context, at Caller, group, after string, limit int) ([]directory.Member, bool, error)
	Apply(ctx context.Context, at Caller, changes []directory.Change) ([]directory.Outcome, error)
}

// directoryV1 serves the directory to one process.
type directoryV1 struct {
	plugin    string
	handles   *handles
	directory Directory
	granted   func() bool // asked once a handle has proved that the plugin was described
}

func (d *directoryV1) service(panicked directoryv1.Panicked) hostv1.DirectoryServiceServer {
	return directoryv1.New(d.open, panicked)
}

// open finds the directory as a live call may see it.
func (d *directoryV1) open(ctx context.Context, handle string) (directoryv1.Directory, context.Context, context.CancelFunc, error) {
	s, err := d.handles.scope(handle, time.Now())
	if err != nil {
		return nil, nil, nil, err
	}
	if d.directory == nil || !d.granted() {
		return nil, nil, nil, notGranted(hostsvc.DirectoryService, d.plugin)
	}
	ctx, cancel := context.WithDeadline(ctx, s.Deadline)
	return scoped{d.directory, Caller{Instance: s.Instance, Organization: s.Organization, TraceID: s.TraceID}}, ctx, cancel, nil
}

// scoped is the directory as one call may see it.
type scoped struct {
	directory Directory
	at        Caller
}

var _ directoryv1.Directory = scoped{}

// Find implements directoryv1.Directory.
func (s scoped) Find(ctx context.Context, q directory.Query) (directory.Page, error) {
	return s.directory.Find(ctx, s.at, q)
}

// Members implements directoryv1.Directory.
func (s scoped) Members(ctx context.Context, group, after string, limit int) ([]directory.Member, bool, error) {
	return s.directory.Members(ctx, s.at, group, after, limit)
}

// Apply implements directoryv1.Directory.
func (s scoped) Apply(ctx context.Context, changes []directory.Change) ([]directory.Outcome, error) {
	return s.directory.Apply(ctx, s.at, changes)
}
