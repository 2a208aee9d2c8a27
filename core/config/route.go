package config

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/gatehouse-id/gatehouse/sdk/schema"
)

// Route is a route block: who may use some paths of an upstream.
type Route struct {
	Pattern    string
	Upstream   string
	Methods    []string // upper case; none: all
	Permission string   // "": every authenticated principal
	Public     bool
	MFA        bool          // people must have signed on with more than one factor
	MaxAge     time.Duration // and no longer ago; 0 is any time
	Range      hcl.Range
}

var routeFrame = frame{
	kind: "route", labels: []label{{name: "pattern", free: true}},
	doc: "Who may use the paths that the pattern names. `*` is one segment of a path, `**` any number; the most specific route wins.",
	Schema: schema.Schema{Attributes: []schema.Attribute{
		{Name: "upstream", Type: schema.String, Doc: "The upstream that the route is for. Required where there are several.", Example: `"app"`},
		{Name: "methods", Type: schema.Strings, Doc: "The HTTP methods that the route is for. Without it, all.", Example: `["GET", "POST"]`},
		{Name: "permission", Type: schema.String, Doc: "The permission that the principal needs. Without it, every authenticated principal may.", Example: `"policy:write"`},
		{Name: "mfa", Type: schema.Bool, Default: false, Doc: "Whether only people who have signed on with more than one factor may. Others are sent to do that. Programs may not.", Example: `true`},
		{Name: "max_age", Type: schema.Duration, Doc: "How long ago people may have signed on at their IdP, from 1m to 24h. Others are sent to sign on again. Programs may not. Without it, any time.", Example: `"10m"`},
		{Name: "public", Type: schema.Bool, Default: false, Doc: "Whether everybody may, without a credential.", Example: `true`},
	}},
}

var methodName = regexp.MustCompile(`^[A-Z]{1,32}$`)

func (l *loader) route(b *block) {
	r := Route{
		Pattern: b.labels[0], Upstream: b.text("upstream"), Methods: b.texts("methods"),
		Permission: b.text("permission"), Public: b.flag("public"), MFA: b.flag("mfa"), Range: b.at,
	}
	if a := b.attrs["max_age"]; a.given {
		r.MaxAge = spanned(b, "max_age", time.Minute, 24*time.Hour)
	}
	if why := badPattern(r.Pattern); why != "" {
		b.fail(b.at, b.path, CodeLabel, "Not a pattern of paths", "%s A pattern is an absolute path, such as \"/api/*/items\" or \"/files/**\".", why)
	}
	b.unique("methods")
	for i, m := range r.Methods {
		if !methodName.MatchString(m) {
			b.invalid("methods", strconv.Itoa(i), "Not a method", "Expected an HTTP method in upper case, such as \"GET\".")
		}
	}
	if r.Permission != "" && r.Public {
		b.fail(b.place("public", ""), b.sub("public"), CodeConflict, "Public route with a permission", "A route that is open to everybody asks for no permission. Remove one of the two.")
	}
	if r.Public && (r.MFA || r.MaxAge > 0) {
		b.fail(b.place("public", ""), b.sub("public"), CodeConflict, "Public route that asks for a sign-on", "A route that is open to everybody asks nobody to sign on. Remove one of the two.")
	}
	if a := b.attrs["permission"]; a.given && !a.unknown {
		switch {
		case !ValidPermission(r.Permission):
			b.invalid("permission", "", "Not a permission", "%s", permissionRule)
		case strings.Contains(r.Permission, "*"):
			b.invalid("permission", "", "Wildcard in a route", "A route asks for one permission. Wildcards stand in roles.")
		}
	}
	l.routes = append(l.routes, b)
	l.keep(b, func() {
		if r.Upstream == "" && len(l.config.Upstreams) == 1 {
			r.Upstream = l.config.Upstreams[0].Name
		}
		l.config.Routes = append(l.config.Routes, r)
	})
}

var plainSegment = regexp.MustCompile(`^([A-Za-z0-9._~!$&'()+,:=@-]|%[0-9A-F]{2})+$`)

// badPattern says why a text is no pattern, or "". A pattern is compared with
// paths in normal form, so what cannot stand in one would never match.
func badPattern(p string) string {
	if !strings.HasPrefix(p, "/") {
		return "It does not begin with a slash."
	}
	if len(p) > 2048 {
		return "It has more than 2048 characters."
	}
	if p == "/" {
		return ""
	}
	if strings.HasSuffix(p, "/") {
		return "It ends with a slash: a route covers its path with and without one."
	}
	segments := strings.Split(p[1:], "/")
	for i, s := range segments {
		switch {
		case s == "":
			return "Two slashes stand together."
		case s == "." || s == "..":
			return "It has a dot segment."
		case s == "*" || s == "**":
			if s == "**" && i > 0 && segments[i-1] == "**" {
				return "Two ** stand together."
			}
		case strings.Contains(s, "*"):
			return "A * or ** is a whole segment."
		case strings.ContainsAny(s, "?#"):
			return "It has a query or a fragment."
		case !plainSegment.MatchString(s):
			return "A character in it cannot stand in a path: others than letters, digits and punctuation are percent-encoded in upper case."
		}
	}
	return encodedAmiss(p)
}

// encodedAmiss finds percent-encodings that a path in normal form never has.
func encodedAmiss(p string) string {
	for i := strings.IndexByte(p, '%'); i >= 0 && i+2 < len(p); {
		n, _ := strconv.ParseUint(p[i+1:i+3], 16, 8)
		c := byte(n)
		if c < ' ' || c == 0x7f || strings.IndexByte("/\\%;", c) >= 0 {
			return "It encodes a character that no path may have."
		}
		if strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~", c) >= 0 {
			return "It encodes a character that stands for itself."
		}
		next := strings.IndexByte(p[i+3:], '%')
		if next < 0 {
			break
		}
		i += 3 + next
	}
	return ""
}
