package proxy

import (
	"net/http"
	"net/textproto"
	"strings"

	"github.com/gatehouse-id/gatehouse/core/access"
)

// Names are the headers that an application sees of a principal. An empty one
// is the default, X-Gatehouse- and the field's name.
type Names struct {
	Subject, Kind, Organization, Roles, Assertion string
}

// prefix begins every header of ours; nobody outside may send one.
const prefix = "x-gatehouse-"

func (n Names) canonical() Names {
	with := func(name, fallback string) string {
		if name == "" {
			name = fallback
		}
		return textproto.CanonicalMIMEHeaderKey(name)
	}
	return Names{
		Subject: with(n.Subject, "X-Gatehouse-Subject"), Kind: with(n.Kind, "X-Gatehouse-Kind"),
		Organization: with(n.Organization, "X-Gatehouse-Organization"), Roles: with(n.Roles, "X-Gatehouse-Roles"),
		Assertion: with(n.Assertion, "X-Gatehouse-Assertion"),
	}
}

// set writes the identity. Its value slices are shared by all requests of the
// principal; a header map of a request may hold them, since whoever adds to one
// makes a new slice.
func (n Names) set(h http.Header, id *access.Identity) {
	h[n.Subject] = id.Subject()
	h[n.Kind] = id.Kind()
	h[n.Organization] = id.Organization()
	h[n.Roles] = id.Roles()
	h[n.Assertion] = id.Assertion()
}

// identityHeaders are the names that only Gatehouse may set, in the one
// spelling that all their spellings come down to.
type identityHeaders map[string]bool

func newIdentityHeaders(all []Names) identityHeaders {
	set := identityHeaders{}
	for _, n := range all {
		for _, name := range []string{n.Subject, n.Kind, n.Organization, n.Roles, n.Assertion} {
			set[fold(name)] = true
		}
	}
	return set
}

// fold brings a header's name to the one spelling of all that an application
// may take for the same: CGI, WSGI and PHP make one variable of X-Tenant-ID,
// X_Tenant_ID and X.Tenant.ID.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return r
		}
		return '-'
	}, name)
}

func (s identityHeaders) has(name string) bool {
	folded := fold(name)
	return strings.HasPrefix(folded, prefix) || s[folded]
}

// strip removes what claims to be ours, from headers and from the trailers that
// a client may announce.
func (s identityHeaders) strip(h http.Header) {
	for name := range h {
		if s.has(name) {
			delete(h, name)
		}
	}
}

// stripForwarded removes what a client cannot know and an application may
// believe: where the request came from, who somebody upstream said it was, and
// which path or method to take instead of the one that the rule was matched
// against. Ours are set afterwards.
func stripForwarded(h http.Header) {
	for name := range h {
		folded := fold(name)
		switch {
		case strings.HasPrefix(folded, "x-forwarded-"), strings.HasPrefix(folded, "x-original-"),
			folded == "forwarded", folded == "x-real-ip", folded == "x-rewrite-url",
			folded == "x-http-method-override", folded == "x-http-method", folded == "x-method-override":
			delete(h, name)
		}
	}
}
