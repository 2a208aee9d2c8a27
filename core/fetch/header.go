package fetch

import (
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/http/httpguts"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// The limits of the header of a request.
const (
	headerFields = 64
	headerBytes  = 16 << 10
)

var (
	// reserved are the fields of a request that belong to the connection, or say
	// who asks: they are the host's.
	reserved = []string{
		"Accept-Encoding", "Connection", "Content-Length", "Expect", "Forwarded", "Host", "Keep-Alive", "Te", "Trailer",
		"Transfer-Encoding", "Upgrade", "User-Agent", "Via",
	}
	reservedPrefixes = []string{"Proxy-", "Sec-", "X-Forwarded-", "X-Gatehouse-"}

	// harmless are the fields of which none is a credential. All others may be one.
	harmless = []string{
		"Accept", "Accept-Language", "Cache-Control", "Content-Type", "If-Modified-Since", "If-None-Match", "Pragma", "Range",
	}

	// handedOn are the fields of a response that a plugin gets to see. Cookies and
	// what belongs to the connection are not among them.
	handedOn = []string{
		"Age", "Cache-Control", "Client-Request-Id", "Content-Disposition", "Content-Language", "Content-Location", "Content-Range",
		"Content-Type", "Date", "Dpop-Nonce", "Etag", "Expires", "Last-Modified", "Link", "Location", "Request-Id", "Retry-After",
		"Vary", "Www-Authenticate", "X-Ms-Request-Id", "X-Okta-Request-Id", "X-Request-Id",
	}
	handedOnPrefixes = []string{"Ratelimit", "X-Rate-Limit-", "X-Ratelimit-"}
)

// header checks the header of a request and gives its names their usual form.
func header(given http.Header) (http.Header, error) {
	if len(given) > headerFields {
		return nil, problem.New(problem.Invalid, "%d header fields, %d are allowed", len(given), headerFields)
	}
	out, size := http.Header{}, 0
	for name, values := range given {
		if !httpguts.ValidHeaderFieldName(name) {
			return nil, problem.New(problem.Invalid, "a header field has a name that HTTP does not allow")
		}
		name = http.CanonicalHeaderKey(name)
		if slices.Contains(reserved, name) || hasPrefix(reservedPrefixes, name) {
			return nil, problem.New(problem.Invalid, "the header field %s is the host's to set", name)
		}
		for _, v := range values {
			if !httpguts.ValidHeaderFieldValue(v) {
				return nil, problem.New(problem.Invalid, "the header field %s has a value that HTTP does not allow", name)
			}
			size += len(name) + len(v)
			out[name] = append(out[name], v)
		}
	}
	if size > headerBytes {
		return nil, problem.New(problem.Invalid, "the header has %d bytes, %d are allowed", size, headerBytes)
	}
	return out, nil
}

// carriesSecret reports whether a header may hold a credential.
func carriesSecret(h http.Header, marked []string) bool {
	for name := range h {
		if maySecret(name, marked) {
			return true
		}
	}
	return false
}

// withoutSecrets is the header that another origin may see.
func withoutSecrets(h http.Header, marked []string) http.Header {
	out := http.Header{}
	for name, values := range h {
		if !maySecret(name, marked) {
			out[name] = values
		}
	}
	return out
}

func maySecret(name string, marked []string) bool {
	return !slices.Contains(harmless, name) ||
		slices.ContainsFunc(marked, func(m string) bool { return strings.EqualFold(m, name) })
}

// shown is what a plugin gets to see of the header of a response.
func shown(h http.Header) http.Header {
	out := http.Header{}
	for name, values := range h {
		if !slices.Contains(handedOn, name) && !hasPrefix(handedOnPrefixes, name) {
			continue
		}
		for _, v := range values {
			if utf8.ValidString(v) {
				out[name] = append(out[name], v)
			}
		}
	}
	return out
}

func hasPrefix(prefixes []string, name string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}
