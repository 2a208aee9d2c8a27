package admin

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// etag is the version of a client as an entity tag (RFC 9110 §8.8.3). It names
// what PATCH changes: the uses and the rotation of a key leave it as it is.
func etag(c credential.Client) string { return `"` + strconv.FormatInt(c.Version, 10) + `"` }

// entityTags is the form of If-Match (RFC 9110 §13.1.1).
var entityTags = regexp.MustCompile(`^(W/)?"[!#-~]*"([ \t]*,[ \t]*(W/)?"[!#-~]*")*$`)

// precondition reads If-Match and returns the check that it asks for. A change
// without one is refused (RFC 6585 §3): who has not seen what is there would
// take back what somebody else has just done.
func precondition(r *http.Request) (func(credential.Client) error, error) {
	value := strings.Trim(strings.Join(r.Header["If-Match"], ","), " \t")
	switch {
	case len(r.Header["If-Match"]) == 0:
		return nil, withStatus{http.StatusPreconditionRequired, problem.New(problem.Invalid, "the change does not say which version it is made for").
			WithHint("send If-Match with the ETag of the client as you have read it, or * for whatever it is now")}
	case value == "*":
		return func(credential.Client) error { return nil }, nil
	case !entityTags.MatchString(value):
		return nil, problem.New(problem.Invalid, "the header If-Match is no list of entity tags").WithHint(`such as If-Match: "7"`)
	}
	return func(c credential.Client) error {
		for tag := range strings.SplitSeq(value, ",") {
			if strings.Trim(tag, " \t") == etag(c) { // a weak one never is
				return nil
			}
		}
		return problem.New(problem.Changed, "client %q has changed: it is at version %d", c.ID, c.Version).
			WithHint("read it again, and make the change for what it is now")
	}, nil
}
