package config

import (
	"net/textproto"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/gatehouse-id/gatehouse/sdk/schema"
)

// Upstream is an upstream block: an application behind Gatehouse.
type Upstream struct {
	Name            string
	URL             *url.URL // an origin, without a path
	Hosts           []string // lower case, without ports; none: every host that no other upstream owns
	Headers         Headers
	Deny            bool // a path without a rule is refused, rather than open to every authenticated principal
	ConnectTimeout  time.Duration
	ResponseTimeout time.Duration // until the header of the response
	PreserveHost    bool          // the application sees the Host that the client sent
	CAFile          string        // PEM; "" for the system's
	Range           hcl.Range
}

// Headers names the request headers that tell the application who calls.
type Headers struct {
	Subject, Kind, Organization, Roles, Assertion string
}

var upstreamFrame = frame{
	kind: "upstream", labels: []label{{name: "name"}},
	doc: "An application behind Gatehouse. Its name is the audience of its assertions.",
	Schema: schema.Schema{Attributes: []schema.Attribute{
		{Name: "url", Type: schema.String, Required: true, Doc: "Where the application listens: scheme and host, perhaps a port. Paths pass through as they are.", Example: `"http://127.0.0.1:9000"`},
		{Name: "hosts", Type: schema.Strings, Doc: "The host names that belong to this application. One upstream may be without: it takes every other host.", Example: `["app.example.com"]`},
		{Name: "headers", Type: schema.Map, Doc: "Other names for the headers that the application sees: keys `subject`, `kind`, `organization`, `roles`, `assertion`. The others are `X-Gatehouse-Subject` and so on.", Example: `{ organization = "X-Tenant-ID" }`},
		{Name: "default", Type: schema.String, Default: "authenticated", Doc: "Who may use a path that no route names: `authenticated` is everybody with a valid credential, `deny` is nobody.", Example: `"deny"`},
		{Name: "connect_timeout", Type: schema.Duration, Default: "5s", Doc: "How long connecting to the application may take.", Example: `"5s"`},
		{Name: "response_timeout", Type: schema.Duration, Default: "60s", Doc: "How long the application may take until the header of its response. The body may then stream without end.", Example: `"60s"`},
		{Name: "preserve_host", Type: schema.Bool, Default: true, Doc: "Whether the application sees the host that the client asked for, rather than the one in `url`.", Example: `true`},
		{Name: "ca_file", Type: schema.String, Doc: "The certificate authorities that sign the application's certificate, in PEM. Without it, the system's.", Example: `"/etc/gatehouse/app-ca.crt"`},
	}},
}

var (
	hostName   = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`)
	headerName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,62}$`)
)

// reservedHeaders carry the request itself, so a statement about the caller in
// one of them would break it or be taken for the client's (RFC 9110, section
// 7.6.1).
var reservedHeaders = []string{
	"Accept", "Authorization", "Connection", "Content-Length", "Content-Type", "Cookie", "Expect", "Forwarded", "Host",
	"Keep-Alive", "Origin", "Proxy-Authorization", "Range", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Via",
	"X-Client-Id", "X-Client-Secret", "X-License-Key", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto",
}

func (l *loader) upstream(b *block) {
	u := Upstream{
		Name: b.labels[0], URL: b.origin("url"), Hosts: b.texts("hosts"), Headers: b.headers(),
		Deny:           b.oneOf("default", "authenticated", "deny") == "deny",
		ConnectTimeout: b.duration("connect_timeout"), ResponseTimeout: b.duration("response_timeout"),
		PreserveHost: b.flag("preserve_host"), CAFile: l.present(b, "ca_file"), Range: b.at,
	}
	b.unique("hosts")
	for i, h := range u.Hosts {
		if !hostName.MatchString(h) || len(h) > 253 {
			b.invalid("hosts", strconv.Itoa(i), "Not a host name", "Expected a name such as \"app.example.com\": lower case, without scheme, port or wildcard.")
			continue
		}
		l.claim("host", h, b, "hosts", strconv.Itoa(i))
	}
	if a := b.attrs["hosts"]; len(u.Hosts) == 0 && !a.unknown && !b.failed {
		if first := l.catchAll; first != nil {
			b.fail(b.at, b.path, CodeDuplicate, "Two upstreams for every host", "The upstream in %s has no hosts either, so a request could go to both. Give hosts to one of them.", position(first.at))
		} else {
			l.catchAll = b
		}
	}
	l.keep(b, func() { l.config.Upstreams = append(l.config.Upstreams, u) })
}

// headers reads the names of the headers. Names that a server behind could
// take for each other (case, underscore for dash) are one.
func (b *block) headers() Headers {
	h := Headers{
		Subject: "X-Gatehouse-Subject", Kind: "X-Gatehouse-Kind", Organization: "X-Gatehouse-Organization",
		Roles: "X-Gatehouse-Roles", Assertion: "X-Gatehouse-Assertion",
	}
	fields := map[string]*string{
		"subject": &h.Subject, "kind": &h.Kind, "organization": &h.Organization, "roles": &h.Roles, "assertion": &h.Assertion,
	}
	keys := []string{"subject", "kind", "organization", "roles", "assertion"}
	given := b.table("headers")
	for _, k := range sortedKeys(given) {
		name := textproto.CanonicalMIMEHeaderKey(given[k])
		switch {
		case fields[k] == nil:
			b.invalid("headers", k, "Unknown header", "The keys are: %s.%s", strings.Join(keys, ", "), b.meant("headers", k, keys))
		case !headerName.MatchString(given[k]):
			b.invalid("headers", k, "Not a header's name", "Expected a name such as \"X-Tenant-ID\": letters, digits and dashes.")
		case slices.Contains(reservedHeaders, name):
			b.invalid("headers", k, "Reserved header", "This header belongs to the request itself. Choose a name of your own, such as \"X-Tenant-ID\".")
		default:
			*fields[k] = given[k]
		}
	}
	taken := map[string]string{}
	for _, k := range keys {
		name := strings.ToLower(*fields[k])
		if other, ok := taken[name]; ok {
			at := k
			if _, ok := given[k]; !ok {
				at = other // the default of one is the name given to the other
			}
			b.fail(b.place("headers", at), b.sub("headers", at), CodeDuplicate, "Header used twice", "%s and %s would be one header.", other, k)
		}
		taken[name] = k
	}
	return h
}
