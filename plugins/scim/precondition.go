package scim

import (
	"net/http"
	"strings"
)

// matches reports whether a list of entity tags names the version. Tags are
// compared weakly, also in If-Match: SCIM's are all weak (RFC 7644 §3.14).
func matches(list string, version int64) bool {
	if strings.TrimSpace(list) == "*" {
		return true
	}
	want := strings.TrimPrefix(etag(version), "W/")
	for tag := range strings.SplitSeq(list, ",") {
		if strings.TrimPrefix(strings.TrimSpace(tag), "W/") == want {
			return true
		}
	}
	return false
}

// conditions are what a request says of the version that it is about.
type conditions struct{ ifMatch, ifNoneMatch string }

func conditionsOf(h http.Header) conditions {
	return conditions{strings.Join(h.Values("If-Match"), ","), strings.Join(h.Values("If-None-Match"), ",")}
}

var errPrecondition = fail(http.StatusPreconditionFailed, "", "The resource was changed by somebody else since its version was read. Read it again.")

// write is whether a write may go on over this version.
func (c conditions) write(version int64) error {
	if (c.ifMatch != "" && !matches(c.ifMatch, version)) || (c.ifNoneMatch != "" && matches(c.ifNoneMatch, version)) {
		return errPrecondition
	}
	return nil
}

// unchanged reports whether a reader has this version already.
func (c conditions) unchanged(version int64) bool {
	return c.ifNoneMatch != "" && matches(c.ifNoneMatch, version)
}
