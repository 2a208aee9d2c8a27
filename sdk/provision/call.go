package provision

import "context"

// Call is what a Pusher knows of the request beside the request.
type Call struct {
	BaseURL string // where the mount is seen from outside, without a slash at the end: "https://app.example.com/scim/v2"
	Record  func(Note)
}

// Note tells the operator, in the connection's traffic log, that a request was
// understood otherwise than it was written, or done only in part.
type Note struct {
	Rule   string // which rule did it, such as a quirk's name; letters, digits, dashes
	Detail string // what was done, without values of attributes
}

type callKey struct{}

// WithCall returns a context that carries it. The SDK makes it for every
// request; a test of a Pusher makes its own.
func WithCall(ctx context.Context, c Call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// BaseURL is where the mount is seen from outside, without a slash at the end.
func BaseURL(ctx context.Context) string {
	c, _ := ctx.Value(callKey{}).(Call)
	return c.BaseURL
}

// Record adds a note to the traffic log's entry of the request.
func Record(ctx context.Context, n Note) {
	if c, _ := ctx.Value(callKey{}).(Call); c.Record != nil {
		c.Record(n)
	}
}
