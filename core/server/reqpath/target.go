package reqpath

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// FromTarget returns the canonical path of a request as it was received by a
// server, for all forms of a request target (RFC 9112 §3.2):
//
//   - origin-form ("/a?b") and absolute-form ("http://host/a?b"): the path,
//     normalised; an absolute-form without a path means "/"
//   - authority-form (CONNECT) and asterisk-form ("OPTIONS *") name no resource
//     of the application and are refused
//
// It reads r.RequestURI, the bytes that were sent, and refuses a request whose
// r.URL says another path: then something between has already rewritten it.
// The host of an absolute-form is r.Host, as net/http sets it.
func FromTarget(r *http.Request) (string, error) {
	target := r.RequestURI
	switch {
	case target == "":
		return "", problem.New(problem.Internal, "the request carries no request target")
	case r.Method == http.MethodConnect:
		return "", refuseTarget("CONNECT asks for a tunnel, and there is none here")
	case target == "*":
		return "", refuseTarget(`"*" names the server, not a path`)
	}
	path, _, _ := strings.Cut(target, "?")
	if !strings.HasPrefix(path, "/") {
		var err error
		if path, err = absolute(path); err != nil {
			return "", err
		}
	}
	canonical, err := Normalize(path)
	if err != nil {
		return "", err
	}
	if received := r.URL.EscapedPath(); received != path && !(received == "" && path == "/") {
		if again, err := Normalize(received); err != nil || again != canonical {
			return "", refuseTarget("its path was rewritten on the way")
		}
	}
	return canonical, nil
}

// Squeezed is FromTarget of the same request without slashes too many: without
// empty segments, and without one at the end. It is for paths that no rule is
// matched against and that no application gets, such as an identity provider's,
// whose base URL ends with a slash before a path that begins with one. All else
// that makes a target refused still does.
func Squeezed(r *http.Request) (string, error) {
	target, _, _ := strings.Cut(r.RequestURI, "?")
	if !strings.HasPrefix(target, "/") || strings.HasPrefix(target, "//") || r.URL.EscapedPath() != target {
		return FromTarget(r) // two slashes at the beginning look like an authority
	}
	segments := slices.DeleteFunc(strings.Split(target, "/"), func(s string) bool { return s == "" })
	again := r.WithContext(r.Context())
	again.RequestURI = "/" + strings.Join(segments, "/")
	var err error
	if again.URL, err = url.ParseRequestURI(again.RequestURI); err != nil {
		return "", refuseTarget("its path cannot be read")
	}
	return FromTarget(again)
}

// absolute cuts scheme and authority off an absolute-form without its query.
func absolute(target string) (string, error) {
	scheme, rest, ok := strings.Cut(target, "://")
	if !ok || !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
		return "", refuseTarget("it is neither a path nor an http URL")
	}
	authority, path, _ := strings.Cut(rest, "/")
	if authority == "" || strings.ContainsAny(authority, "@\\#") {
		return "", refuseTarget("its authority is not a plain host")
	}
	return "/" + path, nil
}

func refuseTarget(reason string) error {
	return problem.New(problem.Invalid, "the request target is refused: %s", reason)
}

// Segments splits a canonical path into its decoded segments, for whoever
// matches or shows them. A trailing slash adds none: "/a/" and "/a" are both
// ["a"], and "/" is empty. The path must come from Normalize.
func Segments(canonical string) []string {
	trimmed := strings.Trim(canonical, "/")
	if trimmed == "" {
		return nil
	}
	segments := strings.Split(trimmed, "/")
	for i, s := range segments {
		if text, err := decode(s); err == nil {
			segments[i] = text
		}
	}
	return segments
}
