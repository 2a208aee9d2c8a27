package provisioning

import (
	"context"
	"io"
	"net/http"

	"github.com/gatehouse-id/gatehouse/core/throttle"
	"github.com/gatehouse-id/gatehouse/sdk/provision"
)

// Connection is what is asked of a connection of the configuration in force.
type Connection struct {
	Label        string
	Organization string // label
	Limits       Limits

	// Provisioners are those that IdPs push to, in the order of the file. Of two
	// with one mount the first gets the requests.
	Provisioners []Provisioner
}

// Provisioner is one configured block.
type Provisioner struct {
	Instance string // "acme-okta/scim"
	Mount    string // "/scim/v2"
}

// Limits are a connection's own, so that the sync of one does not slow another's.
// Zero does not limit.
type Limits struct {
	Concurrent int           // requests at once
	Rate       throttle.Rate // requests in an hour, with a burst of two seconds
	Body       int64         // bytes of one request
}

// Mounted is a path below which provisioners of a kind are found.
type Mounted struct {
	Path   string              // "/scim/v2"
	Errors provision.ErrorForm // of the answers that the host itself gives there
}

// Connections is what the configuration in force declares.
type Connections interface {
	// Connection finds one by its label. One that was taken away, or is suspended
	// with its organization, is not there.
	Connection(label string) (Connection, bool)

	// Mounts are those of all kinds, whether or not a connection uses them.
	Mounts() []Mounted
}

// Request is what a provisioner is handed.
type Request struct {
	Method  string
	Target  string // below the mount, escaped, with the query: "/Users?count=2"
	Header  http.Header
	Body    io.Reader
	BaseURL string // "https://app.example.com/scim/v2"
}

// Response is what it answers. Its Body is closed by whoever asked.
type Response struct {
	Status int
	Header http.Header
	Body   io.ReadCloser
	Notes  []provision.Note // complete once the body was read
}

// Plugins hands requests to the plugins' processes.
type Plugins interface {
	Handle(ctx context.Context, instance, organization string, r Request) (*Response, error)
}
