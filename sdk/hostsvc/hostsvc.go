// Package hostsvc is how a plugin asks something of its host. Every method takes
// the context of the call that the plugin is answering: it carries the handle
// from which the host takes instance, organization and deadline. Outside of a
// call there is nothing to ask.
package hostsvc

import (
	"context"

	"google.golang.org/grpc"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
	hostv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/host/v1"
)

// The services that a plugin may ask for in its description.
const (
	AuditService     = "audit"     // Audit
	FetchService     = "fetch"     // Fetch, HTTPClient
	DirectoryService = "directory" // Find, Members, Apply
	OnceService      = "once"      // Take
	StateService     = "state"     // Load, Save
	KeysService      = "keys"      // Keys, Sign, Decrypt
)

// Services are all of them.
func Services() []string {
	return []string{AuditService, FetchService, DirectoryService, OnceService, StateService, KeysService}
}

// Host is the plugin's way to its host. The zero value refuses everything.
type Host struct {
	conn  grpc.ClientConnInterface
	asker *asker
}

// New returns the services behind a connection; plugin.Serve calls it.
func New(conn grpc.ClientConnInterface) Host {
	return Host{conn: conn, asker: &asker{client: hostv1.NewDirectoryServiceClient(conn)}}
}

// Audit records an event of the plugin's in the host's audit log. The event is
// a few words with dots; attributes carry no secret. It needs the service
// "audit" in the plugin's description and in the operator's grant.
func (h Host) Audit(ctx context.Context, event string, attributes map[string]string) error {
	handle, err := h.handle(ctx)
	if err != nil {
		return err
	}
	_, err = hostv1.NewAuditServiceClient(h.conn).Record(ctx, &hostv1.RecordRequest{Handle: handle, Event: event, Attributes: attributes})
	return received(err)
}

func (h Host) handle(ctx context.Context) (string, error) {
	handle, ok := ctx.Value(handleKey{}).(string)
	if !ok || h.conn == nil {
		return "", problem.New(problem.Unsupported, "the host can be asked only while one of its calls is answered")
	}
	return handle, nil
}

type handleKey struct{}

// WithHandle returns a context of the call that the handle belongs to. The SDK
// makes it for every call.
func WithHandle(ctx context.Context, handle string) context.Context {
	return context.WithValue(ctx, handleKey{}, handle)
}

func received(err error) error {
	if p, ok := problem.FromGRPC(err); ok {
		return p
	}
	return err
}
